"""What the pilots say is what the composite schedule says, at every second, whatever happens.

Whole days with random profiles, limits on site, cars and cables that come and go, clocks that are
set, connections that are lost, and restarts. After every event the composite schedule of each EVSE
is asked for; until the next event what the pilots say is compared with it at every second.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from agent.core.smart_charging.orders import ClearChargingProfile
from agent.core.smart_charging.outside import (
    LimitOrigin,
    LimitSource,
    OutsideLimit,
    with_limit,
    without_limit,
)
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfileRules,
    Recurrency,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit
from agent.services.smart_charging.policy import ChargingSettings
from tests.examples import examples
from tests.unit.services.smart_charging.charging_rig import Rig, station
from tests.virtual_time import VirtualTimeLoop

DAY_S = 86_400
LATE_S = 7
"""A pilot follows within a second, and IEC 61851-1 lets it change every 5 s."""
LATE_SHARED_S = 13
"""What one EVSE is to get more, another one must have given up before."""
ROUNDED_S = 0.5
"""A composite schedule knows whole seconds only."""
KINDS = (ProfileKind.ABSOLUTE, ProfileKind.RECURRING, ProfileKind.RELATIVE)
PURPOSES = (
    *(ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX),
    *(ProfilePurpose.STATION_MAX, ProfilePurpose.PRIORITY_CHARGING),
)
RULES = ProfileRules(same_level_gives_way=True, station_may_be_relative=True)
Course = Sequence[tuple[float, float]]
"""Amperes with the second from which they hold."""


class Happening(NamedTuple):
    """Something that happens, and for how long the station is watched then.

    `seed` decides what there is to decide.
    """

    what: str
    watched_s: int
    seed: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a station; who feeds it may have given it a limit."""

    evses: int
    supply_a: int | None
    happenings: tuple[Happening, ...]


