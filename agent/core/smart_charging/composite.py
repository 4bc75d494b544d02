"""The composite schedule of one EVSE or of the station, as GetCompositeSchedule wants it (K08).

It is the plan that sets the pilots; where an EV has said that it will take less, the schedule tells
that (K15.FR.14), while its pilot goes on to offer what it may take.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import ALL_PHASES, ANY_PHASE
from agent.core.smart_charging.intentions import meant
from agent.core.smart_charging.plan import Divisions, Plan, Step
from agent.core.smart_charging.profiles import MAX_PERIODS
from agent.core.smart_charging.site import Site
from agent.core.smart_charging.timeline import SECOND_US
from agent.core.vocabulary import RateUnit

LONGEST_S: Final = 31 * 86_400
"""A longer schedule is told as far as this: no plan reaches further."""
_AT_ONCE_US: Final = 6 * 3600 * SECOND_US
"""How far is looked at once: a few hours may have more periods than can be told."""
_MOST_KNOWN: Final = 4096
"""How many divisions are remembered at most, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """A limit from `start_s` seconds after the schedule's start; `phases` is None for three.

    `phase_to_use` is the one that a profile chooses, None for none.
    """

    start_s: int
    limit: Decimal
    phases: int | None = None
    phase_to_use: int | None = None


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
    work = composing(plan, site, evse, unit, duration_s)
    while True:
        try:
            next(work)
        except StopIteration as done:
            made: Composite = done.value
            return made


def composing(
    plan: Plan, site: Site, evse: int, unit: RateUnit, duration_s: int
) -> Generator[None, None, Composite]:
    """Work a composite schedule out bit by bit; who has other things to do does them in between.

    A month of long schedules takes seconds on a small computer.
    """
    length_s = max(0, min(duration_s, LONGEST_S))
    start_us = site.now_us
    found: list[CompositePeriod] = []
    number = 0
    for change in _changes(plan, _as_if_charging(site, evse), evse, unit, length_s):
        if change is None:
            yield
            continue
        number += 1
        if number == 2:
            start_us -= (start_us - change.at_us) % SECOND_US
        start_s = max(min(number - 1, 1), (change.at_us - start_us + SECOND_US // 2) // SECOND_US)
        if found and found[-1].start_s == start_s:
            found.pop()
        if found and start_s >= length_s:
            break
        if len(found) == MAX_PERIODS:
            length_s = start_s
            break
        found.append(CompositePeriod(start_s, *change[1:]))
    if number == 1:
        start_us -= start_us % SECOND_US
    return Composite(start_us, length_s, tuple(found))


class _Change(NamedTuple):
    """A limit that holds from an instant on."""

    at_us: int
    limit: Decimal
    phases: int | None
    phase_to_use: int | None


def _changes(
    plan: Plan, site: Site, evse: int, unit: RateUnit, length_s: int
) -> Iterator[_Change | None]:
    """Yield the limit of now and each other one, and None after every part of the work."""
    last: tuple[int, int, int] | None = None
    place = [p.evse for p in site.places].index(evse) if evse else None
    for part in _parts(plan, site, unit, site.now_us + length_s * SECOND_US):
        for step in part:
            tenths, phases, phase = found = _amount(step, site, place, unit)
            if found != last:
                limit = Decimal(tenths).scaleb(-1)
                number = None if phases == ALL_PHASES else phases
                yield _Change(step.start_us, limit, number, None if phase == ANY_PHASE else phase)
                last = found
        yield None


def _parts(plan: Plan, site: Site, unit: RateUnit, end_us: int) -> Iterator[Iterator[Step]]:
    """Yield the steps part by part, as the first ones may be enough."""
    known: Divisions = {}
    from_us, end_us = site.now_us, max(end_us, site.now_us + 1)
    while from_us < end_us:
        until_us = min(from_us + _AT_ONCE_US, end_us)
        yield meant(plan.steps(site, from_us, until_us, known), site, unit, until_us)
        from_us = until_us
        if len(known) > _MOST_KNOWN:
            known.clear()


def _as_if_charging(site: Site, evse: int) -> Site:
    places = tuple(
        replace(place, active=True) if place.evse == evse else place for place in site.places
    )
    return replace(site, places=places)


def _amount(step: Step, site: Site, place: int | None, unit: RateUnit) -> tuple[int, int, int]:
    """Return the limit in tenths, rounded down, the phases, and which one is chosen, if any.

    `place` None is the station.
    """
    if place is None:
        return _total(step, site, unit) // 100, ALL_PHASES, ANY_PHASE
    allowance = step.allowances[place]
    milli = allowance.current_ma if unit is RateUnit.AMPERE else allowance.power_mw
    return milli // 100, allowance.phases, allowance.phase


def _total(step: Step, site: Site, unit: RateUnit) -> int:
    """Return what all EVSEs may take together, but no more than the station may."""
    own = list(zip(site.places, step.own, strict=True))
    phases = max(place.supply.phases for place in site.places)
    station = replace(site.supply, phases=phases)
    if unit is RateUnit.AMPERE:
        return min(station.current_ma(step.station), sum(p.supply.current_ma(c) for p, c in own))
    return min(station.power_mw(step.station), sum(p.supply.power_mw(c) for p, c in own))
