"""Charging profiles and the limit that follows from them.

What is covered: station maximum, TxDefault and Tx profiles, absolute schedules, one stack level.
One function answers both the pilot and GetCompositeSchedule, so that what is told is what is done.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import groupby, pairwise

from agent.core.records import dataclass
from agent.core.vocabulary import ProfilePurpose, RateUnit

MAX_STACK_LEVEL = 0
MAX_PERIODS = 24
MAX_PROFILES = 16
TENTH = Decimal("0.1")
_KINDS = frozenset({"Absolute", "Relative"})
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_FARTHEST = timedelta(days=36_525)
"""Changes after a century are nobody's plan, and their instants might be beyond all calendars."""
_LONGEST_STEP_S = 2 * 36_525 * 86_400


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """A limit from `start_s` seconds after the schedule's start; amperes per phase or watts."""

    start_s: int
    limit: Decimal
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """Consecutive periods; without `start` they count from the moment the profile was set."""

    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    start: datetime | None = None
    duration_s: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """A charging profile; `kind` is ChargingProfileKindEnumType's word."""

    id: int
    stack_level: int
    purpose: ProfilePurpose
    kind: str
    schedule: ChargingSchedule
    transaction_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A profile with the EVSE that it was set for (0 is the station)."""

    evse: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class Supply:
    """What turns watts into amperes per phase, the hardware's own limit, and how many share.

    A limit of the whole station is divided evenly over its EVSEs, so that their sum keeps it.
    """

    phases: int
    nominal_voltage_v: int
    max_current_a: Decimal
    evses: int = 1


def validate(
    evse: int, profile: ChargingProfile, evses: Iterable[int], running: str | None
) -> str | None:
    """Return a reason code of the standard if the profile cannot be installed (K01), else None.

    `running` is the id of the transaction on that EVSE.
    """
    for refused, reason_code in (
        (evse != 0 and evse not in set(evses), "UnknownEvse"),
        (profile.stack_level not in range(MAX_STACK_LEVEL + 1), "InvalidStackLevel"),
        (profile.kind not in _KINDS, "UnsupportedKind"),
        (profile.purpose is ProfilePurpose.STATION_MAX and evse != 0, "InvalidProfile"),
        (profile.purpose is ProfilePurpose.TX and not _fits(evse, profile, running), "TxNotFound"),
        (not _valid_periods(profile.schedule.periods), "InvalidSchedule"),
        (_ends_before_it_begins(profile), "InvalidSchedule"),
    ):
        if refused:
            return reason_code
    return None


def install(
    installed: Sequence[InstalledProfile], new: InstalledProfile
) -> tuple[InstalledProfile, ...]:
    """Add a profile; one with the same id, or the same EVSE, purpose and stack level, gives way."""
    kept = (
        old
        for old in installed
        if old.profile.id != new.profile.id
        and (old.evse, old.profile.purpose, old.profile.stack_level)
        != (new.evse, new.profile.purpose, new.profile.stack_level)
    )
    return (*kept, new)


def limit_a(
    installed: Sequence[InstalledProfile],
    evse: int,
    supply: Supply,
    transaction_id: str | None,
    now: datetime,
) -> Decimal:
    """Return the current that the EVSE may offer per phase now: the least of all limits."""
    tx, station_max = _leading(installed, evse, transaction_id)
    own_a, total_a = _first_limit(tx, supply, now), _first_limit(station_max, supply, now)
    limits = [supply.max_current_a]
    if own_a is not None:
        limits.append(own_a)
    if total_a is not None:
        limits.append(total_a / supply.evses)
    return max(Decimal(0), min(limits)).quantize(TENTH, ROUND_DOWN)


def composite(
    installed: Sequence[InstalledProfile],
    evse: int,
    supply: Supply,
    transaction_id: str | None,
    window: tuple[datetime, int],
) -> tuple[tuple[int, Decimal], ...]:
    """Return (offset in s, limit in A) pairs over `window` = (start, duration in s), merged."""
    start, duration_s = window
    # A fraction of a second rounds up: before it the old limit still holds.
    changes = {-(-change // _SECOND) for change in _changes(installed, start)}
    offsets = [0, *sorted(offset for offset in changes if offset < duration_s)]
    limits = [
        (
            offset,
            limit_a(installed, evse, supply, transaction_id, start + timedelta(seconds=offset)),
        )
        for offset in offsets
    ]
    return tuple(next(group) for _, group in groupby(limits, key=lambda pair: pair[1]))


def next_change(installed: Sequence[InstalledProfile], now: datetime) -> datetime | None:
    """Return the next instant at which some limit may change, within a day."""
    following = min(_changes(installed, now), default=_DAY)
    return now + following if following < _DAY else None


def _leading(
    installed: Sequence[InstalledProfile], evse: int, transaction_id: str | None
) -> tuple[list[ChargingProfile], list[ChargingProfile]]:
    """Return the EVSE's profiles, Tx before TxDefault and its own before all's, and the maxima."""
    tx = [
        i.profile
        for i in installed
        if i.profile.purpose is ProfilePurpose.TX
        and i.evse == evse
        and i.profile.transaction_id in (None, transaction_id)
        and transaction_id is not None
    ]
    defaults = sorted(
        (i for i in installed if i.profile.purpose is ProfilePurpose.TX_DEFAULT),
        key=lambda i: i.evse == 0,
    )
    own = [i.profile for i in defaults if i.evse in (0, evse)]
    maxima = [i.profile for i in installed if i.profile.purpose is ProfilePurpose.STATION_MAX]
    return tx + own, maxima


def _first_limit(
    profiles: Iterable[ChargingProfile], supply: Supply, now: datetime
) -> Decimal | None:
    limits = (_limit_at(profile, supply, now) for profile in profiles)
    return next((limit for limit in limits if limit is not None), None)


def _limit_at(profile: ChargingProfile, supply: Supply, now: datetime) -> Decimal | None:
    schedule = profile.schedule
    if schedule.start is None or not _valid_at(profile, now):
        return None
    elapsed_s = (now - schedule.start).total_seconds()
    if elapsed_s < 0 or (schedule.duration_s is not None and elapsed_s >= schedule.duration_s):
        return None
    period = next((p for p in reversed(schedule.periods) if p.start_s <= elapsed_s), None)
    return None if period is None else _per_phase_a(period, schedule.unit, supply)


def _per_phase_a(period: SchedulePeriod, unit: RateUnit, supply: Supply) -> Decimal:
    if unit is RateUnit.AMPERE:
        return period.limit
    # Watts are a total: an EV may draw on every phase, also where the profile counts on fewer.
    return period.limit / (supply.phases * supply.nominal_voltage_v)


def _valid_at(profile: ChargingProfile, now: datetime) -> bool:
    begun = profile.valid_from is None or profile.valid_from <= now
    return begun and (profile.valid_to is None or now < profile.valid_to)


def _changes(installed: Sequence[InstalledProfile], start: datetime) -> Iterator[timedelta]:
    """Yield how long after `start` a schedule steps, begins or ends."""
    for profile in (i.profile for i in installed):
        for change in (*_validity(profile, start), *_steps(profile.schedule, start)):
            if timedelta(0) < change < _FARTHEST:
                yield change


def _validity(profile: ChargingProfile, start: datetime) -> Iterator[timedelta]:
    for instant in (profile.valid_from, profile.valid_to):
        if instant is not None:
            yield instant - start


def _steps(schedule: ChargingSchedule, start: datetime) -> Iterator[timedelta]:
    if schedule.start is None:
        return
    ends_s = () if schedule.duration_s is None else (schedule.duration_s,)
    for step_s in (*(period.start_s for period in schedule.periods), *ends_s):
        if step_s < _LONGEST_STEP_S:
            yield schedule.start - start + step_s * _SECOND


def _fits(evse: int, profile: ChargingProfile, running: str | None) -> bool:
    return evse > 0 and running is not None and profile.transaction_id in (None, running)


def _valid_periods(periods: tuple[SchedulePeriod, ...]) -> bool:
    starts = [p.start_s for p in periods]
    return (
        0 < len(periods) <= MAX_PERIODS
        and starts[0] == 0
        and all(a < b for a, b in pairwise(starts))
        and all(p.limit.is_finite() and p.limit >= 0 for p in periods)
        and all(p.phases in (None, 1, 2, 3) for p in periods)
    )


def _ends_before_it_begins(profile: ChargingProfile) -> bool:
    both = profile.valid_from is not None and profile.valid_to is not None
    if not both or profile.valid_from is None or profile.valid_to is None:
        return False
    return profile.valid_to <= profile.valid_from
