"""Stories of the reset of one EVSE, and of resets that must wait or cannot be (B11, B12)."""

import pytest

from agent.store.errors import Reason, StoreUnavailable
from hal.api import PilotState
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V16, V21, V201
from tests.stories.world import World

BOTH_2X = [V201, V21]


async def both_charge(world: World, csms: Desk) -> tuple[str, str]:
    """Let both EVSEs of a station charge; return their transactions."""
    first = await world.charges(TOKEN, 1)
    second = await world.charges(OTHER_TOKEN, 2)
    await world.pass_s(20)
    return first.transaction_id, second.transaction_id


@pytest.mark.requirement("B11.FR.08", "B11.FR.10", "TC_B_25_CS")
@pytest.mark.parametrize("version", BOTH_2X)
@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
async def test_an_idle_evse_is_reset_alone(
    world: World, bench: Bench, csms: Desk, kind: str
) -> None:
    await world.start(evses=2)
    assert [r.value for r in await csms.station.get_variables(["EVSE@2.AllowReset"])] == ["true"]
    transaction = await world.charges(TOKEN, 1)
    assert (await csms.station.reset(kind, 2)).status == "Accepted"
    await csms.sees_status("Unavailable", 2)
    await world.until(lambda: bench.pilot(2) is PilotState.F, "the pilot to show state F")
    await csms.sees_status("Available", 2)
    await world.until(lambda: bench.pilot(2) is PilotState.A, "the pilot to be back")
    assert csms.statuses_told(2)[-2:] == ["Unavailable", "Available"]
    assert bench.is_delivering(1)
    assert (bench.closings(1), bench.closings(2)) == (1, 0)
    assert world.machine.starts == 1
    assert len(csms.station.boots) == 1
    assert not transaction.ended


@pytest.mark.requirement("B12.FR.02", "B12.FR.08", "TC_B_27_CS")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_an_immediate_reset_of_an_evse_ends_its_transaction_and_no_other(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    first, second = await both_charge(world, csms)
    assert (await csms.station.reset("Immediate", 2)).status == "Accepted"
    await world.energy_ceases(2)
    await csms.sees_end("ImmediateReset", count=2)
    assert csms.triggers(csms.station.transactions[second])[-1] == "ResetCommand"
    await csms.sees_status("Unavailable", 2)
    await csms.sees_status("Occupied", 2)
    assert bench.is_delivering(1)
    assert not csms.station.transactions[first].ended
    await world.pass_s(30)
    assert not bench.plant(2).contactor_closed
    assert world.machine.starts == 1
    await bench.unplug(2)
    await csms.sees_status("Available", 2)
    await bench.plug_in(2)
    await bench.swipe(OTHER_TOKEN, 2)
    await world.energy_flows(2)


@pytest.mark.requirement("B12.FR.01", "B12.FR.07", "B11.FR.07", "TC_B_26_CS")
@pytest.mark.parametrize("version", BOTH_2X)
@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_reset_of_an_evse_on_idle_waits_for_its_driver_only(
    world: World, bench: Bench, csms: Desk, interrupted: bool
) -> None:
    await world.start(evses=2)
    _, second = await both_charge(world, csms)
    assert (await csms.station.reset("OnIdle", 2)).status == "Scheduled"
    await world.pass_s(60)
    assert bench.is_delivering(2)
    if interrupted:
        csms.station.expect_boot()
        await world.machine.restart()
        await csms.is_ready()
        await world.pass_s(30)
        assert bench.is_delivering(2)
    before = len(csms.statuses_told(2))
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", count=2)
    assert csms.triggers(csms.station.transactions[second])[-1] == "StopAuthorized"
    await world.pass_s(20)
    assert "Unavailable" in csms.statuses_told(2)[before:]
    assert bench.is_delivering(1)
    assert world.machine.starts == (2 if interrupted else 1)
    await world.pass_s(60)
    assert csms.statuses_told(2)[before:].count("Unavailable") == 1


@pytest.mark.requirement("B12.FR.03", "TC_B_41_CS")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_station_reset_on_idle_waits_for_the_last_of_several_drivers(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await both_charge(world, csms)
    assert (await csms.station.reset("OnIdle")).status == "Scheduled"
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local", count=1)
    await world.pass_s(30)
    assert world.machine.starts == 1
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", count=2)
    await csms.sees_boot(count=2)
    assert csms.station.boots[-1].facts.reason == "ScheduledReset"


@pytest.mark.requirement("B12.FR.03")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_driver_who_was_let_in_may_plug_in_before_a_reset_on_idle(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.swipe(TOKEN)
    await world.pass_s(2)
    assert (await csms.station.reset("OnIdle")).status == "Scheduled"
    await bench.plug_in()
    await world.energy_flows()
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await csms.sees_boot(count=2)


@pytest.mark.requirement("B12.FR.02", "B12.FR.04")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_an_immediate_reset_overtakes_a_scheduled_one(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.pass_s(10)
    assert (await csms.station.reset("OnIdle")).status == "Scheduled"
    assert (await csms.station.reset("Immediate")).status == "Accepted"
    await csms.sees_end("ImmediateReset")
    await csms.sees_boot(count=2)
    assert csms.station.boots[-1].facts.reason == "RemoteReset"
    await csms.is_ready()
    await world.pass_s(120)
    assert world.machine.starts == 2


@pytest.mark.requirement("B11.FR.09", "B12.FR.09", "TC_B_28_CS", "TC_B_29_CS")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_an_evse_that_may_not_be_reset_alone_is_not(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"EVSE@2.AllowReset": "false"}, evses=2)
    await both_charge(world, csms)
    for kind in ("Immediate", "OnIdle"):
        assert (await csms.station.reset(kind, 2)).status == "Rejected"
        assert (await csms.station.reset(kind, 7)).status == "Rejected"
    await world.pass_s(30)
    assert bench.is_delivering(2)


@pytest.mark.requirement("B11.FR.02", "B12.FR.06", "TC_B_23_CS")
@pytest.mark.parametrize("version", BOTH_2X)
@pytest.mark.parametrize("place", [None, 1])
async def test_an_inoperative_evse_stays_so_over_a_reset(
    world: World, bench: Bench, csms: Desk, place: int | None
) -> None:
    await world.start()
    assert (await csms.station.change_availability(False, 1)).status == "Accepted"
    await csms.sees_status("Unavailable")
    assert (await csms.station.reset("Immediate", place)).status == "Accepted"
    if place is None:
        await csms.sees_boot(count=2)
        await csms.is_ready()
    await world.pass_s(30)
    assert csms.station.statuses[1, 1] == "Unavailable"
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(10)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("B11.FR.06", "B12.FR.10", "B11.FR.07")
async def test_what_the_storage_refuses_to_keep_forbids_a_restart(world: World, csms: Desk) -> None:
    await world.start()
    storage = world.machine.station._f.storage
    storage.endurance.retry_s = 10_000.0
    storage.endurance.refused(StoreUnavailable(Reason.FULL, "the disk is full"))
    assert (await csms.station.reset("Immediate")).status == "Rejected"
    on_idle = (await csms.station.reset("OnIdle")).status
    assert on_idle == ("Rejected" if csms.version == V16 else "Scheduled")
    await world.pass_s(120)
    assert world.machine.starts == 1
    assert await storage.endurance.catch_up()
    if csms.version == V16:
        assert (await csms.station.reset("Immediate")).status == "Accepted"
    await world.until(lambda: world.machine.starts == 2, "the restart", 90)
    await csms.is_ready()
