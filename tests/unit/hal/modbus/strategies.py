"""Numbers that a register type can hold, for property tests."""

import struct
from decimal import Decimal

from hypothesis import strategies as st

from hal.modbus.registers import RegisterType

_INTEGERS = {
    RegisterType.U16: (0, 2**16 - 1),
    RegisterType.I16: (-(2**15), 2**15 - 1),
    RegisterType.U32: (0, 2**32 - 1),
    RegisterType.I32: (-(2**31), 2**31 - 1),
    RegisterType.U64: (0, 2**64 - 1),
    RegisterType.I64: (-(2**63), 2**63 - 1),
    RegisterType.ACC32: (0, 2**32 - 1),
}
_DECADES = {RegisterType.T5: (0, 2**24 - 1), RegisterType.T6: (-(2**23), 2**23 - 1)}


def numbers(kind: RegisterType) -> st.SearchStrategy[Decimal]:
    """Numbers that come back from a register exactly as they went in."""
    if kind in _INTEGERS:
        return st.integers(*_INTEGERS[kind]).map(Decimal)
    if kind in _DECADES:
        low, high = _DECADES[kind]
        return st.builds(
            lambda mantissa, exponent: Decimal(mantissa).scaleb(exponent),
            st.integers(low, high),
            st.integers(-20, 20),
        )
    if kind is RegisterType.F32:
        return st.floats(width=32, allow_nan=False, allow_infinity=False).map(shortest_f32)
    return st.floats(allow_nan=False, allow_infinity=False).map(lambda f: Decimal(repr(f)))


def shortest_f32(value: float) -> Decimal:
    """The decimal with the fewest digits that is the same float32, searched for independently."""
    raw = struct.pack(">f", value)
    candidates = (f"{value:.{digits}e}" for digits in range(10))
    return Decimal(next(text for text in candidates if _is(text, raw)))


def _is(text: str, raw: bytes) -> bool:
    try:
        return struct.pack(">f", float(text)) == raw
    except OverflowError:
        return False
