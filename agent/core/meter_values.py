"""Meter values as the core tells them: one instant, several values, signed records verbatim."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from agent.core.signed_values import SignedValue
from agent.core.vocabulary import Measurand, ReadingContext


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
    """Put a signed record at the register of its context; add the register if it is not there."""
    register = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER
    found = False
    changed = []
    for value in values:
        samples = []
        for sample in value.samples:
            here = not found and (sample.measurand, sample.context) == (register, context)
            samples.append(replace(sample, signed=signed) if here else sample)
            found = found or here
        changed.append(replace(value, samples=tuple(samples)))
    if found:
        return tuple(changed)
    return (*values, MeterValue(at, (SampledValue(register_wh, register, context, None, signed),)))
