"""What is taken from a meter reading, when, and in which words."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from agent.core.meter_values import MeterValue, SampledValue
from agent.core.records import dataclass
from agent.core.thinning import every_other_of_the_densest
from agent.core.vocabulary import Measurand, ReadingContext

DAY_S = 86_400
LOADED_A = Decimal(1)
"""From this current on a phase is in use; less is noise of the meter or a car's electronics."""
LEAST_VALUES = 2
"""First and last of a series are never dropped."""
MOST_ENDED_VALUES = 100
"""Of this many meter values an Ended event consists at most, unless fewer are wanted."""
PHASES = ("L1", "L2", "L3")
PHASES_TO_NEUTRAL = ("L1-N", "L2-N", "L3-N")


@dataclass(frozen=True, slots=True)
class Reading:
    """One instant of an EVSE's meter; `fresh` is false for the last reading of a lost meter.

    What the meter does not tell, or not truly, is None or empty. Per-phase values are numbered as
    the meter sees them (J01.FR.11).
    """

    register_wh: Decimal
    power_w: Decimal | None = Decimal(0)
    voltage_v: tuple[Decimal, ...] = ()
    current_a: tuple[Decimal, ...] = ()
    frequency_hz: Decimal | None = None
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """What the EVSE allows the EV: per-phase current and the power that follows from it."""

    limit_a: Decimal = Decimal(0)
    phases: int = 3
    nominal_voltage_v: int = 230

    @property
    def power_w(self) -> Decimal:
        """Return the total power at nominal voltage."""
        return self.limit_a * self.phases * self.nominal_voltage_v


def meter_value(
    at: datetime,
    reading: Reading,
    offer: Offer,
    measurands: Sequence[Measurand],
    context: ReadingContext,
) -> MeterValue | None:
    """Return the values of the chosen measurands at one instant, None if there are none.

    Every phase that the meter offers is reported (S16-MV-06), the register as read (J02.FR.17).
    """
    samples = tuple(
        sample
        for measurand in measurands
        for sample in _samples(measurand, reading, offer, context)
    )
    return MeterValue(at, samples) if samples else None


def phases_in_use(reading: Reading, phases: int) -> int | None:
    """Return on how many phases the EV draws current, None while nobody knows (E02.FR.18).

    A meter that tells no currents leaves the phases that the EVSE offers.
    """
    if not reading.fresh:
        return None
    if not reading.current_a:
        return phases
    return sum(current_a >= LOADED_A for current_a in reading.current_a) or None


def supported(measurands: Iterable[str]) -> bool:
    """Tell whether every name is a measurand that this station can supply."""
    return set(measurands) <= {m.value for m in Measurand}


def next_aligned(now: datetime, interval_s: int) -> datetime:
    """Return the next multiple of the interval counted from midnight UTC (J01.FR.14).

    Midnight is one of them even where the interval does not divide the day. `interval_s` must be
    above 0, `now` must have a time zone.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    elapsed_s = (now - midnight) // timedelta(seconds=1)
    following_s = (elapsed_s // interval_s + 1) * interval_s
    return midnight + timedelta(seconds=min(following_s, DAY_S))


def thinned(series: Sequence[MeterValue], most: int) -> tuple[MeterValue, ...]:
    """Drop every other value between first and last until at most `most` are left (E06.FR.13)."""
    kept = list(series)
    while len(kept) > max(most, LEAST_VALUES):
        doomed = set(every_other_of_the_densest([value.at.timestamp() for value in kept]))
        kept = [value for place, value in enumerate(kept) if place not in doomed]
    return tuple(kept)


def bounded(
    series: Sequence[MeterValue], most_values: int, most_samples: int
) -> tuple[MeterValue, ...]:
    """Thin a series until it has so many values and samples at most, first and last kept.

    Every peer has a bound for the size of a message, and an Ended event must get through.
    """
    kept = thinned(series, most_values)
    while len(kept) > LEAST_VALUES and sum(len(v.samples) for v in kept) > most_samples:
        kept = thinned(kept, len(kept) - 1)
    return kept


def _samples(
    measurand: Measurand, reading: Reading, offer: Offer, context: ReadingContext
) -> tuple[SampledValue, ...]:
    return tuple(
        SampledValue(value, measurand, context, phase)
        for phase, value in _quantities(reading, offer)[measurand]
    )


def _quantities(
    reading: Reading, offer: Offer
) -> dict[Measurand, Sequence[tuple[str | None, Decimal]]]:
    frequency, power_w = reading.frequency_hz, reading.power_w
    return {
        Measurand.ENERGY_ACTIVE_IMPORT_REGISTER: [(None, reading.register_wh)],
        Measurand.POWER_ACTIVE_IMPORT: [] if power_w is None else [(None, power_w)],
        Measurand.CURRENT_IMPORT: list(zip(PHASES, reading.current_a, strict=False)),
        Measurand.VOLTAGE: list(zip(PHASES_TO_NEUTRAL, reading.voltage_v, strict=False)),
        Measurand.FREQUENCY: [] if frequency is None else [(None, frequency)],
        Measurand.CURRENT_OFFERED: [(None, offer.limit_a)],
        Measurand.POWER_OFFERED: [(None, offer.power_w)],
    }
