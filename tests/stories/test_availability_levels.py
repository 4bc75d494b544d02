"""Stories of availability on its three levels (G03, G04): connector, EVSE, station."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V21, V201
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V201, V21])

PLACES = {
    "connector": {"evse": {"id": 1, "connectorId": 1}},
    "evse": {"evse": {"id": 1}},
    "station": {},
}


async def order(csms: Desk, place: str, *, operative: bool) -> str:
    status = "Operative" if operative else "Inoperative"
    payload = {"operationalStatus": status, **PLACES[place]}
    return str((await csms.call("ChangeAvailability", payload))["status"])


@pytest.mark.requirement("G03.FR.07", "G04.FR.08", "G03.FR.04", "G03.FR.06", "G04.FR.07")
@pytest.mark.parametrize(
    ("inner", "outer"), [("connector", "evse"), ("connector", "station"), ("evse", "station")]
)
async def test_what_is_ordered_on_one_level_comes_back_when_another_opens(
    world: World, csms: Desk, inner: str, outer: str
) -> None:
    await world.start(evses=2)
    assert await order(csms, inner, operative=False) == "Accepted"
    await csms.sees_status("Unavailable", 1)
    assert await order(csms, outer, operative=False) == "Accepted"
    await world.pass_s(2)
    assert await order(csms, outer, operative=True) == "Accepted"
    await csms.sees_status("Available", 2)
    await world.pass_s(5)
    assert csms.statuses_told(1)[-1] == "Unavailable"
    assert await order(csms, inner, operative=True) == "Accepted"
    await csms.sees_status("Available", 1)


@pytest.mark.requirement("G03.FR.03", "G03.FR.04", "G04.FR.04", "G03.FR.02", "G04.FR.03")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("operative", [True, False])
async def test_an_order_for_what_is_so_already_changes_and_tells_nothing(
    world: World, csms: Desk, place: str, *, operative: bool
) -> None:
    await world.start(evses=2)
    if not operative:
        assert await order(csms, place, operative=False) == "Accepted"
        await csms.sees_status("Unavailable", 1)
        await world.pass_s(2)
    before = len(csms.calls("StatusNotification"))
    assert await order(csms, place, operative=operative) == "Accepted"
    await world.pass_s(5)
    assert len(csms.calls("StatusNotification")) == before


@pytest.mark.requirement("G04.FR.05", "G04.FR.06", "G04.FR.07", "G01.FR.05", "G01.FR.07")
@pytest.mark.parametrize("restarted", [False, True])
async def test_an_order_for_the_station_binds_idle_evses_at_once_and_the_others_in_turn(
    world: World, bench: Bench, csms: Desk, *, restarted: bool
) -> None:
    await world.start(evses=3)
    await world.charges(TOKEN, 1)
    await world.charges(OTHER_TOKEN, 2)
    assert await order(csms, "station", operative=False) == "Scheduled"
    await csms.sees_status("Unavailable", 3)
    assert csms.statuses_told(1)[-1] == csms.statuses_told(2)[-1] == "Occupied"
    await bench.plug_in(3)
    await bench.swipe("0A0B0C0E", 3)
    await world.pass_s(10)
    assert not bench.plant(3).contactor_closed
    if restarted:
        csms.station.expect_boot()
        await world.machine.restart()
        await csms.sees_boot(count=2)
        await csms.is_ready()
        await csms.sees_status("Unavailable", 3)
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local", count=1)
    await csms.sees_status("Unavailable", 1)
    assert bench.is_delivering(2)
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", count=2)
    await csms.sees_status("Unavailable", 2)
    assert await order(csms, "station", operative=True) == "Accepted"
    for evse in (1, 2, 3):
        await bench.unplug(evse)
        await csms.sees_status("Available", evse)


@pytest.mark.requirement("G03.FR.05")
async def test_an_order_that_waits_can_be_taken_back(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await order(csms, "connector", operative=False) == "Scheduled"
    assert await order(csms, "connector", operative=True) == "Accepted"
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await csms.sees_status("Available")
    assert "Unavailable" not in csms.statuses_told()
