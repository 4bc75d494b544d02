"""What an EVSE may offer at one instant, worked out slowly and obviously.

Nothing here is shared with the engine but the records of the profiles and the numbers of chance.
It looks at one instant at a time, in decimals and dates, and tries profiles one after the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from agent.core.smart_charging.dice import rolled, seed_of
from agent.core.smart_charging.profiles import (
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit

LENGTHS = {Recurrency.DAILY: timedelta(days=1), Recurrency.WEEKLY: timedelta(days=7)}
TURN = timedelta(minutes=15)
LEAST_A = Decimal(6)


@dataclass(frozen=True)
class Outlet:
    """One EVSE in the reference's own words."""

    evse: int
    phases: int
    voltage_v: int
    most_a: Decimal
    switches: bool = False
    chooses: bool = False
    transaction: str | None = None
    ready: datetime | None = None
    active: bool = False
    paused: bool = False
    prioritized: bool = False
    priority: int = 0
    least_a: Decimal = LEAST_A
    choice: int = 0


@dataclass(frozen=True)
class World:
    """The station in the reference's own words."""

    now: datetime
    outlets: tuple[Outlet, ...]
    supply_a: Decimal | None = None
    offline_since: datetime | None = None
    fallback_from: datetime | None = None
    fallback_a: Decimal = Decimal(0)
    zone: tzinfo = UTC


@dataclass(frozen=True)
class Amount:
    """A limit as it was set."""

    amps: Fraction | None
    watts: Fraction | None
    phases: int = 3
    phase: int | None = None


def leading(
    profiles: Sequence[InstalledProfile], world: World, outlet: Outlet, at: datetime
) -> Amount | None:
    """Return what the first profile that has something to say at an instant says."""
    for installed in profiles:
        found = said(installed, world, outlet, at)
        if found is not None:
            return found
    return None


def every(
    installed: Sequence[InstalledProfile],
    purpose: ProfilePurpose,
    world: World,
    outlet: Outlet,
    at: datetime,
) -> list[Amount]:
    """Return what each profile of a purpose says at an instant: limits from outside all hold."""
    plain = replace(outlet, choice=0, transaction=None, ready=None)
    here = [i for i in installed if i.profile.purpose is purpose and i.evse == outlet.evse]
    return [found for i in here if (found := said(i, world, plain, at)) is not None]


def said(installed: InstalledProfile, world: World, outlet: Outlet, at: datetime) -> Amount | None:
    """Return what one profile says at an instant, None where it says nothing."""
    profile = installed.profile
    schedule = profile.schedules[min(outlet.choice, len(profile.schedules) - 1)]
    elapsed = elapsed_in(installed, schedule, world, outlet, at)
    if elapsed is None or not valid(installed, world, at):
        return None
    end = timedelta.max if schedule.duration_s is None else timedelta(seconds=schedule.duration_s)
    if not timedelta(0) <= elapsed < end:
        return None
    period = None
    for number, candidate in enumerate(schedule.periods):
        begin = timedelta(seconds=candidate.start_s)
        if number and schedule.randomized_delay_s:
            seed = seed_of(installed.seed, outlet.transaction or "")
            begin += timedelta(seconds=rolled(seed, number, schedule.randomized_delay_s))
        if begin <= elapsed:
            period = candidate
    assert period is not None
    amount, phases = Fraction(period.limit), period.phases or 3
    if schedule.unit is RateUnit.AMPERE:
        return Amount(amount, None, phases, period.phase_to_use)
    return Amount(None, amount, phases, period.phase_to_use)


def valid(installed: InstalledProfile, world: World, at: datetime) -> bool:
    profile, since = installed.profile, world.offline_since
    begun = profile.valid_from is None or at >= profile.valid_from
    ended = profile.valid_to is not None and at >= profile.valid_to
    away = since is not None and profile.max_offline_s is not None
    too_long = away and at - since >= timedelta(seconds=profile.max_offline_s)  # type: ignore[operator, arg-type]
    return begun and not ended and not too_long


def elapsed_in(
    installed: InstalledProfile,
    schedule: ChargingSchedule,
    world: World,
    outlet: Outlet,
    at: datetime,
) -> timedelta | None:
    """Return how far into its schedule a profile is, None before it begins."""
    profile = installed.profile
    if profile.kind is ProfileKind.RELATIVE:
        stations = profile.purpose in (ProfilePurpose.STATION_MAX, ProfilePurpose.LOCAL_GENERATION)
        begin = installed.installed_at if stations else (outlet.ready or world.now)
        return max(timedelta(0), at - begin)
    if profile.kind is ProfileKind.DYNAMIC:
        assert profile.updated_at is not None
        if schedule.start is not None and at < schedule.start:
            return None
        begin = max(profile.updated_at, schedule.start or profile.updated_at)
        return max(timedelta(0), at - begin)
    assert schedule.start is not None
    if schedule.local_time:
        wall = at.astimezone(world.zone).replace(tzinfo=None)
        elapsed = wall - schedule.start.replace(tzinfo=None)
    else:
        elapsed = at - schedule.start
    if elapsed >= timedelta(0) and profile.kind is ProfileKind.RECURRING:
        assert profile.recurrency is not None
        elapsed %= LENGTHS[profile.recurrency]
    return elapsed


