"""When pilots follow: at once, at the instants of schedules, and when clocks or cars change."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from agent.core.smart_charging.orders import GetCompositeSchedule
from agent.core.smart_charging.profiles import ChargingProfile, ProfileKind
from agent.services.smart_charging.policy import ChargingSettings
from hal.guard.duty import PWM_UPDATE_INTERVAL_S
from tests.unit.core.smart_charging.builders import STATION_MAX, TX, WATT, profile
from tests.unit.services.smart_charging.charging_rig import Rig, station
from tests.virtual_time import utc_now

RELATIVE = ProfileKind.RELATIVE


def of_now(*periods: tuple[int, Any], **more: Any) -> ChargingProfile:
    """Return a profile whose schedule, if it is at the clock, begins now."""
    made = profile(*periods, **more)
    if made.schedules[0].start is None:
        return made
    return replace(made, schedules=(replace(made.schedules[0], start=utc_now()),))


async def test_a_profile_is_on_the_pilot_within_a_second() -> None:
    async with station() as rig:
        await rig.begins()
        assert rig.offered_a() == 32.0
        await asyncio.sleep(PWM_UPDATE_INTERVAL_S)
        for limit_a in (10, 0, 6, 0):
            assert await rig.sets(of_now((0, limit_a)))
            await asyncio.sleep(1)
            assert rig.offered_a() == limit_a
            await asyncio.sleep(PWM_UPDATE_INTERVAL_S)


async def test_less_than_6_a_is_no_offer_and_never_no_limit() -> None:
    async with station() as rig:
        await rig.begins()
        for limit in ("5.9", "0.1", "0"):
            assert await rig.sets(of_now((0, limit)))
            await asyncio.sleep(30)
            assert rig.offered_a() == 0.0
        assert await rig.sets(of_now((0, "6")))
        await asyncio.sleep(1)
        assert rig.offered_a() == 6.0


async def test_a_schedule_steps_at_its_instants() -> None:
    async with station() as rig:
        await rig.begins()
        begin_s = rig.clock.monotonic_s()
        assert await rig.sets(of_now((0, 16), (3600, 8), (7200, 20), (10_800, 0)))
        await asyncio.sleep(11_000)
        log = rig.guard.pilots[1].log
        said = [(at_s - begin_s, a) for at_s, a in log if at_s > begin_s + 10]
        assert [a for _, a in said] == [8, 20, 0]
        for (at_s, _), due_s in zip(said, (3600, 7200, 10_800), strict=True):
            assert due_s <= at_s < due_s + 1


@pytest.mark.requirement("K01.FR.30")
@pytest.mark.parametrize(("by_s", "expected_a"), [(1800, 8.0), (-600, 32.0)])
async def test_a_clock_that_is_set_changes_the_offer_within_two_seconds(
    by_s: int, expected_a: float
) -> None:
    async with station() as rig:
        await rig.begins()
        assert await rig.sets(of_now((0, 16), (1800, 8)))
        await asyncio.sleep(60)
        assert rig.offered_a() == 16.0
        rig.clock.wrong_by = timedelta(seconds=by_s)
        await asyncio.sleep(2)
        assert rig.offered_a() == expected_a


@pytest.mark.parametrize("by_s", [1800, -1800])
async def test_what_counts_from_the_beginning_does_not_care_for_the_clock(by_s: int) -> None:
    async with station() as rig:
        await rig.begins()
        made = profile((0, 16), (600, 8), kind=RELATIVE, purpose=TX, transaction_id=None)
        assert await rig.sets(made)
        await asyncio.sleep(300)
        rig.clock.wrong_by = timedelta(seconds=by_s)
        await asyncio.sleep(290)
        assert rig.offered_a() == 16.0
        await asyncio.sleep(15)
        assert rig.offered_a() == 8.0


async def test_pilots_change_no_more_often_than_every_five_seconds() -> None:
    async with station() as rig:
        await rig.begins()
        assert await rig.sets(of_now(*((second, 10 + second % 9) for second in range(60))))
        await asyncio.sleep(70)
        changes = [at_s for at_s, _ in rig.guard.pilots[1].log[1:]]
        assert len(changes) > 8
        assert all(later - one >= PWM_UPDATE_INTERVAL_S for one, later in pairwise(changes))


async def test_a_restart_goes_on_where_the_clock_is() -> None:
    async with station() as rig:
        await rig.begins()
        assert await rig.sets(of_now((0, 16), (600, 8)))
        await asyncio.sleep(500)
        await rig.stop()
        await asyncio.sleep(200)
        await rig.start()
        await asyncio.sleep(1)
        assert rig.offered_a() == 8.0


@pytest.mark.requirement("K04.FR.05")
async def test_the_sum_is_never_above_the_limit_while_shares_move() -> None:
    async with station(2, ChargingSettings(supply_a=32)) as rig:
        await rig.begins(1)
        await asyncio.sleep(10)
        await rig.begins(2)
        for _ in range(200):
            await asyncio.sleep(0.1)
            assert sum(rig.offers()) <= 32.0
        assert rig.offers() == (16.0, 16.0)


async def test_a_car_that_pauses_leaves_its_share_and_gets_it_back() -> None:
    async with station(2, ChargingSettings(supply_a=32)) as rig:
        await rig.begins(1)
        await rig.begins(2)
        await asyncio.sleep(30)
        assert rig.offers() == (16.0, 16.0)
        pilot = rig.guard.pilots[1]
        pilot.takes = False
        pilot.tell()
        await asyncio.sleep(150)
        assert rig.offers() == (6.0, 26.0)
        pilot.takes = True
        pilot.tell()
        await asyncio.sleep(30)
        assert rig.offers() == (16.0, 16.0)


async def test_the_station_offers_less_without_connection_if_it_is_told_so() -> None:
    async with station(1, ChargingSettings(offline_limit_a=8, offline_after_s=120)) as rig:
        rig.service.connection_is(up=True)
        await rig.begins()
        await asyncio.sleep(600)
        rig.service.connection_is(up=False)
        await asyncio.sleep(118)
        assert rig.offered_a() == 32.0
        await asyncio.sleep(4)
        assert rig.offered_a() == 8.0
        rig.service.connection_is(up=True)
        await asyncio.sleep(6)
        assert rig.offered_a() == 32.0


async def test_somebody_else_may_lower_what_an_evse_can_carry() -> None:
    async with station() as rig:
        await rig.begins()
        rig.standing.capability_a = lambda _evse: Decimal(13)
        rig.follower.apply()
        await asyncio.sleep(6)
        assert rig.offered_a() == 13.0


class TestVoltage:
    """Watts are divided by the voltage, measured or nominal."""

    async def offered_by(self, settings: ChargingSettings, *volts: float) -> float:
        async with station(1, settings) as rig:
            await self.measures(rig, volts)
            await rig.begins()
            assert await rig.sets(of_now((0, 6900), unit=WATT))
            await asyncio.sleep(6)
            return rig.offered_a()

    async def measures(self, rig: Rig, volts: tuple[float, ...]) -> None:
        rig.meters[1].voltage_v = volts  # type: ignore[assignment] # a wrong number is wanted too
        await rig.restart()

    async def test_the_nominal_one_counts_unless_the_measured_one_is_wanted(self) -> None:
        assert await self.offered_by(ChargingSettings(), 240, 240, 240) == 10.0

    @pytest.mark.parametrize(
        ("volts", "expected_a"),
        [
            ((240, 240, 240), 9.5),
            ((220, 230, 237), 10.0),
            ((0, 0, 0), 10.0),
            ((120, 120, 120), 10.0),
            ((240,), 10.0),
        ],
    )
    async def test_a_measured_one_counts_if_it_is_possible(
        self, volts: tuple[float, ...], expected_a: float
    ) -> None:
        measured = ChargingSettings(measured_voltage=True)
        assert await self.offered_by(measured, *volts) == expected_a


@pytest.mark.requirement("K08.FR.05", "K08.FR.07")
async def test_an_evse_that_nobody_has_or_a_unit_that_is_none_has_no_schedule() -> None:
    async with station() as rig:
        for evse, unit in ((7, "A"), (-1, "A"), (1, "kW")):
            order = GetCompositeSchedule(evse, 60, unit)
            assert (await rig.service.composite(order)).periods is None


async def test_a_long_composite_schedule_lets_others_have_their_turns() -> None:
    async with station() as rig:
        order = GetCompositeSchedule(1, 31 * 86_400, "A")
        asked = asyncio.create_task(rig.service.composite(order))
        turns = 0
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 100
        assert (await asked).duration_s == 31 * 86_400


async def test_the_station_is_told_by_evse_0() -> None:
    async with station(2, ChargingSettings(supply_a=40)) as rig:
        assert [a for _, a in await rig.composite(0, 60)] == [40]
        assert await rig.sets(of_now((0, 20), purpose=STATION_MAX), 0)
        assert [a for _, a in await rig.composite(0, 60)] == [20]
