"""What every EVSE may offer, step by step through a window of time.

The first step of the window that begins now sets the pilots; the whole window is the answer to
GetCompositeSchedule. Instants of change come from the schedules (an event sweep), so the length of
the window costs nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from agent.core.smart_charging.ceilings import (
    UNLIMITED,
    Ceiling,
    lowest,
    of_current,
    raised,
)
from agent.core.smart_charging.division import divided
from agent.core.smart_charging.profiles import InstalledProfile
from agent.core.smart_charging.sharing import TURN_US
from agent.core.smart_charging.site import Allowance, Place, Site
from agent.core.smart_charging.stack import overlaid, spread, stacks_of
from agent.core.smart_charging.timeline import Course, Piece, Timeline
from agent.core.vocabulary import ProfilePurpose


class Step(NamedTuple):
    """From `start_us` on each place of the site, in its order, may offer so much.

    `station` is what the station as a whole may take, `own` what each place may take by itself.
    """

    start_us: int
    allowances: tuple[Allowance, ...]
    station: Ceiling
    own: tuple[Ceiling, ...]


class Plan:
    """The installed profiles, ready to be followed."""

    def __init__(self, timelines: Iterable[Timeline] = ()) -> None:
        self.timelines = tuple(timelines)
        self.stacks = stacks_of(self.timelines)

    def steps(
        self, site: Site, start_us: int, end_us: int, known: "Divisions | None" = None
    ) -> Iterator[Step]:
        """Yield what changes in a window, beginning with its start.

        `known` is what the last window of the same site has divided; it is added to.
        """
        window = (start_us, end_us)
        if len(site.places) > 1:
            site = replace(site, places=tuple(map(self._with_least, site.places)))
        courses = [self._station_course(site, window)]
        courses += [self._own_course(site, place, window) for place in site.places]
        last: Step | None = None
        known = {} if known is None else known
        changes = list(merged(courses))
        ends_us = [*(at_us for at_us, _ in changes[1:]), end_us]
        for (at_us, ceilings), until_us in zip(changes, ends_us, strict=True):
            for step in _divided_steps(site, ceilings, (at_us, until_us), known):
                if last is None or last[1:] != step[1:]:
                    yield step
                last = step

    def maximum(self, site: Site, window: "Window") -> list[Piece]:
        """Return a window of what the CSMS allows the station as a whole."""
        return self._of_station(site, ProfilePurpose.STATION_MAX, window)

    def generated(self, site: Site, window: "Window") -> list[Piece]:
        """Return a window of what is generated on the site, on top of the maximum (K27)."""
        return self._of_station(site, ProfilePurpose.LOCAL_GENERATION, window)

    def of_session(self, site: Site, place: Place, window: "Window") -> list[Piece]:
        """Return a window of the profiles for charging at a place."""
        timelines = self._of_session(place)
        course = _course(site, place)
        if site.spread.most_s and place.ready_us is not None:
            return spread(timelines, course, window, site.spread)
        return overlaid(timelines, course, *window)

    def from_outside(self, site: Site, evse: int, window: "Window") -> list[list[Piece]]:
        """Return a window of each limit that somebody outside has set: all of them hold."""
        timelines = self.stacks.of_evse(ProfilePurpose.EXTERNAL_CONSTRAINTS, evse)
        course = Course(site.now_us, offline_us=site.offline_us, zone=site.zone)
        return [overlaid([timeline], course, *window) for timeline in timelines]

    def _with_least(self, place: Place) -> Place:
        """Let the leading profile of a place tell the least current that is of use to its EV."""
        leading = self._of_session(place)[:1]
        least = leading[0].least(place.choice) if leading else None
        if least is None:
            return place
        return replace(place, least_ma=max(place.least_ma, place.supply.current_ma(least)))

    def _of_session(self, place: Place) -> tuple[Timeline, ...]:
        return self.stacks.of_session(
            place.evse, place.transaction_id, prioritized=place.prioritized
        )

    def _of_station(self, site: Site, purpose: ProfilePurpose, window: "Window") -> list[Piece]:
        course = Course(site.now_us, offline_us=site.offline_us, zone=site.zone)
        return overlaid(self.stacks.of_evse(purpose, 0), course, *window)

    def _station_course(self, site: Site, window: "Window") -> "Ceilings":
        limit = _ceilings(self.maximum(site, window))
        generated = _ceilings(self.generated(site, window))
        if generated[0][1] is not UNLIMITED or len(generated) > 1:
            both = merged((limit, generated))
            limit = [(at_us, raised(most, by, site.supply)) for at_us, (most, by) in both]
        outside = map(_ceilings, self.from_outside(site, 0, window))
        return _lowest([[(window[0], of_current(site.supply_ma))], limit, *outside])

    def _own_course(self, site: Site, place: Place, window: "Window") -> "Ceilings":
        return _lowest(
            [
                [(window[0], of_current(place.most_ma))],
                _ceilings(self.of_session(site, place, window)),
                _fallback(site, window),
                *map(_ceilings, self.from_outside(site, place.evse, window)),
            ]
        )


def plan_of(installed: Iterable[InstalledProfile], before: Plan | None = None) -> Plan:
    """Return the plan of some profiles; what `before` has made of them is used again."""
    known = {} if before is None else {id(t.installed): t for t in before.timelines}
    return Plan(known.get(id(profile)) or Timeline(profile) for profile in installed)


Window = tuple[int, int]
"""The first instant and the one after the last, in microseconds."""

Ceilings = list[tuple[int, Ceiling]]
"""Ceilings with the instants from which they hold, the first at the start of the window."""


Divisions = dict[tuple[Ceiling, ...], tuple[Allowance, ...]]
"""What each place may offer, by the station's ceiling and those of the places."""