def levels(
    installed: Sequence[InstalledProfile], purpose: ProfilePurpose, evses: Sequence[int]
) -> list[InstalledProfile]:
    """Return the profiles of a purpose, the highest level first and an EVSE's own before all's."""
    found = [i for i in installed if i.profile.purpose is purpose and i.evse in evses]
    return sorted(found, key=lambda i: (i.profile.stack_level, i.evse), reverse=True)


def of_session(
    installed: Sequence[InstalledProfile], world: World, outlet: Outlet, at: datetime
) -> Amount | None:
    return leading(candidates_of(installed, outlet), world, outlet, at)


def candidates_of(installed: Sequence[InstalledProfile], outlet: Outlet) -> list[InstalledProfile]:
    """Return the profiles for charging at an outlet, those that lead first."""
    here = (outlet.evse, 0)
    candidates: list[InstalledProfile] = []
    if outlet.prioritized:
        candidates += levels(installed, ProfilePurpose.PRIORITY_CHARGING, here)
    for tx in levels(installed, ProfilePurpose.TX, (outlet.evse,)):
        if outlet.transaction is None:
            if tx.pending:
                candidates.append(tx)
        elif tx.profile.transaction_id == outlet.transaction:
            candidates.append(tx)
    defaults = levels(installed, ProfilePurpose.TX_DEFAULT, here)
    return candidates + sorted(defaults, key=lambda d: not d.shadows)


def with_least(installed: Sequence[InstalledProfile], outlet: Outlet) -> Outlet:
    """Raise the least that is of use to what the minChargingRate of the leading profile says."""
    for leader in candidates_of(installed, outlet)[:1]:
        schedules = leader.profile.schedules
        schedule = schedules[min(outlet.choice, len(schedules) - 1)]
        if schedule.min_rate is not None:
            watts = schedule.unit is RateUnit.WATT
            amps = schedule.min_rate / (outlet.voltage_v * outlet.phases if watts else 1)
            return replace(outlet, least_a=max(outlet.least_a, amps))
    return outlet


def of_station(installed: Sequence[InstalledProfile], world: World, at: datetime) -> Amount:
    """Return the station's limit: amperes and watts, and the phases."""
    nobody = Outlet(0, 3, 230, Decimal(0))
    maximum = leading(levels(installed, ProfilePurpose.STATION_MAX, (0,)), world, nobody, at)
    more = leading(levels(installed, ProfilePurpose.LOCAL_GENERATION, (0,)), world, nobody, at)
    outside = every(installed, ProfilePurpose.EXTERNAL_CONSTRAINTS, world, nobody, at)
    amps = [] if world.supply_a is None else [Fraction(world.supply_a)]
    watts: list[Fraction] = []
    phases, chosen = 3, []
    if maximum is not None:
        phases, chosen = maximum.phases, [maximum.phase]
        add_amps = add_watts = Fraction(0)
        if more is not None:
            add_amps = milli(more.amps if more.amps is not None else more.watts / 690)  # type: ignore[operator]
            add_watts = milli(more.watts if more.watts is not None else more.amps * 690)  # type: ignore[operator]
        if maximum.amps is not None:
            amps.append(maximum.amps + add_amps)
        if maximum.watts is not None:
            watts.append(maximum.watts + add_watts)
    for limit in outside:
        phases = min(phases, limit.phases)
        chosen.append(limit.phase)
        amps += [] if limit.amps is None else [limit.amps]
        watts += [] if limit.watts is None else [limit.watts]
    return Amount(min(amps, default=None), min(watts, default=None), phases, first(chosen))


def first(phases: Sequence[int | None]) -> int | None:
    """Return the lowest of the phases that somebody has chosen."""
    return min((phase for phase in phases if phase is not None), default=None)


def allowed(
    installed: Sequence[InstalledProfile], world: World, at: datetime
) -> list[tuple[Decimal, int, int | None]]:
    """Return amperes in tenths, phases, and the chosen phase, for each outlet."""
    station = of_station(installed, world, at)
    alone, chosen = [], []
    for outlet in world.outlets:
        limits = [Amount(Fraction(outlet.most_a), None), station]
        own = of_session(installed, world, outlet, at)
        limits += [] if own is None else [own]
        limits += every(installed, ProfilePurpose.EXTERNAL_CONSTRAINTS, world, outlet, at)
        if world.fallback_from is not None and at >= world.fallback_from:
            limits.append(Amount(Fraction(world.fallback_a), None))
        alone.append(one_current(limits, outlet))
        phase = station.phase or first([limit.phase for limit in limits if limit is not station])
        chosen.append(phase if outlet.chooses and alone[-1][1] == 1 else None)
    found = [(tenths(current), n) for current, n in alone]
    if len(alone) > 1:
        world = replace(world, outlets=tuple(with_least(installed, o) for o in world.outlets))
        found = shared(alone, world, (station.amps, station.watts), at)
    return [(*one, phase) for one, phase in zip(found, chosen, strict=True)]


