"""Stories of what the CSMS orders: start, stop, trigger, unlock (F01-F06)."""

import pytest

from agent.sim.csms_link import StationRefusedCall
from agent.sim.csms_model import AuthorizationStatus
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V16, V21, V201, frames_from_station
from tests.stories.world import World

ACCEPTED = AuthorizationStatus.ACCEPTED
NO_CHECK = {"AuthCtrlr.AuthorizeRemoteStart": "false"}


@pytest.mark.requirement(
    *("F01", "F01.FR.02", "F01.FR.03", "F01.FR.04", "F01.FR.05", "F01.FR.19", "F01.FR.25"),
    *("C05.FR.01", "C05.FR.03", "C05.FR.05", "F03", "F03.FR.03", "F03.FR.07", "S16-RTX-01"),
    *("S16-RTX-02", "S16-RTX-07", "TC_010_CS", "TC_012_CS"),
)
@pytest.mark.hil
async def test_a_car_that_is_plugged_in_is_started_and_stopped_remotely(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(NO_CHECK)
    await bench.plug_in()
    await world.watch_s(2)
    assert (await csms.remote_start("ABCDEF01")).accepted
    await world.energy_flows()
    transaction = await csms.sees_start()
    assert transaction.id_token == "ABCDEF01"
    assert csms.calls("Authorize") == []
    await world.charge_s(30)
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")
    if not csms.is_16:
        assert "RemoteStart" in csms.triggers(transaction)
        assert transaction.remote_start_id == 1
        assert csms.triggers(transaction)[-1] == "RemoteStop"


@pytest.mark.requirement("F01", "F01.FR.01", "B01.FR.04", "S16-RTX-01")
@pytest.mark.hil
async def test_a_remote_start_right_behind_the_acceptance_is_served(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.power_up(NO_CHECK)
    await csms.sees_boot("Accepted")
    assert (await csms.remote_start()).accepted
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_start()
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement(
    *("F02", "F02.FR.01", "F02.FR.05", "F02.FR.10", "F02.FR.13", "F02.FR.21"),
    "TC_011_1_CS",
)
@pytest.mark.hil
async def test_a_remote_start_waits_for_the_cable(world: World, bench: Bench, csms: Desk) -> None:
    await world.start(NO_CHECK)
    assert (await csms.remote_start()).accepted
    await world.watch_s(15)
    await bench.plug_in()
    await world.energy_flows()
    transaction = await csms.sees_start()
    if not csms.is_16:
        assert transaction.remote_start_id == 1
    await world.charge_s(10)
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F02.FR.07", "F02", "C01.FR.26", "TC_011_2_CS")
async def test_a_remote_start_without_a_cable_is_given_up(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**NO_CHECK, "TxCtrlr.EVConnectionTimeOut": "20"})
    assert (await csms.remote_start()).accepted
    await world.pass_s(30)
    await bench.plug_in()
    await world.pass_s(10)
    assert not bench.plant().contactor_closed
    assert (await csms.remote_start()).accepted
    await world.energy_flows()
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F01.FR.01", "F02.FR.09", "S16-RTX-01", "S16-RTX-02")
async def test_a_remote_start_is_answered_before_its_token_is_checked(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.knows(_DEADBEEF=ACCEPTED)
    await world.start()
    await bench.plug_in()
    await world.pass_s(2)
    assert (await csms.remote_start_checked(OTHER_TOKEN)).accepted
    await csms.sees("Authorize")
    await world.pass_s(10)
    assert not bench.plant().contactor_closed
    assert (await csms.remote_start_checked(TOKEN)).accepted
    await csms.sees("Authorize", 2)
    await world.energy_flows()
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F01.FR.24", "F02.FR.26", "S16-RTX-01", "TC_026_CS")
@pytest.mark.hil
async def test_a_remote_start_is_refused_while_a_transaction_runs(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    result = await csms.remote_start(OTHER_TOKEN)
    assert result.status == "Rejected"
    if not csms.is_16:
        assert result.reason == "TxInProgress"
    await world.watch_s(10)
    assert bench.is_delivering()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("F01.FR.23", "F02.FR.25")
async def test_a_remote_start_is_refused_at_a_faulted_or_unavailable_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.fault("estop")
    await csms.sees_status("Faulted")
    assert (await csms.remote_start()).status == "Rejected"
    await bench.repair("estop")
    await csms.sees_status("Available")
    assert (await csms.station.change_availability(False, 1)).accepted
    await csms.sees_status("Unavailable")
    assert (await csms.remote_start()).status == "Rejected"


@pytest.mark.requirement("F01.FR.10", "F01.FR.09", "S16-RTX-05", "TC_059_CS")
async def test_the_profile_of_a_remote_start_limits_its_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(NO_CHECK)
    await bench.plug_in()
    await world.pass_s(2)
    assert (await csms.station.remote_start(TOKEN, 1, charging_profile=10.0)).accepted
    await world.energy_flows()
    await world.until(lambda: bench.offered_a() == 10.0, "the limit of the profile")
    await world.pass_s(10)
    assert bench.current_a() == 10.0
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F01.FR.13", "F01.FR.05")
@pytest.mark.parametrize("version", [V201, V21])
async def test_a_remote_start_joins_a_transaction_that_began_with_the_cable(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**NO_CHECK, "TxCtrlr.TxStartPoint": "EVConnected"})
    await bench.plug_in()
    transaction = await csms.sees_start()
    result = await csms.remote_start()
    assert result.accepted
    assert result.payload["transactionId"] == transaction.transaction_id
    await world.energy_flows()
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F03.FR.02", "F04.FR.03")
@pytest.mark.parametrize("version", [V201, V21])
async def test_a_remote_stop_cuts_energy_and_the_plug_ends_the_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.TxStopPoint": "EVConnected"})
    transaction = await world.charges()
    assert (await csms.remote_stop()).accepted
    await world.energy_ceases()
    await csms.until(lambda: "RemoteStop" in csms.triggers(transaction), "the event RemoteStop")
    assert not transaction.ended
    await bench.unplug()
    await csms.sees_end("Remote")


@pytest.mark.requirement("F03.FR.08", "S16-RTX-07", "TC_028_CS")
async def test_a_remote_stop_of_an_unknown_transaction_is_refused(world: World, csms: Desk) -> None:
    await world.start()
    assert (await csms.station.remote_stop("4711")).status == "Rejected"


@pytest.mark.requirement("F01.FR.06", "F01.FR.20", "F02.FR.14", "F02.FR.22")
@pytest.mark.parametrize("version", [V201, V21])
async def test_a_remote_start_without_evse_goes_to_the_car_that_waits(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(NO_CHECK, evses=2)
    await bench.plug_in(2)
    await world.pass_s(2)
    assert (await csms.remote_start(evse=None)).accepted
    await world.energy_flows(2)
    assert (await csms.sees_start()).evse_id == 2
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("S16-RTX-03", "TC_027_CS")
@pytest.mark.parametrize("version", [V16])
async def test_a_remote_start_at_connector_zero_is_refused(world: World, csms: Desk) -> None:
    await world.start()
    assert (await csms.remote_start(evse=0)).status == "Rejected"
    assert (await csms.remote_start(evse=7)).status == "Rejected"


@pytest.mark.requirement(
    *("F06", "F06.FR.04", "F06.FR.05", "F06.FR.10", "F06.FR.11", "S16-TRIG-01"),
    *("S16-TRIG-02", "TC_054_CS"),
)
@pytest.mark.hil
async def test_triggered_messages_follow_their_answers(world: World, csms: Desk) -> None:
    await world.start(evses=2)
    for message in ("Heartbeat", "MeterValues"):
        assert (await csms.station.trigger(message)).accepted
    await csms.sees("Heartbeat")
    await csms.sees("MeterValues", 2)
    told = [text for text in frames_from_station(csms.station) if not text.startswith("[2,")]
    everything = frames_from_station(csms.station)
    heartbeat = next(text for text in everything if '"Heartbeat"' in text)
    assert everything.index(told[0]) < everything.index(heartbeat)
    contexts = {sample.context for sample in csms.station.idle_samples}
    assert contexts == {"Trigger"}
    before = len(csms.calls("StatusNotification"))
    assert (await csms.station.trigger("StatusNotification", 2)).accepted
    await csms.sees("StatusNotification", before + 1)
    await world.watch_s(2)
    assert len(csms.calls("StatusNotification")) == before + 1


@pytest.mark.requirement("F06.FR.07", "S16-MV-11", "S16-MV-07")
@pytest.mark.hil
async def test_a_trigger_tells_the_values_of_a_running_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    assert (await csms.station.trigger("MeterValues", 1)).accepted
    samples = transaction.samples if csms.is_16 else csms.station.idle_samples
    await csms.until(lambda: "Trigger" in {s.context for s in samples}, "the values")
    if not csms.is_16:
        assert (await csms.station.trigger("TransactionEvent", 1)).accepted
        await csms.until(lambda: csms.triggers(transaction).count("Trigger") == 1, "the event")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("F06.FR.08", "F06.FR.05", "TC_055_CS")
async def test_a_trigger_for_what_does_not_exist_is_refused(world: World, csms: Desk) -> None:
    await world.start()
    if not csms.is_16:
        unknown = await csms.station.trigger("PublishFirmwareStatusNotification")
        assert unknown.status == "NotImplemented"
        assert (await csms.station.trigger("TransactionEvent", 1)).status == "Rejected"
    assert (await csms.station.trigger("StatusNotification", 9)).status == "Rejected"


@pytest.mark.requirement("F05", "F05.FR.01", "F05.FR.04", "F05.FR.06", "TC_017_1_CS")
@pytest.mark.hil
async def test_a_lock_is_released_on_request(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(2)
    assert (await csms.station.unlock(1)).status == "Unlocked"
    assert not bench.plant().lock_engaged


@pytest.mark.requirement("F05.FR.02", "S16-TXN-10", "TC_018_1_CS")
async def test_unlocking_during_a_transaction_stops_it_in_16_and_is_refused_in_2x(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    result = await csms.station.unlock(1)
    if csms.is_16:
        assert result.status == "Unlocked"
        await csms.sees_end("UnlockCommand")
        assert not bench.plant().lock_engaged
        assert not bench.plant().contactor_closed
        return
    assert result.status == "OngoingAuthorizedTransaction"
    assert bench.is_delivering()
    assert bench.plant().lock_engaged
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("F05.FR.03", "F05.FR.07", "TC_017_2_CS")
async def test_unlocking_what_does_not_exist_is_refused(world: World, csms: Desk) -> None:
    await world.start(cable="attached")
    if csms.is_16:
        assert (await csms.station.unlock(1)).status == "NotSupported"
        return
    assert (await csms.station.unlock(5)).status == "UnknownConnector"
    if csms.version == V21:
        assert (await csms.station.unlock(1)).status == "UnlockFailed"
    else:
        with pytest.raises(StationRefusedCall) as refusal:
            await csms.station.unlock(1)
        assert refusal.value.code == "NotSupported"


@pytest.mark.requirement("P01", "P01.FR.05", "S16-DT-01", "TC_062_CS")
async def test_data_transfer_of_an_unknown_vendor_is_answered(world: World, csms: Desk) -> None:
    await world.start()
    result = await csms.station.data_transfer("com.example.unheard-of", "m", "{}")
    assert result.payload == {"status": "UnknownVendorId"}


@pytest.mark.requirement("S16-CONN-12", "S16-CONN-14")
async def test_actions_that_are_not_offered_are_refused_and_nothing_breaks(
    world: World, csms: Desk
) -> None:
    await world.start()
    for action in ("ClearedChargingLimit", "NoSuchAction"):
        with pytest.raises(StationRefusedCall) as refusal:
            await csms.call(action, {})
        assert refusal.value.code in {"NotSupported", "NotImplemented"}
    with pytest.raises(StationRefusedCall):
        await csms.call("Reset", {"kind": "Sometimes"})
    assert await csms.gets("OCPPCommCtrlr.HeartbeatInterval") is not None
