"""Stories of broken hardware: energy stops first, the CSMS is told, and clearing is noticed."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World

FATAL = {
    "rcd": ("Other", "GroundFault"),
    "pe": ("Other", "GroundFault"),
    "estop": ("EmergencyStop", "EmergencyStop"),
    "over_current": ("Other", "OvercurrentFault"),
    "diode": ("Other", "Other"),
    "cp_short": ("Other", "Other"),
    "other": ("Other", "Other"),
}
PASSING = ("over_temperature", "under_voltage")


@pytest.mark.requirement("E06.FR.16", "E06.FR.08", "S16-TXN-04", "S16-STAT-01")
@pytest.mark.parametrize("code", FATAL)
@pytest.mark.hil
async def test_a_fault_that_endangers_people_ends_the_transaction(
    world: World, bench: Bench, csms: Desk, code: str
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(20)
    await bench.fault(code)
    await world.pass_s(0.3)
    assert not bench.plant().contactor_closed
    await csms.sees_status("Faulted")
    await csms.sees_end(FATAL[code][0 if csms.is_16 else 1])
    if not csms.is_16:
        assert csms.triggers(transaction)[-1] == "AbnormalCondition"
    await bench.repair(code)
    await bench.unplug()
    await csms.sees_status("Available")
    await world.watch_s(15)
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("S16-STAT-07", "E01.FR.18")
@pytest.mark.parametrize("code", PASSING)
@pytest.mark.hil
async def test_a_passing_fault_suspends_the_transaction_until_it_is_gone(
    world: World, bench: Bench, csms: Desk, code: str
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(20)
    await bench.fault(code)
    await csms.sees_status("Faulted")
    await world.energy_ceases()
    await world.watch_s(30)
    assert not transaction.ended
    await bench.repair(code)
    await csms.sees_status("Charging", within_s=60)
    await world.energy_flows(within_s=60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-STAT-01", "S16-STAT-07", "G01.FR.01", "TC_041_CS")
@pytest.mark.hil
async def test_a_fault_of_an_idle_evse_is_told_and_forgotten(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await bench.fault("over_temperature", 2)
    await csms.sees_status("Faulted", 2)
    if csms.is_16:
        assert csms.calls("StatusNotification")[-1].payload["errorCode"] == "HighTemperature"
    assert csms.station.statuses[1, 1] == "Available"
    await bench.repair("over_temperature", 2)
    await csms.sees_status("Available", 2)


@pytest.mark.requirement("S16-STAT-01")
@pytest.mark.hil
async def test_a_welded_contactor_is_told_and_never_used_again(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(10)
    await bench.fault("contactor_welded")
    await bench.swipe(TOKEN)
    await csms.sees_status("Faulted")
    await csms.sees_end()
    if csms.is_16:
        assert csms.calls("StatusNotification")[-1].payload["errorCode"] == "PowerSwitchFailure"
    world.bills_exactly = False


@pytest.mark.requirement("S16-STAT-01")
@pytest.mark.hil
async def test_a_contactor_that_does_not_close_is_told(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.fault("contactor_stuck_open")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_status("Faulted")
    assert bench.delivered_wh() == 0


@pytest.mark.requirement("G05", "G05.FR.01", "S16-TXN-13", "TC_024_CS")
@pytest.mark.hil
async def test_a_lock_that_fails_prevents_charging(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await bench.fault("lock")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_status("Faulted")
    await world.watch_s(10)
    assert not bench.plant().contactor_closed
    if csms.is_16:
        told = csms.calls("StatusNotification")[-1].payload
        assert told["errorCode"] == "ConnectorLockFailure"


@pytest.mark.requirement("S16-STAT-08")
@pytest.mark.hil
async def test_a_lost_reader_is_a_warning_and_remote_start_still_works(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.AuthorizeRemoteStart": "false"})
    await bench.fault("reader_lost")
    await world.watch_s(5)
    await bench.plug_in()
    await world.watch_s(2)
    assert (await csms.remote_start_checked(TOKEN)).accepted
    await world.energy_flows()
    await csms.sees_status("Charging")
    await bench.repair("reader_lost")
    await world.pass_s(5)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.hil
async def test_a_guard_that_dies_ends_the_energy_and_a_new_one_is_not_trusted_blindly(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(20)
    await world.machine.lose_guard()
    await world.pass_s(0.2)
    assert not bench.plant().contactor_closed
    await csms.sees_status("Faulted")
    await world.watch_s(10)
    await world.machine.restart_guard()
    await csms.until(
        lambda: csms.station.statuses[1, 1] != "Faulted", "the fault to be over", within_s=60
    )
    await bench.unplug()
    await csms.sees_end()


@pytest.mark.requirement("C01.FR.01")
async def test_a_car_that_needs_ventilation_is_refused_where_there_is_none(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.fault("ventilation")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_status("Faulted")
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
