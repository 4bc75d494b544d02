"""What a meter's values must be to each other: ranges, sums, and power against current.

The energy register is judged over time by the station; here is what one reading betrays of a wrong
profile, a wrong meter or wrong wiring. A value out of range is left out of the reading. Values that
contradict each other are left out as well, and the meter is not believed if that goes on: the
requests of one reading are some tenths of a second apart, in which a vehicle may start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from hal.modbus.measurement import Quantities
from hal.modbus.profile import (
    CURRENTS,
    ENERGIES,
    VOLTAGES,
    MeterProfile,
    Quantity,
    RangeCheck,
    SumCheck,
)

_LARGEST = {
    "voltage": (Decimal(0), Decimal(500)),
    "current": (Decimal(-500), Decimal(500)),
    "power": (Decimal(-500_000), Decimal(500_000)),
    "frequency": (Decimal(40), Decimal(70)),
}
"""Ranges for what has none in its profile, wide enough for any alternating-current station."""
_REACTIVE = Decimal("1.1")
_LEAST_POWER_FACTOR = Decimal("0.2")
_SLACK_VA = Decimal(300)
_LOADED_VA = Decimal(1500)
"""From here on a vehicle charges, and nothing charges with a power factor close to zero."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What may be told of a reading.

    `contradiction` says what does not fit together; it is `lasting` if no further reading can
    mend it.
    """

    quantities: Quantities
    contradiction: str = ""
    lasting: bool = False


def judged(profile: MeterProfile, quantities: Quantities) -> Judgement:
    """Return the quantities without those that cannot be true, and why."""
    kept = {each: number for each, number in quantities.items() if _in_range(profile, each, number)}
    for check in profile.sums:
        complaint = _sum_fault(check, kept)
        if complaint:
            energy = check.equals in ENERGIES
            wrong = {*check.parts, check.equals} - {Quantity.ENERGY_IMPORT}
            return Judgement(_without(kept, wrong), complaint, lasting=energy)
    complaint = _power_fault(profile, kept)
    if complaint:
        return Judgement(_without(kept, {Quantity.POWER_TOTAL, *CURRENTS}), complaint)
    return Judgement(kept)


def _in_range(profile: MeterProfile, quantity: Quantity, number: Decimal) -> bool:
    check = next((each for each in profile.ranges if each.quantity is quantity), None)
    low, high = _bounds(quantity, check)
    return quantity in ENERGIES or low <= number <= high


def _bounds(quantity: Quantity, check: RangeCheck | None) -> tuple[Decimal, Decimal]:
    if check is not None:
        return check.low, check.high
    return _LARGEST.get(quantity.value.partition("_")[0], (Decimal(0), Decimal(0)))


def _sum_fault(check: SumCheck, quantities: Mapping[Quantity, Decimal]) -> str:
    if not {*check.parts, check.equals} <= quantities.keys():
        return ""
    total = sum((quantities[part] for part in check.parts), Decimal(0))
    expected = quantities[check.equals]
    if abs(total - expected) <= check.tolerance:
        return ""
    unit = check.equals.unit
    return f"{' + '.join(check.parts)} is {total:f} {unit}, but {check.equals} {expected:f} {unit}"


def _power_fault(profile: MeterProfile, quantities: Quantities) -> str:
    """Compare the power with voltage x current: the active power is a part of it."""
    apparent_va = _apparent_va(profile, quantities)
    power_w = quantities.get(Quantity.POWER_TOTAL)
    if power_w is None or apparent_va is None:
        return ""
    most_w = _REACTIVE * apparent_va + _SLACK_VA
    least_w = _LEAST_POWER_FACTOR * apparent_va if apparent_va > _LOADED_VA else Decimal(0)
    if least_w <= abs(power_w) <= most_w:
        return ""
    return f"the power is {power_w:.0f} W, but voltage times current {apparent_va:.0f} VA"


def _apparent_va(profile: MeterProfile, quantities: Quantities) -> Decimal | None:
    """Return voltage x current of all phases that the meter has, None unless it tells them all."""
    measured = [
        pair for pair in zip(VOLTAGES, CURRENTS, strict=True) if pair[1] in profile.quantities
    ]
    if not measured or not all({*pair} <= quantities.keys() for pair in measured):
        return None
    return sum((abs(quantities[u] * quantities[i]) for u, i in measured), Decimal(0))


def _without(
    quantities: Mapping[Quantity, Decimal], wrong: set[Quantity]
) -> dict[Quantity, Decimal]:
    return {each: number for each, number in quantities.items() if each not in wrong}
