"""Stories of the rules for all messages (part 2, generic requirements): answers, and refusals."""

import pytest

from agent.sim.frames import Payload
from agent.sim.misbehaviour import answer_call_error
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

BOTH_2X = [V201, V21]
NOWHERE = {"id": 9, "connectorId": 9}
IMPOSSIBLE: dict[str, Payload] = {
    "ChangeAvailability": {"operationalStatus": "Inoperative", "evse": NOWHERE},
    "ClearChargingProfile": {"chargingProfileId": 4711},
    "DataTransfer": {"vendorId": "org.example.nobody"},
    "GetBaseReport": {"requestId": 0, "reportBase": "SummaryInventory"},
    "GetCompositeSchedule": {"duration": 60, "evseId": 9},
    "GetReport": {"requestId": 0, "componentVariable": [{"component": {"name": "Nothing"}}]},
    "GetVariables": {
        "getVariableData": [{"component": {"name": "Nothing"}, "variable": {"name": "None"}}]
    },
    "RequestStopTransaction": {"transactionId": "nobody-knows-me"},
    "Reset": {"type": "Immediate", "evseId": 9},
    "SetVariables": {
        "setVariableData": [
            {
                "component": {"name": "ClockCtrlr"},
                "variable": {"name": "DateTime"},
                "attributeType": "MaxSet",
                "attributeValue": "",
            }
        ]
    },
    "TriggerMessage": {"requestedMessage": "StatusNotification", "evse": NOWHERE},
    "UnlockConnector": {"evseId": 9, "connectorId": 9},
}


@pytest.mark.requirement("FR.02")
@pytest.mark.parametrize("version", BOTH_2X)
@pytest.mark.parametrize("action", IMPOSSIBLE)
async def test_what_cannot_be_done_is_answered_with_a_result(
    world: World, csms: Desk, action: str
) -> None:
    await world.start()
    answer = await csms.call(action, IMPOSSIBLE[action])
    statuses = [answer.get("status")]
    for results in (value for value in answer.values() if isinstance(value, list)):
        statuses = [result["attributeStatus"] for result in results]
    allowed = {"Accepted"} if action == "GetBaseReport" else set()
    assert statuses
    assert all(status and (status != "Accepted" or status in allowed) for status in statuses)


@pytest.mark.requirement("FR.04")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_csms_that_refuses_everything_but_the_boot_is_coped_with(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.office.boot_script = ("Pending", "Accepted")
    csms.csms.office.boot_interval_s = 20
    refusal = answer_call_error("SecurityError", {"Heartbeat", "StatusNotification"}, times=2)
    csms.csms.misbehave(refusal)
    await world.power_up()
    await csms.sees_boot("Pending")
    assert (await csms.station.trigger("Heartbeat")).accepted
    assert (await csms.station.trigger("StatusNotification", 1)).accepted
    await csms.until(lambda: refusal.count == 2, "two refusals")
    assert csms.station.connections == 1
    await csms.sees_boot("Accepted")
    await csms.is_ready()
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert csms.station.connections == 1
