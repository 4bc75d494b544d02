"""Stories of a connector lock that fails (G05): no charging, and the CSMS knows."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V201, V21])


def lock_events(csms: Desk) -> list[dict[str, object]]:
    data = [one for call in csms.calls("NotifyEvent") for one in call.payload["eventData"]]
    return [one for one in data if one["component"]["name"] == "ConnectorPlugRetentionLock"]


@pytest.mark.requirement("G05", "G05.FR.01", "G05.FR.02")
@pytest.mark.parametrize("evse", [1, 2])
async def test_a_lock_that_fails_is_told_and_nothing_starts(
    world: World, bench: Bench, csms: Desk, evse: int
) -> None:
    await world.start({"AuthCtrlr.AuthorizeRemoteStart": "false"}, evses=2)
    await bench.fault("lock", evse)
    await bench.plug_in(evse)
    await bench.swipe(TOKEN, evse)
    await csms.sees("NotifyEvent")
    (told,) = lock_events(csms)
    assert told["component"] == {
        "name": "ConnectorPlugRetentionLock",
        "evse": {"id": evse, "connectorId": 1},
    }
    assert told["variable"] == {"name": "Problem"}
    assert told["actualValue"] == "true"
    assert told["eventNotificationType"] == "HardWiredNotification"
    assert ("severity" in told) is (csms.version == V21)
    name = f"ConnectorPlugRetentionLock@{evse}:1.Problem"
    assert await csms.gets(name) == "true"
    assert (await csms.remote_start(evse=evse)).status == "Rejected"
    await bench.swipe(TOKEN, evse)
    await world.pass_s(10)
    assert not bench.plant(evse).contactor_closed
    assert bench.delivered_wh(evse) == 0
    assert all(one.ended and not one.energy_wh for one in csms.station.transactions.values())


@pytest.mark.requirement("G05.FR.02", "G05.FR.01")
async def test_the_end_of_a_lock_failure_is_told_with_another_event(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.fault("lock")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees("NotifyEvent")
    await bench.repair("lock")
    await bench.unplug()
    await csms.sees("NotifyEvent", 2)
    failed, repaired = lock_events(csms)[:2]
    assert (repaired["actualValue"], repaired["cleared"]) == ("false", True)
    assert failed["eventId"] != repaired["eventId"]
    await csms.sees_status("Available")
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", count=2)


@pytest.mark.requirement("G05.FR.02")
async def test_a_lock_failure_without_connection_is_told_later_and_once(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
    await csms.goes_down()
    await bench.fault("lock")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(10)
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.comes_back()
    await csms.sees("NotifyEvent", within_s=120)
    await world.pass_s(20)
    assert [one["actualValue"] for one in lock_events(csms)] == ["true"]