class Life:
    """What happens at a station, and the comparison."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.compared = self.accepted = self.restarts = self.steps = 0
        self._late_s = LATE_S if len(rig.guard.pilots) == 1 else LATE_SHARED_S
        self._acts: Mapping[str, Callable[[Random], Awaitable[None]]] = {
            "nothing": self._nothing,
            "sets": self._sets,
            "clears": self._clears,
            "site": self._site,
            "car": self._car,
            "clock": self._clock,
            "connection": self._connection,
            "restart": self._restart,
            "priority": self._priority,
        }

    async def goes_on(self, day: Day) -> None:
        """Live through a day; the last look lasts until it is over."""
        end_s = self._now_s() + DAY_S
        for what, watched_s, seed in day.happenings:
            left_s = int(end_s - self._now_s()) - 60
            if left_s <= 0:
                break
            await self._acts[what](Random(seed))  # noqa: S311 - the same life each time
            await self._compares(min(watched_s, left_s))
        while (left_s := int(end_s - self._now_s())) > 0:
            await self._compares(min(left_s, 7200))

    async def _nothing(self, dice: Random) -> None:
        del dice

    async def _sets(self, dice: Random) -> None:
        purpose = dice.choice(PURPOSES)
        evse = dice.randint(0, len(self.rig.evses))
        if purpose is ProfilePurpose.STATION_MAX:
            evse = 0
        elif purpose is ProfilePurpose.TX:
            evse = max(1, evse)
        self.accepted += await self.rig.sets(self._profile(dice, purpose), evse)

    async def _clears(self, dice: Random) -> None:
        installed = [one for one in self.rig.book.installed if not one.is_external]
        if installed:
            number = dice.choice(installed).profile.id
            await self.rig.service.clear(ClearChargingProfile(number))

    async def _site(self, dice: Random) -> None:
        """Limit the station or an EVSE from outside, or release that."""
        source = dice.choice((LimitSource.SO, LimitSource.EMS))
        origin = LimitOrigin(dice.randint(0, len(self.rig.evses)), source)
        change = partial(without_limit, origin=origin)
        if dice.random() < 0.6:
            unit = dice.choice((RateUnit.AMPERE, RateUnit.WATT))
            limit = OutsideLimit(origin=origin, limit=_limit(dice, unit), unit=unit)
            change = partial(with_limit, limit=limit, highest_id=-1, at=self.rig.clock.now())
        self.rig.book.change_at_once(change)
        await asyncio.sleep(0.1)

    async def _car(self, dice: Random) -> None:
        evse = dice.choice(list(self.rig.evses))
        pilot = self.rig.guard.pilots[evse]
        if pilot.plugged:
            await self.rig.ends(evse)
        else:
            pilot.cable_a = dice.choice((None, None, 13, 20, 32))
            await self.rig.begins(evse)

    async def _clock(self, dice: Random) -> None:
        self.steps += 1
        self.rig.clock.wrong_by += timedelta(seconds=dice.choice((-7200, -90, -2, 3, 600, 5000)))

    async def _connection(self, dice: Random) -> None:
        self.rig.service.connection_is(up=dice.random() < 0.6)

    async def _restart(self, dice: Random) -> None:
        del dice
        self.restarts += 1
        await self.rig.restart()
        self.rig.service.connection_is(up=True)

    async def _priority(self, dice: Random) -> None:
        running = sorted(self.rig.standing.running())
        self.rig.service.prefer(frozenset(one for one in running if dice.random() < 0.5))

    def _profile(self, dice: Random, purpose: ProfilePurpose) -> ChargingProfile:
        kind = dice.choice(KINDS)
        unit = dice.choice((RateUnit.AMPERE, RateUnit.AMPERE, RateUnit.WATT))
        length_s = dice.choice((30, 300, 7200))
        starts = sorted(dice.sample(range(1, length_s), dice.choice((0, 1, 4, 12))))
        start = self.rig.clock.now() + timedelta(seconds=dice.randint(-length_s, 600))
        schedule = ChargingSchedule(
            unit=unit,
            periods=tuple(SchedulePeriod(s, _limit(dice, unit)) for s in (0, *starts)),
            start=None if kind is ProfileKind.RELATIVE else start,
            duration_s=dice.choice((None, None, length_s)),
        )
        return ChargingProfile(
            id=dice.randint(1, 9),
            stack_level=dice.randint(0, 2),
            purpose=purpose,
            kind=kind,
            schedules=(schedule,),
            recurrency=Recurrency.DAILY if kind is ProfileKind.RECURRING else None,
        )

    # --- The comparison.

    async def _compares(self, for_s: int) -> None:
        begin_s = self._now_s()
        courses = {
            evse: await self.rig.composite(evse, for_s + 10) for evse in (0, *self.rig.evses)
        }
        await asyncio.sleep(for_s)
        seconds = range(int(begin_s) + self._late_s + 1, int(self._now_s()) + 1)
        for first, so_many in self._stretches(seconds, courses):
            self._compare(first, so_many, courses)

    def _stretches(
        self, seconds: range, courses: Mapping[int, Course]
    ) -> Iterator[tuple[int, int]]:
        """Yield the first of each run of seconds between which nothing changes, and their number.

        The comparison of a second depends on the pilots then, and on the courses from `_late_s`
        before it to `ROUNDED_S` after it: at the others of a run it would be the very same.
        """
        changes_s = [at_s for pilot in self.rig.guard.pilots.values() for at_s, _ in pilot.log]
        for course in courses.values():
            changes_s += [at_s + self._late_s for at_s, _ in course]
            changes_s += [at_s - ROUNDED_S for at_s, _ in course]
        if not seconds:
            return
        # An instant counts for the second at it and for the first after it.
        firsts = {int(at_s) + more for at_s in changes_s for more in (0, 1)}
        listed = sorted({second for second in firsts if second in seconds} | {*seconds[:1]})
        yield from zip(
            listed,
            (later - one for one, later in zip(listed, [*listed[1:], seconds.stop], strict=True)),
            strict=True,
        )

    def _compare(self, second: int, so_many: int, courses: Mapping[int, Course]) -> None:
        from_s, until_s = second - self._late_s, second + ROUNDED_S
        together = 0.0
        for evse, pilot in self.rig.guard.pilots.items():
            said = pilot.offered_at(second)
            together += said
            planned = _values(courses[evse], from_s, until_s)
            if not pilot.plugged:
                assert said == 0.0
            elif len(planned) == 1:
                assert said in planned, (evse, second, courses[evse])
                self.compared += so_many
            assert said <= max(planned), (evse, second, courses[evse])
        most_a = max(a for _, a in _pieces(courses[0], from_s, until_s))
        assert together <= most_a + 1e-6, (second, courses[0])

    def _now_s(self) -> float:
        return self.rig.clock.monotonic_s()


def _limit(dice: Random, unit: RateUnit) -> Decimal:
    amps = dice.choice((0, 4, 6, 8, 13, 16, 20, 25, 32, 40))
    tenths = amps * 10 + dice.randint(0, 9)
    return Decimal(tenths).scaleb(-1) * (1 if unit is RateUnit.AMPERE else 690)


def _pieces(course: Course, from_s: float, until_s: float) -> Course:
    first = max(0, bisect_right(course, from_s, key=lambda piece: piece[0]) - 1)
    return course[first : bisect_right(course, until_s, key=lambda piece: piece[0])]


def _values(course: Course, from_s: float, until_s: float) -> set[float]:
    """Return what a pilot may say by the plan; below 6 A it can offer nothing."""
    return {a if a >= 6 else 0.0 for _, a in _pieces(course, from_s, until_s)}


happenings = st.builds(
    Happening,
    st.sampled_from(
        (
            *("nothing", "sets", "sets", "sets", "sets", "clears", "site", "site", "car", "car"),
            *("clock", "connection", "restart", "priority"),
        )
    ),
    st.sampled_from((20, 60, 200, 600, 1800)),
    st.integers(0, 2**24 - 1),
)
days = st.lists(happenings, min_size=80, max_size=200).map(tuple)


async def _lived(day: Day) -> Life:
    terms = ChargingSettings(supply_a=day.supply_a, offline_limit_a=10, offline_after_s=300)
    async with station(day.evses, terms, RULES) as rig:
        rig.service.connection_is(up=True)
        await rig.begins()
        life = Life(rig)
        await life.goes_on(day)
    return life


def _live(day: Day) -> Life:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_lived(day))


@pytest.mark.requirement("K08.FR.04", "S16-SC-06")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("evses", [1, 2, 3])
@given(supply_a=st.sampled_from((None, 40, 63)), happened=days)
@settings(
    max_examples=examples(3),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
)
def test_the_pilots_say_what_the_composite_schedule_says_all_day_long(
    evses: int, supply_a: int | None, happened: tuple[Happening, ...]
) -> None:
    """Each second that can be compared is; of the others the upper bound is looked at."""
    life = _live(Day(evses, supply_a, happened))
    event(f"profiles accepted: {life.accepted // 10 * 10} or more")


def test_a_day_has_all_that_can_happen_and_most_of_its_seconds_are_compared() -> None:
    """What the days of the property are made of, on one that never changes."""
    dice = Random(7)  # noqa: S311 - the same day each time
    acts = ("sets", "sets", "sets", "clears", "site", "car", "clock", "restart", "priority")
    made = [Happening(dice.choice(acts), dice.choice((60, 600)), dice.getrandbits(24))]
    made += [Happening(act, 300, dice.getrandbits(24)) for act in (*acts, "connection") * 15]
    life = _live(Day(2, 40, tuple(made)))
    assert life.accepted >= 20
    assert min(life.restarts, life.steps) >= 10
    assert life.compared > DAY_S / 3
