"""Meter values as the core tells them: one instant, several values, signed records verbatim."""

from dataclasses import dataclass
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
