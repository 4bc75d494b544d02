"""How numbers and texts lie in 16-bit registers; both ways, exact.

Numbers are `Decimal`, because energy is billed. A float that a meter sends becomes the shortest
decimal that it stands for, which is what the meter's display shows.
"""

import math
import struct
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

REGISTER_BITS = 16


class RegisterType(StrEnum):
    """What registers hold.

    `t5` and `t6` are Iskra's: an exponent of ten in the first byte, then 24 bits without and with
    sign. `acc32` is SunSpec's accumulator, an unsigned number of 32 bits.
    """

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    T5 = "t5"
    T6 = "t6"
    ACC32 = "acc32"
    STR = "str"


class WordOrder(StrEnum):
    """Which register of a number comes first: the most or the least significant."""

    BIG = "big"
    LITTLE = "little"


_INTEGERS: dict[RegisterType, tuple[int, bool]] = {
    RegisterType.U16: (1, False),
    RegisterType.I16: (1, True),
    RegisterType.U32: (2, False),
    RegisterType.I32: (2, True),
    RegisterType.U64: (4, False),
    RegisterType.I64: (4, True),
    RegisterType.ACC32: (2, False),
}
_FLOATS: dict[RegisterType, tuple[int, str]] = {
    RegisterType.F32: (2, ">f"),
    RegisterType.F64: (4, ">d"),
}
_MOST_DIGITS_F32 = 9
_MANTISSA_BITS = {RegisterType.F32: 24, RegisterType.F64: 53}
_DECADES: dict[RegisterType, bool] = {RegisterType.T5: False, RegisterType.T6: True}
_MANTISSA_BYTES = 3


def width(kind: RegisterType) -> int:
    """Return how many registers a number takes; a text has no width of its own."""
    if kind in _INTEGERS:
        return _INTEGERS[kind][0]
    if kind in _FLOATS:
        return _FLOATS[kind][0]
    return 2 if kind in _DECADES else 0


def decode(kind: RegisterType, words: Sequence[int], order: WordOrder) -> Decimal | None:
    """Return the number in as many registers as its type has, None for a float that is none."""
    raw = _bytes(words, order)
    if kind in _INTEGERS:
        return Decimal(int.from_bytes(raw, "big", signed=_INTEGERS[kind][1]))
    if kind in _FLOATS:
        return _shortest(raw, kind)
    exponent = int.from_bytes(raw[:1], "big", signed=True)
    mantissa = int.from_bytes(raw[1:], "big", signed=_DECADES[kind])
    return Decimal(mantissa).scaleb(exponent)


def encode(kind: RegisterType, number: Decimal, order: WordOrder) -> tuple[int, ...]:
    """Return the registers of a number; raises `OverflowError` for one that does not fit.

    What the type cannot show is rounded, as a meter does.
    """
    if kind in _INTEGERS:
        count, signed = _INTEGERS[kind]
        raw = int(number.to_integral_value()).to_bytes(2 * count, "big", signed=signed)
    elif kind in _FLOATS:
        raw = struct.pack(_FLOATS[kind][1], float(number))
    else:
        raw = _decade(number, signed=_DECADES[kind])
    return _words(raw, order)


def decode_text(words: Sequence[int]) -> str:
    """Return the text before the first NUL, without blanks around it; Latin-1, byte for byte."""
    return text_bytes(words).partition(b"\0")[0].decode("latin-1").strip()


def encode_text(text: str, count: int) -> tuple[int, ...]:
    """Return a text in so many registers, filled up with NUL; raises `OverflowError`."""
    raw = text.encode("latin-1")
    if len(raw) > 2 * count:
        raise OverflowError(f"{len(raw)} bytes do not fit into {count} registers")
    return _words(raw.ljust(2 * count, b"\0"), WordOrder.BIG)


def text_bytes(words: Sequence[int]) -> bytes:
    """Return the bytes of registers, high byte first."""
    return _bytes(words, WordOrder.BIG)


def step(kind: RegisterType, number: Decimal) -> Decimal:
    """Return by how much a register that shows a number changes at least: its resolution."""
    if kind in _MANTISSA_BITS:
        _, exponent = math.frexp(float(number))
        return Decimal(2) ** (exponent - _MANTISSA_BITS[kind])
    if kind in _DECADES:
        words = encode(kind, number, WordOrder.BIG)
        return Decimal(1).scaleb(int.from_bytes(text_bytes(words)[:1], "big", signed=True))
    return Decimal(1)


def _bytes(words: Sequence[int], order: WordOrder) -> bytes:
    ordered = words if order is WordOrder.BIG else words[::-1]
    return b"".join(word.to_bytes(2, "big") for word in ordered)


def _words(raw: bytes, order: WordOrder) -> tuple[int, ...]:
    words = struct.unpack(f">{len(raw) // 2}H", raw)
    return words if order is WordOrder.BIG else words[::-1]


def _shortest(raw: bytes, kind: RegisterType) -> Decimal | None:
    """Return the decimal with the fewest digits that this float stands for."""
    value: float = struct.unpack(_FLOATS[kind][1], raw)[0]
    if not math.isfinite(value):
        return None
    if kind is RegisterType.F64:
        return Decimal(repr(value))
    texts = (f"{value:.{digits}g}" for digits in range(1, _MOST_DIGITS_F32 + 1))
    return Decimal(next(text for text in texts if _packed_f32(text) == raw))


def _packed_f32(text: str) -> bytes:
    try:
        return struct.pack(">f", float(text))
    except OverflowError:  # rounded up beyond the largest float; more digits will do
        return b""


def _decade(number: Decimal, *, signed: bool) -> bytes:
    """Return exponent and mantissa, the mantissa rounded to what fits into three bytes."""
    most = (1 << (8 * _MANTISSA_BYTES - signed)) - 1
    least = -most - 1 if signed else -most
    _, digits, exponent = number.as_tuple()
    power = exponent if isinstance(exponent, int) and any(digits) else 0
    while not least <= (mantissa := number.scaleb(-power).to_integral_value()) <= most:
        power += 1
    return power.to_bytes(1, "big", signed=True) + int(mantissa).to_bytes(
        _MANTISSA_BYTES, "big", signed=signed
    )
