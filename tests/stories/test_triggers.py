"""Stories of messages that the CSMS asks for (F06): answered first, present data only."""

from decimal import Decimal

import pytest

from agent.sim.frames import Call, CallResult, Payload, parse
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V201, V21])

ALIGNED = "Energy.Active.Import.Register,Voltage,Power.Active.Import"


async def trigger(
    csms: Desk, message: str, evse: int | None = None, connector: int | None = None, **more: str
) -> str:
    place = {} if connector is None else {"connectorId": connector}
    where = {} if evse is None else {"evse": {"id": evse, **place}}
    payload: Payload = {"requestedMessage": message, **where, **more}
    return str((await csms.call("TriggerMessage", payload))["status"])


def answered_before(csms: Desk, action: str) -> bool:
    """Tell whether the answer to the last TriggerMessage came before the last such message."""
    frames = [parse(record.text) for record in csms.station.frames]
    asked = [f for f in frames if isinstance(f, Call) and f.action == "TriggerMessage"][-1]
    answer = next(
        n
        for n, f in enumerate(frames)
        if isinstance(f, CallResult) and f.message_id == asked.message_id
    )
    sent = [n for n, f in enumerate(frames) if isinstance(f, Call) and f.action == action][-1]
    return answer < sent


@pytest.mark.requirement("F06.FR.15", "F06.FR.16", "F06.FR.03", "F06.FR.04", "F06.FR.10")
@pytest.mark.parametrize("message", ["LogStatusNotification", "FirmwareStatusNotification"])
@pytest.mark.parametrize("evse", [None, 1, 9])
async def test_what_is_not_going_on_is_idle(
    world: World, csms: Desk, message: str, evse: int | None
) -> None:
    await world.start()
    assert await trigger(csms, message, evse) == "Accepted"
    told = await csms.sees(message)
    assert told.payload == {"status": "Idle"}
    assert answered_before(csms, message)


@pytest.mark.requirement("F06.FR.03", "F06.FR.04")
async def test_an_evse_that_does_not_matter_is_ignored(world: World, csms: Desk) -> None:
    await world.start()
    assert await trigger(csms, "Heartbeat", 9, 9) == "Accepted"
    await csms.sees("Heartbeat")
    assert answered_before(csms, "Heartbeat")


@pytest.mark.requirement("F06.FR.06", "F06.FR.09", "F06.FR.11", "F06.FR.10")
@pytest.mark.parametrize("evse", [None, 1, 2])
async def test_triggered_meter_values_are_those_of_the_aligned_measurands_now(
    world: World, bench: Bench, csms: Desk, evse: int | None
) -> None:
    await world.start(evses=2)
    assert await csms.sets("AlignedDataCtrlr.Measurands", ALIGNED) == "Accepted"
    transaction = await world.charges(evse=1)
    for count in (1, 2):
        await world.pass_s(30)
        before = len(csms.calls("MeterValues"))
        assert await trigger(csms, "MeterValues", evse) == "Accepted"
        expected = [1, 2] if evse is None else [evse]
        await csms.sees("MeterValues", before + len(expected))
        await world.pass_s(2)
        told = [call.payload for call in csms.calls("MeterValues")[before:]]
        assert [one["evseId"] for one in told] == expected
        for one in told:
            (value,) = one["meterValue"]
            samples = value["sampledValue"]
            assert {s["measurand"] for s in samples} == set(ALIGNED.split(","))
            assert {s["context"] for s in samples} == {"Trigger"}
            register = next(s for s in samples if s["measurand"].startswith("Energy"))
            present = world.machine.service(one["evseId"]).last_reading.register_wh
            assert abs(Decimal(str(register["value"])) - present) < Decimal(30), count
    assert answered_before(csms, "MeterValues")
    assert "Trigger" not in {s.context for s in transaction.samples}
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")


@pytest.mark.requirement("F06.FR.07", "F06.FR.09", "F06.FR.11")
@pytest.mark.parametrize("evse", [None, 1])
async def test_a_triggered_transaction_event_tells_the_present_state_of_each_transaction(
    world: World, bench: Bench, csms: Desk, evse: int | None
) -> None:
    await world.start(evses=2)
    first = await world.charges(TOKEN, 1)
    second = await world.charges("0A0B0C0D", 2)
    await bench.car_pauses(1)
    await csms.until(lambda: "SuspendedEV" in csms.states(first), "the pause")
    await world.pass_s(5)
    assert await trigger(csms, "TransactionEvent", evse) == "Accepted"
    await csms.until(lambda: "Trigger" in csms.triggers(first), "the event")
    await world.pass_s(5)
    told = first.events[-1]
    assert (told.trigger_reason, told.charging_state) == ("Trigger", "SuspendedEV")
    assert "Trigger" in {sample.context for sample in told.reading.samples}
    assert ("Trigger" in csms.triggers(second)) is (evse is None)
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local", count=1)
    await bench.swipe("0A0B0C0D", 2)
    await csms.sees_end("Local", count=2)


@pytest.mark.requirement("F06.FR.09", "F06.FR.11")
@pytest.mark.parametrize("evse", [None, 0, 1])
async def test_a_triggered_status_is_the_present_one(
    world: World, bench: Bench, csms: Desk, evse: int | None
) -> None:
    await world.start(evses=2)
    await bench.plug_in(1)
    await csms.sees_status("Occupied", 1)
    before = len(csms.calls("StatusNotification"))
    assert await trigger(csms, "StatusNotification", evse) == "Accepted"
    expected = [(1, "Occupied")] if evse else [(1, "Occupied"), (2, "Available")]
    await csms.sees("StatusNotification", before + len(expected))
    await world.pass_s(2)
    told = [call.payload for call in csms.calls("StatusNotification")[before:]]
    assert [(one["evseId"], one["connectorStatus"]) for one in told] == expected


@pytest.mark.requirement("F06.FR.08")
@pytest.mark.parametrize(
    "message", ["PublishFirmwareStatusNotification", "SignCombinedCertificate"]
)
async def test_what_the_station_never_sends_is_not_implemented(
    world: World, csms: Desk, message: str
) -> None:
    await world.start()
    assert await trigger(csms, message) == "NotImplemented"
    await world.pass_s(5)
    assert "SignCertificate" not in csms.actions_received()
