"""Stories of charging profiles (K01, K08, K10): from the message to the pilot's duty cycle."""

from datetime import timedelta

import pytest

from agent.sim.csms_link import StationRefusedCall
from agent.sim.csms_model import format_timestamp
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World
from tests.virtual_time import utc_now


@pytest.mark.requirement(
    *("K01", "K01.FR.04", "K01.FR.07", "K01.FR.15", "K01.FR.51", "S16-SC-03", "S16-SC-13"),
    "TC_057_CS",
)
@pytest.mark.hil
async def test_a_profile_of_the_transaction_limits_the_car_until_it_ends(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.until(lambda: bench.current_a() == 32.0, "full current")
    assert (await csms.limits(10, "TxProfile")).accepted
    await world.until(lambda: bench.offered_a() == 10.0, "the limit", within_s=2)
    await world.until(lambda: bench.current_a() == 10.0, "the car to follow")
    await world.charge_s(10)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await world.watch_s(15)
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.until(lambda: bench.current_a() == 32.0, "full current in the next session")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement(
    *("K01.FR.05", "K01.FR.32", "S16-SC-04", "S16-STAT-04", "E01.FR.18", "S16-STAT-03")
)
@pytest.mark.hil
async def test_zero_amperes_suspend_and_the_session_resumes_at_the_new_limit(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    assert (await csms.limits(0)).accepted
    await world.energy_ceases()
    await csms.sees_status("SuspendedEVSE")
    await world.watch_s(60)
    assert (await csms.limits(13)).accepted
    await world.energy_flows()
    await csms.sees_status("Charging")
    await world.until(lambda: bench.current_a() == 13.0, "the new limit")
    assert bench.offered_a() == 13.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    if not csms.is_16:
        states = [s for s in csms.states(transaction) if s not in ("EVConnected", "SuspendedEV")]
        assert states == ["Charging", "SuspendedEVSE", "Charging"]


@pytest.mark.requirement("K01.FR.07", "S16-SC-06")
@pytest.mark.hil
async def test_the_least_of_all_purposes_counts(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    assert (await csms.limits(20)).accepted
    await world.charges()
    assert (await csms.limits(25, "TxProfile")).accepted
    await world.until(lambda: bench.offered_a() == 25.0, "TxProfile over TxDefaultProfile")
    assert (await csms.limits(16, "ChargingStationMaxProfile")).accepted
    await world.until(lambda: bench.offered_a() == 16.0, "the station's maximum")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-SC-06", "K01.FR.14")
@pytest.mark.hil
async def test_the_maximum_of_the_station_is_shared_by_its_evses(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    assert (await csms.limits(30, "ChargingStationMaxProfile")).accepted
    await world.charges(TOKEN, 1)
    await world.charges("0A0B0C0D", 2)
    assert bench.offered_a(1) + bench.offered_a(2) <= 30.0
    assert bench.offered_a(1) >= 6.0
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local", 1)
    await bench.swipe("0A0B0C0D", 2)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("K01.FR.09", "S16-SC-01", "TC_058_1_CS")
async def test_a_profile_for_no_transaction_is_refused(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    profile = csms.profile(10, purpose="TxProfile")
    assert (await csms.call("SetChargingProfile", profile))["status"] == "Rejected"


@pytest.mark.requirement("K01.FR.27", "S16-SC-10")
@pytest.mark.hil
async def test_a_default_profile_outlives_restarts(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    assert (await csms.limits(12)).accepted
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready()
    await world.charges()
    await world.until(lambda: bench.current_a() == 12.0, "the limit of before")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("K10", "K10.FR.01", "K10.FR.04", "K10.FR.05", "K10.FR.07", "S16-SC-08", "TC_067_CS"),
)
async def test_clearing_a_profile_frees_the_car_at_once(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert (await csms.limits(8)).accepted
    await world.charges()
    await world.until(lambda: bench.current_a() == 8.0, "the limit")
    results = await csms.station.clear_charging_profiles()
    assert any(result.accepted for result in results)
    await world.until(lambda: bench.current_a() == 32.0, "no limit")
    results = await csms.station.clear_charging_profiles()
    assert {result.status for result in results} == {"Unknown"}
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K01.FR.30", "K01.FR.35", "K08", "S16-SC-07", "S16-SC-11", "TC_066_CS")
async def test_a_schedule_steps_at_its_instants_and_is_told_as_it_is_done(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    profile = csms.profile(16, (30, 8), (60, 20), duration_s=90)
    assert (await csms.call("SetChargingProfile", profile))["status"] == "Accepted"
    schedule = await csms.composite(120)
    told = [(period["startPeriod"], period["limit"]) for period in schedule]
    assert told == [(0, 16), (30, 8), (60, 20), (90, 32)]
    for expected_a in (16.0, 8.0, 20.0, 32.0):
        await world.pass_s(15)
        assert bench.offered_a() == expected_a
        await world.pass_s(15)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K01.FR.50", "S16-SC-13")
async def test_watts_are_turned_into_amperes_per_phase(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    profile = csms.profile(6900, unit="W")
    assert (await csms.call("SetChargingProfile", profile))["status"] == "Accepted"
    await world.until(lambda: bench.offered_a() == 10.0, "6900 W on three phases")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K01.FR.38", "K01.FR.42", "S16-SC-12")
async def test_a_relative_profile_of_the_whole_station_gets_a_clear_verdict_and_holds(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    profile = csms.profile(11, purpose="ChargingStationMaxProfile", kind="Relative")
    status = (await csms.call("SetChargingProfile", profile))["status"]
    await world.charges()
    await world.pass_s(10)
    assert bench.offered_a() == (11.0 if status == "Accepted" else 32.0)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-SC-16")
async def test_the_highest_stack_level_that_is_told_is_accepted(world: World, csms: Desk) -> None:
    await world.start()
    if csms.is_16:
        found = await csms.station.get_configuration(["ChargeProfileMaxStackLevel"])
        level = found["ChargeProfileMaxStackLevel"]
    else:
        level = await csms.gets("SmartChargingCtrlr.ProfileStackLevel")
    assert level is not None
    profile = csms.profile(10, stack_level=int(level))
    assert (await csms.call("SetChargingProfile", profile))["status"] == "Accepted"
    profile = csms.profile(10, stack_level=int(level) + 1)
    assert (await csms.call("SetChargingProfile", profile))["status"] == "Rejected"


@pytest.mark.requirement("K01.FR.28", "S16-SC-09")
async def test_a_profile_for_an_unknown_evse_is_refused(world: World, csms: Desk) -> None:
    await world.start()
    profile = csms.profile(10, evse=7)
    if csms.is_16:
        with pytest.raises(StationRefusedCall) as refusal:
            await csms.call("SetChargingProfile", profile)
        assert refusal.value.code == "PropertyConstraintViolation"
    else:
        assert (await csms.call("SetChargingProfile", profile))["status"] == "Rejected"


@pytest.mark.requirement("K01.FR.30", "K01.FR.36", "K01.FR.37")
async def test_a_schedule_in_the_future_waits(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await world.charges()
    start = format_timestamp(utc_now() + timedelta(seconds=60))
    profile = csms.profile(9, start=start)
    assert (await csms.call("SetChargingProfile", profile))["status"] == "Accepted"
    await world.pass_s(55)
    assert bench.offered_a() == 32.0
    await world.pass_s(10)
    assert bench.offered_a() == 9.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-SC-15")
async def test_a_profile_keeps_its_force_while_the_csms_is_away(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert (await csms.limits(10, "TxProfile")).accepted
    await csms.goes_down()
    await world.pass_s(60)
    assert bench.current_a() == 10.0
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
