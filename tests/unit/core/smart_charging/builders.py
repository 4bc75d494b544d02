"""Short ways to say which profiles a station has and how it stands."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agent.core.smart_charging.ceilings import Supply
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.smart_charging.site import Allowance, Place, Site
from agent.core.smart_charging.timeline import micros
from agent.core.vocabulary import STATION_PURPOSES, ProfilePurpose, RateUnit

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
RUNNING = "7f6d3a52"
STATION_MAX = ProfilePurpose.STATION_MAX
TX_DEFAULT = ProfilePurpose.TX_DEFAULT
TX = ProfilePurpose.TX
PRIORITY = ProfilePurpose.PRIORITY_CHARGING
OUTSIDE = ProfilePurpose.EXTERNAL_CONSTRAINTS
GENERATION = ProfilePurpose.LOCAL_GENERATION
WATT, AMPERE = RateUnit.WATT, RateUnit.AMPERE


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def schedule(
    *periods: tuple[int, Any] | tuple[int, Any, int], unit: RateUnit = AMPERE, **more: Any
) -> ChargingSchedule:
    """Return a schedule of (start in s, limit[, phases])."""
    steps = tuple(SchedulePeriod(p[0], Decimal(str(p[1])), *p[2:]) for p in periods)
    return ChargingSchedule(unit, steps, **more)


def profile(
    *periods: tuple[int, Any] | tuple[int, Any, int],
    purpose: ProfilePurpose = TX_DEFAULT,
    number: int = 1,
    kind: ProfileKind = ProfileKind.ABSOLUTE,
    starts_in_s: float | None = 0,
    unit: RateUnit = AMPERE,
    duration_s: int | None = None,
    **more: Any,
) -> ChargingProfile:
    """Return a profile with one schedule; one at the clock starts now unless it is said when."""
    relative = kind in (ProfileKind.RELATIVE, ProfileKind.DYNAMIC) or starts_in_s is None
    start = None if relative or starts_in_s is None else at(starts_in_s)
    in_schedule = {
        name: more.pop(name)
        for name in ("randomized_delay_s", "local_time", "min_rate")
        if name in more
    }
    given = {
        "stack_level": 0,
        "recurrency": Recurrency.DAILY if kind is ProfileKind.RECURRING else None,
        "transaction_id": RUNNING if purpose is TX else None,
        "updated_at": NOW if kind is ProfileKind.DYNAMIC else None,
    }
    made = schedule(*periods, unit=unit, start=start, duration_s=duration_s, **in_schedule)
    return ChargingProfile(
        id=number, purpose=purpose, kind=kind, schedules=(made,), **{**given, **more}
    )


def installed(
    *periods: tuple[int, Any] | tuple[int, Any, int],
    evse: int | None = None,
    installed_at: datetime = NOW - timedelta(hours=1),
    source: str = "CSO",
    pending: bool | None = None,
    shadows: bool | None = None,
    seed: int = 0,
    **more: Any,
) -> InstalledProfile:
    """Return an installed profile: of the station where only that can be, else of EVSE 1."""
    made = profile(*periods, **more)
    if evse is None:
        evse = 0 if made.purpose in (*STATION_PURPOSES, OUTSIDE) else 1
    return InstalledProfile(evse, made, installed_at, source, pending, shadows, seed)


def place(evse: int = 1, **more: Any) -> Place:
    """Return an EVSE where a car charges in transaction `RUNNING` since now."""
    given: dict[str, Any] = {
        "supply": Supply(),
        "most_ma": 32_000,
        "transaction_id": RUNNING,
        "active": True,
        "ready_us": micros(NOW),
    }
    return Place(evse=evse, **{**given, **more})


IDLE = {"transaction_id": None, "active": False, "ready_us": None}


def site(*places: Place, now: datetime = NOW, **more: Any) -> Site:
    return Site(now_us=micros(now), places=places or (place(),), **more)


def allowances(
    profiles: Sequence[InstalledProfile], *, seconds: float = 0, where: Site | None = None
) -> tuple[Allowance, ...]:
    """Return what each EVSE may offer so many seconds from now."""
    where = replace(where or site(), now_us=micros(at(seconds)))
    return next(plan_of(profiles).steps(where, where.now_us, where.now_us + 1)).allowances


def limit(*profiles: InstalledProfile, seconds: float = 0, where: Site | None = None) -> Decimal:
    """Return what the first EVSE may offer, in tenths of an ampere."""
    first = allowances(profiles, seconds=seconds, where=where)[0]
    return Decimal(first.current_ma // 100).scaleb(-1)


def limits(*profiles: InstalledProfile, seconds: float = 0, where: Site) -> tuple[Decimal, ...]:
    """Return what every EVSE may offer, in tenths of an ampere."""
    found = allowances(profiles, seconds=seconds, where=where)
    return tuple(Decimal(a.current_ma // 100).scaleb(-1) for a in found)


def course(
    *profiles: InstalledProfile, for_s: int, where: Site | None = None
) -> list[tuple[float, Decimal]]:
    """Return when the first EVSE's limit changes, in seconds from now, and to what."""
    where = where or site()
    steps = plan_of(profiles).steps(where, where.now_us, where.now_us + for_s * 1_000_000)
    found: list[tuple[float, Decimal]] = []
    for step in steps:
        amount = Decimal(step.allowances[0].current_ma // 100).scaleb(-1)
        if not found or found[-1][1] != amount:
            found.append(((step.start_us - where.now_us) / 1e6, amount))
    return found
