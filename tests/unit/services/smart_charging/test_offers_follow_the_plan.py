"""What the pilots say is what the composite schedule says, second by second, whatever happens.

Days with random profiles, cars that come and go, clocks that are set, connections that are lost,
and restarts. After every event the composite schedule of each EVSE is asked for; until the next
event what the pilots say is compared with it at every second.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from agent.core.smart_charging.orders import ClearChargingProfile
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
from tests.unit.services.smart_charging.charging_rig import Rig, station

HALF_A_DAY_S = 43_200
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


class Life:
    """Random events at a station, and the comparison between them."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig = rig
        self.compared = self.accepted = 0
        self._dice = Random(seed)  # noqa: S311 - the same life each time
        self._late_s = LATE_S if len(rig.guard.pilots) == 1 else LATE_SHARED_S

    async def goes_on(self, for_s: float) -> None:
        end_s = self._now_s() + for_s
        while self._now_s() < end_s:
            event = self._dice.choice(
                (
                    *(self._sets, self._sets, self._sets, self._sets, self._clears),
                    *(self._car, self._clock, self._connection, self._restart, self._priority),
                )
            )
            await event()
            await self._compares(self._dice.choice((20, 60, 200, 600, 1800)))

    async def _sets(self) -> None:
        purpose = self._dice.choice(PURPOSES)
        evse = self._dice.randint(0, len(self.rig.evses))
        if purpose is ProfilePurpose.STATION_MAX:
            evse = 0
        elif purpose is ProfilePurpose.TX:
            evse = max(1, evse)
        self.accepted += await self.rig.sets(self._profile(purpose), evse)

    async def _clears(self) -> None:
        installed = self.rig.book.installed
        if installed:
            number = self._dice.choice(installed).profile.id
            await self.rig.service.clear(ClearChargingProfile(number))

    async def _car(self) -> None:
        evse = self._dice.choice(list(self.rig.evses))
        if self.rig.guard.pilots[evse].plugged:
            await self.rig.ends(evse)
        else:
            await self.rig.begins(evse)

    async def _clock(self) -> None:
        by_s = self._dice.choice((-7200, -90, -2, 3, 600, 5000))
        self.rig.clock.wrong_by += timedelta(seconds=by_s)

    async def _connection(self) -> None:
        self.rig.service.connection_is(up=self._dice.random() < 0.6)

    async def _restart(self) -> None:
        await self.rig.restart()
        self.rig.service.connection_is(up=True)

    async def _priority(self) -> None:
        running = sorted(self.rig.standing.running())
        chosen = [one for one in running if self._dice.random() < 0.5]
        self.rig.service.prefer(frozenset(chosen))

    def _profile(self, purpose: ProfilePurpose) -> ChargingProfile:
        dice = self._dice
        kind = dice.choice(KINDS)
        unit = dice.choice((RateUnit.AMPERE, RateUnit.AMPERE, RateUnit.WATT))
        length_s = dice.choice((30, 300, 7200))
        starts = sorted(dice.sample(range(1, length_s), dice.choice((0, 1, 4, 12))))
        start = self.rig.clock.now() + timedelta(seconds=dice.randint(-length_s, 600))
        schedule = ChargingSchedule(
            unit=unit,
            periods=tuple(SchedulePeriod(s, self._limit(unit)) for s in (0, *starts)),
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

    def _limit(self, unit: RateUnit) -> Decimal:
        amps = self._dice.choice((0, 4, 6, 8, 13, 16, 20, 25, 32, 40))
        tenths = amps * 10 + self._dice.randint(0, 9)
        return Decimal(tenths).scaleb(-1) * (1 if unit is RateUnit.AMPERE else 690)

    # --- The comparison.

    async def _compares(self, for_s: int) -> None:
        begin_s = self._now_s()
        courses = {
            evse: await self.rig.composite(evse, for_s + 10) for evse in (0, *self.rig.evses)
        }
        await asyncio.sleep(for_s)
        for second in range(int(begin_s) + self._late_s + 1, int(self._now_s()) + 1):
            self._compare(second, courses)

    def _compare(self, second: int, courses: dict[int, Course]) -> None:
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
                self.compared += 1
            assert said <= max(planned), (evse, second, courses[evse])
        most_a = max(a for _, a in _pieces(courses[0], from_s, until_s))
        assert together <= most_a + 1e-6, (second, courses[0])

    def _now_s(self) -> float:
        return self.rig.clock.monotonic_s()


def _pieces(course: Course, from_s: float, until_s: float) -> Course:
    first = max(0, bisect_right(course, from_s, key=lambda piece: piece[0]) - 1)
    return course[first : bisect_right(course, until_s, key=lambda piece: piece[0])]


def _values(course: Course, from_s: float, until_s: float) -> set[float]:
    """Return what a pilot may say by the plan; below 6 A it can offer nothing."""
    return {a if a >= 6 else 0.0 for _, a in _pieces(course, from_s, until_s)}


@pytest.mark.requirement("K08.FR.04", "S16-SC-06")
@pytest.mark.parametrize(("evses", "seed"), [(1, 1), (1, 2), (2, 3), (2, 4)])
async def test_the_pilots_say_what_the_composite_schedule_says(evses: int, seed: int) -> None:
    settings = ChargingSettings(
        supply_a=None if evses == 1 else 40, offline_limit_a=10, offline_after_s=300
    )
    async with station(evses, settings, RULES) as rig:
        rig.service.connection_is(up=True)
        await rig.begins()
        life = Life(rig, seed)
        await life.goes_on(HALF_A_DAY_S)
    assert life.accepted >= 5, life.accepted
    assert life.compared > HALF_A_DAY_S / 3, life.compared