def merged(courses: Sequence[Ceilings]) -> Iterator[tuple[int, tuple[Ceiling, ...]]]:
    """Yield each instant at which a course changes, with the values of all of them."""
    values = [course[0][1] for course in courses]
    last_us = courses[0][0][0]
    changes = sorted(
        (at_us, number, ceiling)
        for number, course in enumerate(courses)
        for at_us, ceiling in course[1:]
    )
    for at_us, number, ceiling in changes:
        if at_us != last_us:
            yield last_us, tuple(values)
            last_us = at_us
        values[number] = ceiling
    yield last_us, tuple(values)


def _lowest(courses: Sequence[Ceilings]) -> Ceilings:
    """Return what all courses allow; most of them are constant."""
    constant = lowest(course[0][1] for course in courses if len(course) == 1)
    varying = [course for course in courses if len(course) > 1]
    if not varying:
        return [(courses[0][0][0], constant)]
    if len(varying) == 1:
        return [(at_us, ceiling.lowest(constant)) for at_us, ceiling in varying[0]]
    return [(at_us, lowest((constant, *found))) for at_us, found in merged(varying)]


def _divided_steps(
    site: Site, ceilings: tuple[Ceiling, ...], window: Window, known: Divisions
) -> Sequence[Step]:
    """Return what each place may offer while no ceiling changes: several steps only by turns.

    Schedules have many periods and few limits: what was divided once is `known`.
    """
    at_us, end_us = window
    limit, own = ceilings[0], ceilings[1:]
    if (allowances := known.get(ceilings)) is not None:
        return (Step(at_us, allowances, limit, own),)
    steps = []
    while at_us < end_us:
        turn = at_us // TURN_US
        allowances, by_turns = divided(site, limit, own, turn)
        steps.append(Step(at_us, allowances, limit, own))
        if not by_turns:
            known[ceilings] = allowances
            break
        at_us = (turn + 1) * TURN_US
    return steps


def _course(site: Site, place: Place) -> Course:
    return Course(
        site.now_us if place.ready_us is None else place.ready_us,
        place.transaction_id or "",
        site.offline_us,
        place.choice,
        site.zone,
    )


def _fallback(site: Site, window: Window) -> Ceilings:
    """Return the course of the limit that holds without connection."""
    start_us, end_us = window
    if site.fallback_us is None or site.fallback_us >= end_us:
        return [(start_us, UNLIMITED)]
    limit = of_current(site.fallback_ma)
    if site.fallback_us <= start_us:
        return [(start_us, limit)]
    return [(start_us, UNLIMITED), (site.fallback_us, limit)]


def _ceilings(pieces: Iterable[Piece]) -> Ceilings:
    return [(piece.start_us, piece.ceiling) for piece in pieces]
