"""From registers to what the meter measures."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from hal.api import HardwareError, MeterReading
from hal.modbus import registers
from hal.modbus.profile import CURRENTS, VOLTAGES, MeterProfile, Quantity, Value
from hal.modbus.registers import RegisterType, width

Address = tuple[int, int]
"""The function code with which a register is read, and its number."""
Registers = Mapping[Address, int]
Quantities = Mapping[Quantity, Decimal]

LARGEST_EXPONENT = 10
"""What a scale register may hold; more is no exponent of a meter but a mark for "not there"."""


def measured(profile: MeterProfile, found: Registers) -> Quantities:
    """Return the quantities that the registers tell; what the meter marks as absent is left out."""
    quantities = {}
    for quantity in profile.quantities:
        parts = [_number(profile, value, found) for value in profile.values_of(quantity)]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            quantities[quantity] = sum(known, Decimal(0))
    return MappingProxyType(quantities)


def reading(profile: MeterProfile, quantities: Quantities) -> MeterReading:
    """Return the reading of an energy meter; raises `HardwareError` if it tells no energy.

    A power that is not known is NaN; phases end where the first is not known.
    """
    energy_wh = quantities.get(Quantity.ENERGY_IMPORT)
    if energy_wh is None:
        raise HardwareError(
            f"the {profile.model} marks its energy register as not available; see whether its "
            "display shows an error, and whether the profile is that of this meter"
        )
    frequency_hz = quantities.get(Quantity.FREQUENCY)
    return MeterReading(
        energy_import_wh=energy_wh,
        power_w=float(quantities.get(Quantity.POWER_TOTAL, math.nan)),
        voltage_v=_phases(quantities, VOLTAGES),
        current_a=_phases(quantities, CURRENTS),
        frequency_hz=None if frequency_hz is None else float(frequency_hz),
    )


def resolution_wh(profile: MeterProfile, register_wh: Decimal) -> Decimal:
    """Return the smallest step of the energy that the meter tells at a register.

    That of a float grows with the register: 1 Wh is lost beyond 10 MWh. A scale that the meter
    tells itself counts as 1.
    """
    parts = profile.values_of(Quantity.ENERGY_IMPORT)
    finest = min(parts, key=lambda value: abs(value.scale))
    raw = register_wh / finest.scale if len(parts) == 1 else Decimal(0)
    return abs(registers.step(finest.kind, raw) * finest.scale)


def words_at(found: Registers, function: int, start: int, count: int) -> tuple[int, ...]:
    """Return some registers; all of them must have been read."""
    return tuple(found[function, start + offset] for offset in range(count))


def _number(profile: MeterProfile, value: Value, found: Registers) -> Decimal | None:
    words = words_at(found, value.function, value.address, width(value.kind))
    exponent = _exponent(value, found)
    if exponent is None or _is_marked(profile, value.kind, words):
        return None
    number = registers.decode(value.kind, words, profile.word_order)
    return None if number is None else (number * value.scale).scaleb(exponent)


def _exponent(value: Value, found: Registers) -> int | None:
    if value.scale_register is None:
        return 0
    word = found[value.function, value.scale_register]
    exponent = word - 0x10000 if word & 0x8000 else word
    return exponent if abs(exponent) <= LARGEST_EXPONENT else None


def _is_marked(profile: MeterProfile, kind: RegisterType, words: Sequence[int]) -> bool:
    """Tell whether this raw value means "not available"."""
    mark = profile.nan.get(kind)
    ordered = words if profile.word_order is registers.WordOrder.BIG else words[::-1]
    return mark is not None and int.from_bytes(registers.text_bytes(ordered), "big") == mark


def _phases(quantities: Quantities, wanted: Sequence[Quantity]) -> tuple[float, ...]:
    found = []
    for quantity in wanted:
        if quantity not in quantities:
            break
        found.append(float(quantities[quantity]))
    return tuple(found)
