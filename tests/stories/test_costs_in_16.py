"""Stories of prices and costs in 1.6: the end of an idle fee, and values when the price changes."""

import json
from datetime import timedelta
from typing import Any

import pytest

from agent.sim.csms_model import format_timestamp
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16
from tests.stories.world import World
from tests.virtual_time import utc_now

pytestmark = pytest.mark.parametrize("version", [V16])
COST = "org.openchargealliance.costmsg"
FEE = {"OCPP16Ctrlr.CustomIdleFeeAfterStop": "true"}
QUIET = {"SampledDataCtrlr.TxUpdatedInterval": "0", "AlignedDataCtrlr.Interval": "0"}


def unplugged(csms: Desk) -> list[Payload]:
    """Return what was told inside of unplugged connectors."""
    calls = [call.payload for call in csms.calls("DataTransfer")]
    assert all((c["vendorId"], c["messageId"]) == (COST, "ConnectorUnplugged") for c in calls)
    return [json.loads(call["data"]) for call in calls]


# --- The end of an idle fee.


async def test_an_ev_that_stays_after_its_transaction_is_told_when_it_leaves(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert (await csms.station.change_configuration("CustomIdleFeeAfterStop", "true")).accepted
    number = int((await world.charges()).transaction_id)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await world.pass_s(600)
    assert unplugged(csms) == []
    left_at = utc_now()
    await bench.unplug()
    await csms.sees("DataTransfer")
    (told,) = unplugged(csms)
    assert told["transactionId"] == number
    assert format_timestamp(left_at)[:16] == told["timestamp"][:16]
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", count=2)
    await bench.unplug()
    await csms.sees("DataTransfer", 2)
    assert unplugged(csms)[1]["transactionId"] != number


async def test_without_an_idle_fee_nobody_is_told_who_leaves(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await csms.sees_status("Available")
    await world.pass_s(10)
    assert unplugged(csms) == []


async def test_a_transaction_that_ends_with_its_cable_has_no_idle_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(FEE)
    await world.charges()
    await bench.unplug()
    await csms.sees_end("EVDisconnected")
    await csms.sees_status("Available")
    await bench.plug_in()
    await world.pass_s(120)
    await bench.unplug()
    await world.pass_s(10)
    assert unplugged(csms) == []


async def test_who_leaves_while_offline_is_told_after_the_end_and_with_the_right_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(FEE)
    number = int((await world.charges()).transaction_id)
    await csms.goes_down()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(60)
    await world.machine.stop()
    await world.machine.start()
    await world.pass_s(10)
    left_at = utc_now()
    await bench.unplug()
    await world.pass_s(300)
    await csms.comes_back()
    await csms.sees_end(within_s=90)
    await csms.sees("DataTransfer", within_s=90)
    (told,) = unplugged(csms)
    assert told["transactionId"] == number
    assert told["timestamp"][:16] == format_timestamp(left_at)[:16]
    texts = [record.text for record in csms.station.frames]
    (stop,) = [n for n, text in enumerate(texts) if '"StopTransaction"' in text]
    assert '"ConnectorUnplugged"' in "".join(texts[stop:])


# --- Meter values when the CSMS needs them for a cost.


async def triggers(csms: Desk, number: int, **named: Any) -> str:
    """Tell a running cost with triggers, or without any; return the status."""
    more = {"triggerMeterValue": named} if named else {}
    inside = {"transactionId": number, "cost": 1.5, "state": "Charging", **more}
    order = {"vendorId": COST, "messageId": "RunningCost", "data": json.dumps(inside)}
    return str((await csms.call("DataTransfer", order))["status"])


def triggered(csms: Desk, number: int) -> list[float]:
    """Return the registers, kWh, of the transaction's values that were asked for."""
    calls = [call.payload for call in csms.calls("MeterValues")]
    samples = [
        sample
        for call in calls
        for value in call["meterValue"]
        for sample in value["sampledValue"]
        if sample["context"] == "Trigger" and sample["measurand"].endswith("Import.Register")
    ]
    assert all(call["transactionId"] == number for call in calls)
    return [float(sample["value"]) / 1000 for sample in samples]


async def tells_values(world: World, csms: Desk, number: int, count: int) -> None:
    await world.until(lambda: len(triggered(csms, number)) == count, f"{count} values", 30)
    await world.pass_s(30)
    assert len(triggered(csms, number)) == count


async def test_values_are_told_once_when_an_instant_has_come(world: World, csms: Desk) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    soon = format_timestamp(utc_now() + timedelta(seconds=60))
    assert await triggers(csms, number, atTime=soon) == "Accepted"
    await world.pass_s(50)
    assert triggered(csms, number) == []
    await tells_values(world, csms, number, 1)
    assert await triggers(csms, number, atTime=soon) == "Accepted"
    await world.pass_s(60)
    assert len(triggered(csms, number)) == 1


async def test_values_are_told_once_when_a_register_is_reached(world: World, csms: Desk) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    start_kwh = csms.calls("StartTransaction")[0].payload["meterStart"] / 1000
    assert await triggers(csms, number, atEnergykWh=round(start_kwh + 0.5, 3)) == "Accepted"
    await world.until(lambda: len(triggered(csms, number)) == 1, "the values", 600)
    (told_kwh,) = triggered(csms, number)
    assert 0 <= told_kwh - start_kwh - 0.5 < 0.05
    await world.pass_s(120)
    assert len(triggered(csms, number)) == 1


async def test_values_are_told_each_time_a_power_is_passed(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    await world.pass_s(10)
    assert await triggers(csms, number, atPowerkW=10) == "Accepted"
    await world.pass_s(30)
    assert triggered(csms, number) == []
    assert await csms.sets_profile(10) == "Accepted"
    await tells_values(world, csms, number, 1)
    assert await csms.sets_profile(32) == "Accepted"
    await tells_values(world, csms, number, 2)


async def test_values_are_told_when_a_status_is_entered(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    assert await triggers(csms, number, atCPStatus=["SuspendedEV", "Finishing"]) == "Accepted"
    await bench.car_pauses()
    await tells_values(world, csms, number, 1)
    await bench.car_resumes()
    await world.energy_flows()
    await world.pass_s(30)
    assert len(triggered(csms, number)) == 1


async def test_the_triggers_told_last_are_the_only_ones(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    assert await triggers(csms, number, atCPStatus=["SuspendedEV"]) == "Accepted"
    assert await triggers(csms, number) == "Accepted"
    await bench.car_pauses()
    await csms.sees_status("SuspendedEV")
    await world.pass_s(30)
    assert triggered(csms, number) == []


@pytest.mark.parametrize(
    "named",
    [
        {"atTime": "tomorrow"},
        {"atTime": 5},
        {"atEnergykWh": "5"},
        {"atPowerkW": True},
        {"atPowerkW": 1e300},
        {"atCPStatus": ["Flying"]},
        {"atCPStatus": {"Charging": 1}},
        {"atCPStatus": [["Charging"]]},
    ],
)
async def test_triggers_that_mean_nothing_are_rejected_with_their_cost(
    world: World, csms: Desk, named: dict[str, Any]
) -> None:
    await world.start(QUIET)
    transaction = await world.charges()
    assert await triggers(csms, int(transaction.transaction_id), **named) == "Rejected"
    ours = world.machine.station.evses[1].state.transaction
    assert ours is not None
    assert world.machine.station.costs.cost_of(ours.id) is None
