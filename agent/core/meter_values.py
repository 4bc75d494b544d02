"""Meter values as the core tells them: one instant, several values, signed records verbatim."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from agent.core.records import dataclass
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import Measurand, ReadingContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SampledValue:
    """One number: energy in Wh, power in W, current in A, voltage in V, frequency in Hz."""

    value: Decimal
    measurand: Measurand = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    phase: str | None = None
    signed: SignedValue | None = None


@dataclass(frozen=True, slots=True)
class MeterValue:
    """All values of one instant."""

    at: datetime
    samples: tuple[SampledValue, ...]


UNITS = {
    Measurand.ENERGY_ACTIVE_IMPORT_REGISTER: "Wh",
    Measurand.POWER_ACTIVE_IMPORT: "W",
    Measurand.POWER_OFFERED: "W",
    Measurand.CURRENT_IMPORT: "A",
    Measurand.CURRENT_OFFERED: "A",
    Measurand.VOLTAGE: "V",
    Measurand.FREQUENCY: "Hz",
}


def with_signed(
    values: tuple[MeterValue, ...],
    at: datetime,
    register_wh: Decimal,
    context: ReadingContext,
    signed: SignedValue,
) -> tuple[MeterValue, ...]:
    """Put a signed record at the register of its context.

    A register that was not asked for is added for its record's sake, to the last value of that
    instant if there is one (J01.FR.05).
    """
    register = (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER, context)
    for index, value in enumerate(values):
        for place, sample in enumerate(value.samples):
            if (sample.measurand, sample.context) == register:
                marked = _at(value.samples, place, replace(sample, signed=signed))
                return _at(values, index, replace(value, samples=marked))
    added = SampledValue(register_wh, *register, signed=signed)
    if values and values[-1].at == at:
        last = values[-1]
        return (*values[:-1], replace(last, samples=(*last.samples, added)))
    return (*values, MeterValue(at, (added,)))


def _at(items: tuple[T, ...], index: int, item: T) -> tuple[T, ...]:
    return (*items[:index], item, *items[index + 1 :])
