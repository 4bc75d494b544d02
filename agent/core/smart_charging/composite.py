"""The composite schedule of one EVSE or of the station, as GetCompositeSchedule wants it (K08).

It is the plan that sets the pilots; where an EV has said that it will take less, the schedule tells
that (K15.FR.14), while its pilot goes on to offer what it may take.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import ALL_PHASES, NO_LIMIT, UNLIMITED, Ceiling, of_current
from agent.core.smart_charging.plan import Plan, Step, Window
from agent.core.smart_charging.profiles import MAX_PERIODS
from agent.core.smart_charging.site import Allowance, Place, Site
from agent.core.smart_charging.timeline import SECOND_US
from agent.core.vocabulary import RateUnit

LONGEST_S: Final = 31 * 86_400
"""A longer schedule is told as far as this: no plan reaches further."""
_AT_ONCE_US: Final = 6 * 3600 * SECOND_US
"""How far is looked at once: a few hours may have more periods than can be told."""


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """A limit from `start_s` seconds after the schedule's start; `phases` is None for three."""

    start_s: int
    limit: Decimal
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Composite:
    """The limits to come from `start_us`, a whole second; `duration_s` may be less than asked."""

    start_us: int
    duration_s: int
    periods: tuple[CompositePeriod, ...]


def composite(plan: Plan, site: Site, evse: int, unit: RateUnit, duration_s: int) -> Composite:
    """Return the schedule from now on; EVSE 0 is what the station expects to take (K08.FR.03).

    An EVSE without transaction is planned as if one began now (K08.FR.06). The schedule begins
    within the second before now, so that its first change is at a whole second.
    """
    length_s = max(0, min(duration_s, LONGEST_S))
    changes = list(_changes(plan, _as_if_charging(site, evse), evse, unit, length_s))
    aligned_us = changes[1].at_us if len(changes) > 1 else 0
    start_us = site.now_us - (site.now_us - aligned_us) % SECOND_US
    found = [CompositePeriod(0, changes[0].limit, changes[0].phases)]
    for change in changes[1:]:
        start_s = max(1, (change.at_us - start_us + SECOND_US // 2) // SECOND_US)
        if found[-1].start_s == start_s:
            found.pop()
        if start_s >= length_s:
            break
        if len(found) == MAX_PERIODS:
            length_s = start_s
            break
        found.append(CompositePeriod(start_s, change.limit, change.phases))
    return Composite(start_us, length_s, tuple(found))


class _Change(NamedTuple):
    """A limit that holds from an instant on."""

    at_us: int
    limit: Decimal
    phases: int | None


def _changes(plan: Plan, site: Site, evse: int, unit: RateUnit, length_s: int) -> Iterator[_Change]:
    """Yield the limit of now and each other one, a few more than a schedule can hold at most."""
    last: tuple[Decimal, int | None] | None = None
    number = 0
    for step in _steps(plan, site, unit, site.now_us + length_s * SECOND_US):
        amount, phases = _amount(step, site, evse, unit)
        if (amount, phases) != last:
            yield _Change(step.start_us, amount, phases)
            last = (amount, phases)
            number += 1
        if number > 2 * MAX_PERIODS:
            return


def _steps(plan: Plan, site: Site, unit: RateUnit, end_us: int) -> Iterator[Step]:
    """Yield the steps part by part, as the first ones may be enough."""
    from_us = site.now_us
    until_us = max(min(from_us + _AT_ONCE_US, end_us), from_us + 1)
    yield from _meant(plan, site, unit, (from_us, until_us))
    while until_us < end_us:
        from_us, until_us = until_us, min(until_us + _AT_ONCE_US, end_us)
        yield from _meant(plan, site, unit, (from_us, until_us))


def _meant(plan: Plan, site: Site, unit: RateUnit, window: Window) -> Iterator[Step]:
    """Yield the steps of a window, lowered to what EVs mean to take (K15.FR.14, K17.FR.14)."""
    steps = plan.steps(site, *window)
    changes_us = sorted(one.at_us for place in site.places for one in place.intended)
    if not changes_us:
        yield from steps
        return
    listed = list(steps)
    ends_us = [*(step.start_us for step in listed[1:]), window[1]]
    for step, end_us in zip(listed, ends_us, strict=True):
        within_us = (at_us for at_us in changes_us if step.start_us < at_us < end_us)
        for start_us in (step.start_us, *within_us):
            yield _lowered(replace(step, start_us=start_us), site, unit)


def _lowered(step: Step, site: Site, unit: RateUnit) -> Step:
    meant = [_intended(place, unit, step.start_us) for place in site.places]
    pairs = list(zip(step.allowances, meant, strict=True))
    return replace(
        step,
        allowances=tuple(
            Allowance(min(a.current_ma, m.current_ma), min(a.power_mw, m.power_mw), a.phases)
            for a, m in pairs
        ),
        own=tuple(own.lowest(m) for own, m in zip(step.own, meant, strict=True)),
    )


def _intended(place: Place, unit: RateUnit, at_us: int) -> Ceiling:
    """Return what an EV means to take at an instant, in one unit: it may use fewer phases."""
    number = bisect_right(place.intended, at_us, key=lambda one: one.at_us)
    if not number:
        return UNLIMITED
    power_mw, phases = place.intended[number - 1][1:]
    if unit is RateUnit.WATT:
        return Ceiling(NO_LIMIT, power_mw, ALL_PHASES)
    phases = min(phases, place.supply.phases)
    return of_current(power_mw * 1000 // (place.supply.voltage_mv * phases))


def _as_if_charging(site: Site, evse: int) -> Site:
    places = tuple(
        replace(place, active=True) if place.evse == evse else place for place in site.places
    )
    return replace(site, places=places)


def _amount(step: Step, site: Site, evse: int, unit: RateUnit) -> tuple[Decimal, int | None]:
    """Return limit and phases of a step; None is all phases."""
    if evse == 0:
        return _tenths(_total(step, site, unit)), None
    number = [place.evse for place in site.places].index(evse)
    allowance = step.allowances[number]
    amount = allowance.current_ma if unit is RateUnit.AMPERE else allowance.power_mw
    phases = None if allowance.phases == ALL_PHASES else allowance.phases
    return _tenths(amount), phases


def _total(step: Step, site: Site, unit: RateUnit) -> int:
    """Return what all EVSEs may take together, but no more than the station may."""
    own = list(zip(site.places, step.own, strict=True))
    phases = max(place.supply.phases for place in site.places)
    station = replace(site.supply, phases=phases)
    if unit is RateUnit.AMPERE:
        return min(station.current_ma(step.station), sum(p.supply.current_ma(c) for p, c in own))
    return min(station.power_mw(step.station), sum(p.supply.power_mw(c) for p, c in own))


def _tenths(milli: int) -> Decimal:
    """Return thousandths with one decimal, rounded down."""
    return Decimal(milli // 100).scaleb(-1)
