"""Stories of the cable in a socket outlet: when it is locked, and who gets it back (E05-E10)."""

import pytest

from agent.sim.csms_model import AuthorizationStatus
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V16
from tests.stories.world import World

ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
KEEPING = {"OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false"}
SUSPENDING = {"TxCtrlr.StopTxOnEVSideDisconnect": "false"}
TO_UNPLUGGING = {"TxCtrlr.TxStopPoint": "EVConnected"}


async def cable_is_free(world: World, bench: Bench) -> None:
    await world.until(lambda: not bench.plant().lock_engaged, "the cable to be unlocked", 10)


@pytest.mark.requirement("E06.FR.10", "E07.FR.07")
@pytest.mark.parametrize("more", [{}, TO_UNPLUGGING])
@pytest.mark.hil
async def test_who_stops_gets_the_cable_back(
    world: World, bench: Bench, csms: Desk, more: dict[str, str]
) -> None:
    await world.start(more)
    await world.charges()
    assert bench.plant().lock_engaged
    await world.charge_s(20)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await cable_is_free(world, bench)
    await bench.unplug()
    assert not bench.plant().cable_inserted
    await csms.sees_end("Local")


@pytest.mark.requirement("E06.FR.10", "F03.FR.02", "F04.FR.02", "F04.FR.03")
@pytest.mark.parametrize("more", [{}, TO_UNPLUGGING])
async def test_who_is_stopped_by_the_csms_gets_the_cable_back(
    world: World, bench: Bench, csms: Desk, more: dict[str, str]
) -> None:
    await world.start(more)
    await world.charges()
    await world.pass_s(20)
    assert (await csms.remote_stop()).accepted
    await world.energy_ceases()
    await cable_is_free(world, bench)
    await world.pass_s(5)
    transaction = csms.station.last_transaction
    assert transaction is not None
    assert transaction.ended is (more != TO_UNPLUGGING)
    if not csms.is_16:
        assert "RemoteStop" in csms.triggers(transaction)
    await bench.unplug()
    await csms.sees_end("Remote")


@pytest.mark.requirement("E08.FR.03", "E08.FR.01", "E08.FR.04")
@pytest.mark.hil
async def test_who_stops_offline_gets_the_cable_back(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await csms.goes_down()
    await world.watch_s(10)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await cable_is_free(world, bench)
    await csms.comes_back()
    await csms.sees_end("Local", within_s=60)


@pytest.mark.requirement("E09.FR.02", "E09", "TC_005_1_CS")
@pytest.mark.hil
async def test_a_cable_that_was_unplugged_at_the_car_is_unlocked(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"OCPPCommCtrlr.UnlockOnEVSideDisconnect": "true"})
    await world.charges()
    await world.charge_s(20)
    await bench.unplug()
    await csms.sees_end("EVDisconnected")
    await cable_is_free(world, bench)
    await csms.sees_status("Available")


@pytest.mark.requirement("E09.FR.03", "E09.FR.04", "E09.FR.05", "E09", "TC_005_2_CS")
async def test_a_cable_that_was_unplugged_at_the_car_waits_for_its_driver(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(KEEPING)
    await world.charges()
    await world.pass_s(20)
    await bench.unplug()
    await csms.sees_end("EVDisconnected")
    await world.pass_s(300)
    assert bench.plant().lock_engaged
    await csms.sees_status("Finishing")
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(10)
    assert bench.plant().lock_engaged
    await bench.swipe(TOKEN)
    await cable_is_free(world, bench)
    await csms.sees_status("Available")
    assert len(csms.station.transactions) == 1
    await world.charges(OTHER_TOKEN)
    await bench.swipe(OTHER_TOKEN)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("E09.FR.03")
async def test_a_kept_cable_stays_locked_over_a_restart_and_the_csms_can_free_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(KEEPING)
    await world.charges()
    await bench.unplug()
    await csms.sees_end("EVDisconnected")
    await world.queue_drains()
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await world.pass_s(90)
    assert bench.plant().lock_engaged
    assert (await csms.station.unlock(1)).status == "Unlocked"
    await csms.sees_status("Available")
    assert not bench.plant().lock_engaged
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("E10.FR.01", "E10.FR.03", "E10.FR.04", "E10")
async def test_the_cable_of_a_suspended_transaction_stays_locked_until_the_token_comes(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(SUSPENDING)
    transaction = await world.charges()
    await world.pass_s(20)
    await bench.unplug()
    await world.energy_ceases()
    await world.pass_s(30)
    assert bench.plant().lock_engaged
    assert not transaction.ended
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await cable_is_free(world, bench)
    await csms.sees_status("Available")


@pytest.mark.requirement("E10.FR.01")
async def test_a_suspended_transaction_may_time_out_but_its_cable_does_not(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**SUSPENDING, "TxCtrlr.EVConnectionTimeOut": "30"})
    await world.charges()
    await bench.unplug()
    await csms.sees_end("Other" if csms.is_16 else "Timeout", within_s=60)
    await world.pass_s(60)
    assert bench.plant().lock_engaged
    await bench.swipe(TOKEN)
    await cable_is_free(world, bench)
    await csms.sees_status("Available")


@pytest.mark.requirement("C15.FR.05", "C15.FR.02", "C15.FR.04", "S16-OFFL-05")
async def test_the_cable_of_a_stranger_who_is_refused_later_waits_for_its_owner(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(30)
    csms.knows(_DEADBEEF=AuthorizationStatus.BLOCKED)
    await csms.comes_back()
    await csms.sees_end("DeAuthorized", within_s=90)
    await world.energy_ceases()
    await world.pass_s(30)
    assert bench.plant().lock_engaged
    await bench.swipe(TOKEN)
    await cable_is_free(world, bench)
    assert len(csms.station.transactions) == 1


@pytest.mark.requirement("E05.FR.11", "E05.FR.10")
async def test_the_cable_of_a_refused_token_waits_for_its_owner(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.refuses_at_start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_end("DeAuthorized")
    await world.energy_ceases()
    await world.pass_s(60)
    assert bench.plant().lock_engaged
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(10)
    assert bench.plant().lock_engaged
    await bench.swipe(TOKEN)
    await cable_is_free(world, bench)
    assert len(csms.station.transactions) == 1


@pytest.mark.requirement("S16-TXN-09")
@pytest.mark.parametrize("version", [V16])
async def test_a_cable_of_the_station_itself_has_no_lock_to_configure(
    world: World, csms: Desk
) -> None:
    key = "UnlockConnectorOnEVSideDisconnect"
    await world.start(cable="attached")
    assert await csms.station.get_configuration([key]) == {key: "false"}
    for value in ("true", "false"):
        result = await csms.station.change_configuration(key, value)
        assert result.status == "Rejected"
    assert await csms.station.get_configuration([key]) == {key: "false"}
