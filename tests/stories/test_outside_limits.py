"""Stories of limits that somebody on site sets: a relay, an energy manager (K11-K13, K27)."""

import pytest

from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16, V21, V201
from tests.stories.world import World

IN_2X = pytest.mark.parametrize("version", [V201, V21])
SIGNIFICANCE = "SmartChargingCtrlr.LimitChangeSignificance"
WITH_SCHEDULES = "SmartChargingCtrlr.NotifyChargingLimitWithSchedules"
SIGNALS = "SmartChargingCtrlr.ExternalControlSignalsEnabled"


def told(csms: Desk) -> list[Payload]:
    return [call.payload for call in csms.calls("NotifyChargingLimit")]


@pytest.mark.requirement("K11.FR.01", "K13.FR.01", "K03.FR.01", "K03.FR.02", "K02.FR.02")
async def test_a_limit_on_site_holds_in_every_version_until_it_is_released(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.until(lambda: bench.offered_a() == 32.0, "full current")
    await world.pass_s(6)
    await bench.limits_on_site(13)
    await world.until(lambda: bench.offered_a() == 13.0, "the limit", within_s=1)
    assert (await csms.limits(20)).accepted
    await world.pass_s(10)
    assert bench.offered_a() == 13.0
    await bench.releases_on_site()
    await world.until(lambda: bench.offered_a() == 20.0, "the other limit", within_s=6)
    await world.pass_s(6)
    await bench.limits_on_site(0, evse=1)
    await world.energy_ceases()
    await csms.sees_status("SuspendedEVSE")
    await bench.releases_on_site(evse=1)
    await world.energy_flows()
    await world.until(lambda: bench.offered_a() == 20.0, "not more than before")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("version", [V16])
async def test_1_6_has_no_word_for_it(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await bench.limits_on_site(13)
    await bench.releases_on_site()
    await world.pass_s(5)
    assert not told(csms)
    assert not csms.calls("ClearedChargingLimit")


@IN_2X
@pytest.mark.requirement(
    *("K11", "K11.FR.02", "K11.FR.05", "K12", "K12.FR.02", "K12.FR.04", "K13", "K13.FR.02")
)
async def test_a_limit_and_its_end_are_told_with_their_source(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.limits_on_site(16, source="SO", grid_critical=True)
    call = await csms.sees("NotifyChargingLimit")
    assert call.payload == {
        "evseId": 0,
        "chargingLimit": {"chargingLimitSource": "SO", "isGridCritical": True},
    }
    await bench.limits_on_site(10, evse=1)
    call = await csms.sees("NotifyChargingLimit", 2)
    assert call.payload["evseId"] == 1
    assert call.payload["chargingLimit"]["chargingLimitSource"] == "Other"
    await bench.releases_on_site(source="SO")
    call = await csms.sees("ClearedChargingLimit")
    assert call.payload == {"chargingLimitSource": "SO", "evseId": 0}
    assert "CSO" not in {payload["chargingLimit"]["chargingLimitSource"] for payload in told(csms)}


@IN_2X
@pytest.mark.requirement(
    *("K11.FR.02", "K11.FR.03", "K11.FR.04", "K12.FR.02", "K12.FR.03", "K13.FR.03", "K01.FR.61")
)
async def test_only_significant_changes_are_told_with_schedules_if_wanted(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({SIGNIFICANCE: "20", WITH_SCHEDULES: "true"})
    transaction = await world.charges()
    await bench.limits_on_site(20)
    await csms.sees("NotifyChargingLimit")
    await world.pass_s(6)
    await bench.limits_on_site(18)
    await world.pass_s(6)
    assert bench.offered_a() == 18.0
    assert len(told(csms)) == 1
    await bench.limits_on_site(10)
    await csms.sees("NotifyChargingLimit", 2)
    (schedule,) = told(csms)[1]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    assert [p["limit"] for p in schedule["chargingSchedulePeriod"]] == [10]
    await world.pass_s(6)
    assert csms.triggers(transaction).count("ChargingRateChanged") == 2
    await bench.releases_on_site()
    await world.pass_s(6)
    assert csms.triggers(transaction).count("ChargingRateChanged") == 3
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("K11.FR.02", "K13.FR.02")
async def test_what_changes_without_connection_is_told_afterwards(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await csms.goes_down()
    await bench.limits_on_site(16)
    await bench.limits_on_site(12)
    await world.pass_s(10)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await csms.sees("NotifyChargingLimit")
    await world.pass_s(5)
    assert len(told(csms)) == 1


@pytest.mark.requirement("K11.FR.01", "K12.FR.01")
async def test_a_limit_on_site_outlives_restarts(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await bench.limits_on_site(11)
    await world.pass_s(2)
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready()
    await world.charges()
    await world.until(lambda: bench.offered_a() == 11.0, "the limit of before")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("K11.FR.07")
async def test_the_csms_may_forbid_limits_on_site(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await world.charges()
    await bench.limits_on_site(10)
    await world.until(lambda: bench.offered_a() == 10.0, "the limit")
    assert await csms.sets(SIGNALS, "false") == "Accepted"
    await world.until(lambda: bench.offered_a() == 32.0, "no limit")
    reply = await bench.orders("limit", amps=12)
    assert reply["ok"] is False
    assert "SmartChargingCtrlr" in str(reply["error"])
    assert await csms.sets(SIGNALS, "true") == "Accepted"
    await world.until(lambda: bench.offered_a() == 10.0, "the limit again")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("version", [V21])
@pytest.mark.requirement("K11.FR.07")
async def test_the_csms_may_disallow_profiles_from_outside(
    world: World, bench: Bench, csms: Desk
) -> None:
    disallowed = "SmartChargingCtrlr.ExternalConstraintsProfileDisallowed"
    await world.start({disallowed: "true"})
    reply = await bench.orders("limit", amps=12)
    assert reply["ok"] is False


@pytest.mark.parametrize("version", [V21])
@pytest.mark.requirement(
    *("K27", "K27.FR.01", "K27.FR.02", "K27.FR.03", "K27.FR.04", "K27.FR.05", "K04.FR.05")
)
async def test_local_generation_adds_to_the_station_and_is_told_by_itself(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({WITH_SCHEDULES: "true"})
    await world.charges()
    assert (await csms.limits(10, "ChargingStationMaxProfile")).accepted
    await world.until(lambda: bench.offered_a() == 10.0, "the station's maximum")
    await world.pass_s(6)
    await bench.limits_on_site(6, generation=True, source="EMS")
    await world.until(lambda: bench.offered_a() == 16.0, "the sun", within_s=1)
    payload = (await csms.sees("NotifyChargingLimit")).payload
    assert payload["chargingLimit"] == {
        "chargingLimitSource": "EMS",
        "isGridCritical": False,
        "isLocalGeneration": True,
    }
    assert payload["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 6
    await bench.limits_on_site(14, source="EMS")
    await csms.sees("NotifyChargingLimit", 2)
    assert "isLocalGeneration" not in told(csms)[1]["chargingLimit"]
    (page,) = await csms.reported_profiles(chargingProfilePurpose="LocalGeneration")
    assert page["chargingProfile"][0]["chargingProfileKind"] == "Dynamic"
    await bench.releases_on_site(generation=True, source="EMS")
    await world.until(lambda: bench.offered_a() == 10.0, "no sun")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_what_makes_no_sense_on_site_is_refused_in_words(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    for request, words in (
        ({"amps": 16, "evse": 7}, "there is no EVSE 7"),
        ({"amps": -1}, "a limit is a number from 0"),
        ({"amps": float("nan")}, "a limit is a number from 0"),
        ({"watts": float("inf")}, "a limit is a number from 0"),
        ({"amps": 1e9}, "a limit is a number from 0"),
        ({"amps": 16, "evse": "1"}, "whole number"),
        ({"amps": "16"}, "is a number"),
        ({"amps": 16, "watts": 11_000}, "give"),
        ({}, "give"),
        ({"clear": True}, "there is no such limit"),
        ({"amps": 16, "source": "CSO"}, "CSO"),
        ({"amps": 5, "generation": True, "evse": 1}, "generated"),
    ):
        reply = await bench.orders("limit", **request)
        assert reply["ok"] is False, request
        assert words in str(reply["error"])


async def test_the_grid_is_spared_by_chance_unless_it_is_critical(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.sections = "[smart_charging]\nrandom_delay_s = 600\n"
    await world.start()
    await world.charges()
    await world.until(lambda: bench.offered_a() == 32.0, "full current")
    await bench.limits_on_site(16, source="SO", grid_critical=True)
    await world.until(lambda: bench.offered_a() == 16.0, "the limit at once", within_s=6)
    # By chance no delay is possible, but not again and again.
    delays_s = [(await bench.orders("limit", amps=10, source="SO"))["in_s"] for _ in range(5)]
    assert all(isinstance(delay_s, int) and 0 <= delay_s <= 600 for delay_s in delays_s)
    assert any(delays_s)
    delay_s = int(str(delays_s[-1]))
    await world.pass_s(max(0, delay_s - 2))
    if delay_s > 2:
        assert bench.offered_a() == 16.0
    await world.until(lambda: bench.offered_a() == 10.0, "the limit at last", within_s=10)
    # What the grid gives back may wait, however critical what it takes is.
    raised = [
        (await bench.orders("limit", amps=12, source="SO", grid_critical=True))["in_s"]
        for _ in range(5)
    ]
    assert any(raised)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_what_people_and_energy_managers_order_is_never_put_off(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.sections = "[smart_charging]\nrandom_delay_s = 1800\n"
    await world.start()
    await world.charges()
    await world.pass_s(6)
    for source in ("Other", "EMS"):
        for amps in (16, 10, 12):
            reply = await bench.orders("limit", amps=amps, source=source)
            assert reply == {"ok": True, "in_s": 0}
        await world.until(lambda: bench.offered_a() == 12.0, "the limit", within_s=6)
        assert await bench.orders("limit", clear=True, source=source) == {"ok": True, "in_s": 0}
        await world.until(lambda: bench.offered_a() == 32.0, "no limit", within_s=6)
    await world.pass_s(6)
    # What the CSMS orders is obeyed at once as well.
    assert (await csms.limits(8)).accepted
    await world.until(lambda: bench.offered_a() == 8.0, "the order", within_s=1)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