def one_current(limits: Sequence[Amount], outlet: Outlet) -> tuple[Fraction, int]:
    fewest = min(limit.phases for limit in limits)
    phases = 1 if outlet.switches and fewest < outlet.phases else outlet.phases
    found = [limit.amps for limit in limits if limit.amps is not None]
    found += [
        limit.watts / (outlet.voltage_v * phases) for limit in limits if limit.watts is not None
    ]
    return min(found), phases


def shared(
    alone: Sequence[tuple[Fraction, int]],
    world: World,
    limit: tuple[Fraction | None, Fraction | None],
    at: datetime,
) -> list[tuple[Decimal, int]]:
    """Divide the station's limit; in whole mA, mV and uW, as this is the slowest part."""
    most = [int(current * 1000) for current, _ in alone]
    phases = [n for _, n in alone]
    amps, watts = limit
    rest = Rest(
        weights=[o.voltage_v * 1000 * n for o, n in zip(world.outlets, phases, strict=True)],
        most_ma=None if amps is None else int(amps * 1000),
        most_uw=None if watts is None else int(watts * 1000) * 1000,
    )
    if rest.allows(most):
        return [(tenths(current), n) for current, n in alone]
    most = [
        (min(a, 6000) if outlet.paused else a) // 100 * 100
        for a, outlet in zip(most, world.outlets, strict=True)
    ]
    given = [0] * len(alone)
    for idle in (False, True):
        members = [n for n, o in enumerate(world.outlets) if o.active is not idle]
        order = in_turn(members, world, at)
        served: list[int] = []
        least = [needed(m, o) for m, o in zip(most, world.outlets, strict=True)]
        for number in order:
            tried = list(given)
            for n in [*served, number]:
                tried[n] = least[n]
            if rest.allows(tried):
                served.append(number)
        given = filled(served, given, (least, most), rest)
        for number in order:
            if number not in served:
                given = filled([number], given, ([0] * len(most), most), rest, step_ma=1)
    return [(tenths(Fraction(g, 1000)), n) for g, n in zip(given, phases, strict=True)]


def needed(most_ma: int, outlet: Outlet) -> int:
    return min(most_ma, max(6000, int(outlet.least_a * 1000)))


def in_turn(members: Sequence[int], world: World, at: datetime) -> list[int]:
    turn = (at - datetime(1970, 1, 1, tzinfo=UTC)) // TURN
    order = []
    for rank in sorted({(-world.outlets[n].priority, world.outlets[n].paused) for n in members}):
        equals = [
            n for n in members if (-world.outlets[n].priority, world.outlets[n].paused) == rank
        ]
        order += [equals[(turn + n) % len(equals)] for n in range(len(equals))]
    return order


@dataclass(frozen=True)
class Rest:
    """The station's limit, with what a milliampere of each EVSE weighs in it."""

    weights: Sequence[int]
    most_ma: int | None
    most_uw: int | None

    def allows(self, currents_ma: Sequence[int]) -> bool:
        if self.most_ma is not None and sum(currents_ma) > self.most_ma:
            return False
        power_uw = sum(c * w for c, w in zip(currents_ma, self.weights, strict=True))
        return self.most_uw is None or power_uw <= self.most_uw


def filled(
    served: Sequence[int],
    given: Sequence[int],
    bounds: tuple[Sequence[int], Sequence[int]],
    rest: Rest,
    step_ma: int = 100,
) -> list[int]:
    """Raise all who are served by equal steps, first great and then small, as the limit allows."""
    least, most = bounds
    result = list(given)
    for number in served:
        result[number] = least[number]
    level = 0
    for step in (5000, 1000, step_ma):
        while level < max((most[n] for n in served), default=0):
            higher = list(result)
            for number in served:
                higher[number] = min(most[number], max(least[number], level + step))
            if not rest.allows(higher):
                break
            result = higher
            level += step
    return result


def milli(amount: Fraction) -> Fraction:
    """Round down to thousandths."""
    return Fraction(amount * 1000 // 1, 1000)


def tenths(amount: Fraction) -> Decimal:
    exact = Decimal(int(amount * 1_000_000)).scaleb(-6)
    return exact.quantize(Decimal("0.1"), ROUND_DOWN)
