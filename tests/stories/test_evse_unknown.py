"""Stories of a reader that serves several EVSEs: where the car is plugged in decides (E01, E03)."""

import pytest

from agent.sim.csms_model import TransactionRecord
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V21, V201, signed_pair_is_valid
from tests.stories.world import World

ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
BY_TOKEN = {"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.TxStopPoint": "Authorized,EVConnected"}
TWO_X = pytest.mark.parametrize("version", [V201, V21])


def contexts(csms: Desk) -> list[tuple[str, set[str]]]:
    """Return event type and contexts of values of every TransactionEvent, in their order."""
    found = []
    for call in csms.calls("TransactionEvent"):
        values = call.payload.get("meterValue", [])
        told = {sample["context"] for value in values for sample in value["sampledValue"]}
        found.append((call.payload["eventType"], told))
    return found


def assert_begin_is_told_when_charging_starts(csms: Desk, evse: int) -> None:
    """The begin values come with the first event that tells Charging, and nowhere before it."""
    calls = [call.payload for call in csms.calls("TransactionEvent")]
    states = [call["transactionInfo"].get("chargingState") for call in calls]
    charging = states.index("Charging")
    told = contexts(csms)
    assert told[charging] == ("Updated", {"Transaction.Begin"})
    assert all("Transaction.Begin" not in of_one for _, of_one in told[:charging])
    named = [call["evse"] for call in calls if "evse" in call]
    assert named == [{"id": evse, "connectorId": 1}]
    assert "evse" not in calls[0]
    assert [call["seqNo"] for call in calls] == list(range(len(calls)))
    assert next(call["idToken"]["idToken"] for call in calls if "idToken" in call) == TOKEN


async def ends_locally(world: World, bench: Bench, csms: Desk, evse: int) -> TransactionRecord:
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local")
    await world.energy_ceases(evse)
    assert abs(signed_pair_is_valid(transaction) - bench.delivered_wh(evse)) < 1
    return transaction


@pytest.mark.requirement("E03", "E03.FR.01", "E01.FR.16")
@pytest.mark.parametrize("evse", [1, 2])
async def test_the_car_decides_where_a_token_charges(
    world: World, bench: Bench, csms: Desk, evse: int
) -> None:
    await world.start(evses=2)
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.pass_s(10)
    await bench.plug_in(evse)
    await world.energy_flows(evse)
    transaction = await csms.sees_start()
    assert transaction.evse_id == evse
    assert not bench.plant(3 - evse).contactor_closed
    await ends_locally(world, bench, csms, evse)
    assert len(csms.calls("Authorize")) == 1


@pytest.mark.requirement(
    *("E01.FR.17", "E01.FR.03", "E01.FR.16", "E02.FR.21", "E03.FR.11", "E03.FR.01", "E03.FR.06")
)
@TWO_X
async def test_a_transaction_may_start_before_its_evse_is_known(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_start()
    assert transaction.evse_id is None
    await world.pass_s(20)
    await bench.plug_in(2)
    await world.energy_flows(2)
    await csms.sees_status("Charging", 2)
    await ends_locally(world, bench, csms, 2)
    assert_begin_is_told_when_charging_starts(csms, 2)
    assert csms.triggers(transaction)[:2] == ["Authorized", "CablePluggedIn"]
    assert contexts(csms)[-1][1] >= {"Transaction.Begin", "Transaction.End"}


async def test_1_6_hears_of_a_transaction_once_its_connector_is_known(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    await world.pass_s(20)
    assert len(csms.station.transactions) == (0 if csms.is_16 else 1)
    await bench.plug_in(2)
    await world.energy_flows(2)
    transaction = await csms.sees_start()
    await ends_locally(world, bench, csms, 2)
    assert transaction.evse_id == 2
    assert transaction.id_token == TOKEN


@pytest.mark.requirement("E04.FR.11", "E04.FR.04", "E04.FR.05", "E04.FR.06", "E04")
@TWO_X
async def test_offline_too_the_begin_values_wait_for_the_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**BY_TOKEN, **ANYBODY, "SampledDataCtrlr.TxUpdatedInterval": "20"}, evses=2)
    await csms.goes_down()
    await bench.swipe(TOKEN)
    await world.pass_s(20)
    await bench.plug_in(2)
    await world.energy_flows(2)
    await world.pass_s(50)
    await csms.comes_back()
    await csms.sees_start(within_s=60)
    await ends_locally(world, bench, csms, 2)
    assert_begin_is_told_when_charging_starts(csms, 2)
    assert ("Updated", {"Sample.Periodic"}) in contexts(csms)


@pytest.mark.requirement("E05.FR.08", "E05.FR.03", "E05.FR.04", "E05")
@TWO_X
async def test_a_refused_token_with_an_allowance_begins_where_its_car_is(
    world: World, bench: Bench, csms: Desk
) -> None:
    rules = {"TxCtrlr.StopTxOnInvalidId": "false", "TxCtrlr.MaxEnergyOnInvalidId": "200"}
    await world.start({**BY_TOKEN, **rules}, evses=2)
    csms.refuses_at_start()
    await bench.swipe(TOKEN)
    await csms.sees_start()
    await world.pass_s(10)
    await bench.plug_in(2)
    await world.energy_flows(2)
    await world.energy_ceases(2, within_s=120)
    assert 200 <= bench.delivered_wh(2) < 260
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert_begin_is_told_when_charging_starts(csms, 2)


@pytest.mark.requirement("E05.FR.10", "E05.FR.04")
@TWO_X
async def test_a_token_refused_before_the_car_comes_ends_its_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    csms.refuses_at_start()
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("DeAuthorized")
    assert csms.triggers(transaction) == ["Authorized", "Deauthorized"]
    await bench.plug_in(1)
    await world.pass_s(10)
    assert not bench.plant(1).contactor_closed


@pytest.mark.requirement("E03.FR.05", "E03.FR.06")
@TWO_X
async def test_a_car_that_never_comes_ends_the_transaction_without_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**BY_TOKEN, "TxCtrlr.EVConnectionTimeOut": "20"}, evses=2)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Timeout", within_s=40)
    assert csms.triggers(transaction) == ["Authorized", "EVConnectTimeout"]
    assert contexts(csms) == [("Started", set()), ("Ended", set())]
    await bench.plug_in(2)
    await world.pass_s(10)
    assert not bench.plant(2).contactor_closed


@pytest.mark.requirement("E07.FR.01", "C01.FR.03")
@TWO_X
async def test_the_same_token_again_ends_the_wait(world: World, bench: Bench, csms: Desk) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    await csms.sees_start()
    await world.pass_s(5)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local")
    assert csms.triggers(transaction) == ["Authorized", "StopAuthorized"]


@pytest.mark.requirement("E14.FR.02", "E14.FR.03", "F03.FR.02")
@TWO_X
async def test_the_csms_can_ask_for_and_stop_a_transaction_without_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_start()
    await world.queue_drains()
    asked = {"transactionId": transaction.transaction_id}
    assert (await csms.call("GetTransactionStatus", asked))["ongoingIndicator"]
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")
    await world.queue_drains()
    assert not (await csms.call("GetTransactionStatus", asked))["ongoingIndicator"]


@pytest.mark.requirement("B12.FR.04")
@TWO_X
async def test_a_reset_ends_a_transaction_without_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    await csms.sees_start()
    assert (await csms.station.reset("Immediate")).status == "Accepted"
    await csms.sees_end("ImmediateReset")
    await csms.sees_boot(count=2)
    await csms.is_ready()


@pytest.mark.requirement("E01.FR.08", "E03.FR.06")
@TWO_X
async def test_a_transaction_without_evse_survives_a_restart(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    await csms.sees_start()
    await world.queue_drains()
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await bench.plug_in(2)
    await world.energy_flows(2)
    await ends_locally(world, bench, csms, 2)
    assert len(csms.station.transactions) == 1
    assert_begin_is_told_when_charging_starts(csms, 2)


@pytest.mark.requirement("E06.FR.08")
@TWO_X
async def test_a_power_cut_ends_a_transaction_without_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(BY_TOKEN, evses=2)
    await bench.swipe(TOKEN)
    await csms.sees_start()
    await world.queue_drains()
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready(within_s=60)
    await csms.sees_end("PowerLoss")


@pytest.mark.requirement("E03")
async def test_a_car_plugged_in_while_the_csms_thinks_is_served(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await bench.swipe(TOKEN)
    await bench.plug_in(2)
    await world.energy_flows(2)
    await csms.sees_start()
    await ends_locally(world, bench, csms, 2)


async def test_a_second_driver_waits_until_the_first_has_plugged_in(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.pass_s(2)
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(2)
    await bench.plug_in(1)
    await world.energy_flows(1)
    assert (await csms.sees_start()).id_token == TOKEN
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(2)
    await bench.plug_in(2)
    await world.energy_flows(2)
    assert (await csms.sees_start(2)).id_token == OTHER_TOKEN
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 1)
    assert bench.is_delivering(2)
    await bench.swipe(OTHER_TOKEN)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("E03.FR.05")
async def test_a_car_at_an_evse_that_the_token_was_not_presented_for_gets_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "30"}, evses=2)
    await bench.swipe(TOKEN, 1)
    await csms.sees("Authorize")
    await bench.plug_in(2)
    await world.pass_s(40)
    assert not bench.plant(2).contactor_closed
    assert csms.station.transactions == {}
    await bench.swipe(TOKEN, 2)
    await world.energy_flows(2)
    await csms.sees_start()
    await bench.swipe(TOKEN, 2)
    await csms.sees_end("Local")
