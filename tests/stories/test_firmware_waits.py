"""Stories of what an update waits for, what takes its place, and what is asked meanwhile (L01)."""

from datetime import timedelta

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.slots import image_of
from tests.stories.updates import Updates
from tests.stories.words import OTHER_TOKEN, V21, V201
from tests.stories.world import World
from tests.virtual_time import utc_now

STRAIGHT = [
    "Downloading",
    "Downloaded",
    "SignatureVerified",
    "Installing",
    "InstallRebooting",
    "Installed",
]
BOTH_2X = pytest.mark.parametrize("version", [V201, V21])
ALLOWS_SESSIONS = "ChargingStation.AllowNewSessionsPendingFirmwareUpdate"


def why(world: World, evse: int) -> str:
    machine = world.machine
    assert isinstance(machine, InProcessMachine)
    (told,) = machine.station._why().answer({"evse": evse})["evses"]
    return str(told["sentence"])


@pytest.fixture
def updates(world: World) -> Updates:
    return Updates(world)


# --- Sessions.


@pytest.mark.requirement("L01.FR.06", "L01.FR.07", "L01.FR.33", "TC_L_15_CS")
@pytest.mark.requirement("L01.FR.05 (1.6)", "L01.FR.35 (1.6)")
async def test_a_transaction_is_waited_for_and_nobody_else_may_begin(
    world: World, bench: Bench, csms: Desk, updates: Updates
) -> None:
    await world.start(evses=2)
    await world.charges()
    assert await updates.orders() == "Accepted"
    await updates.tells("Installing", 120)
    await csms.sees_status("Unavailable", 2)
    await world.pass_s(600)
    assert (updates.told[-1], updates.slots.installations) == ("Installing", 1)
    assert "new software" in why(world, 2)
    assert bench.is_delivering(1)
    await bench.plug_in(2)
    await bench.swipe(OTHER_TOKEN, 2)
    await world.pass_s(20)
    assert not bench.is_delivering(2)
    await bench.unplug(2)
    await bench.swipe(evse=1)
    await csms.sees_end()
    await updates.reboots()
    await updates.tells("Installed", 120)
    await bench.unplug(1)
    for evse in (1, 2):
        await csms.sees_status("Available", evse)


@BOTH_2X
@pytest.mark.requirement("L01.FR.06", "L01.FR.07", "TC_L_14_CS")
async def test_new_sessions_may_begin_meanwhile_where_that_is_allowed(
    world: World, bench: Bench, csms: Desk, updates: Updates
) -> None:
    await world.start(evses=2)
    assert await csms.sets(ALLOWS_SESSIONS, "true") == "Accepted"
    await world.charges()
    assert await updates.orders() == "Accepted"
    await updates.tells("Installing", 120)
    await world.pass_s(30)
    await world.charges(OTHER_TOKEN, 2)
    await bench.swipe(evse=1)
    await csms.sees_end()
    await world.pass_s(60)
    assert updates.told[-1] == "Installing"
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end(count=2)
    await updates.reboots()
    await updates.tells("Installed", 120)


@pytest.mark.requirement("L01.FR.06")
async def test_an_order_that_is_given_up_lets_sessions_begin_again(
    world: World, bench: Bench, csms: Desk, updates: Updates
) -> None:
    await world.start(evses=2)
    await world.charges()
    assert await updates.orders(7) == "Accepted"
    await csms.sees_status("Unavailable", 2, 120)
    later = utc_now() + timedelta(days=1)
    assert await updates.orders(8, retrieve_at=later) == "AcceptedCanceled"
    await csms.sees_status("Available", 2)
    await bench.swipe(evse=1)
    await csms.sees_end()


# --- Other orders and questions meanwhile.


@pytest.mark.requirement("L01.FR.24", "L01.FR.26 (1.6)", "TC_L_10_CS")
@pytest.mark.parametrize("stage", ["Downloading", "Installing"])
async def test_a_new_order_takes_the_place_of_the_old_one(
    world: World, csms: Desk, updates: Updates, stage: str
) -> None:
    await world.start()
    assert await updates.orders(7) == "Accepted"
    await updates.tells(stage, 60)
    other = "https://files.example/stationd-2.1.0"
    updates.shelf.images[other] = image_of("2.1.0")
    assert await updates.orders(8, location=other) == "AcceptedCanceled"
    before = len(updates.told)
    await updates.reboots(120)
    await updates.tells("Installed", 120)
    assert updates.told[before:] == STRAIGHT
    assert {call["requestId"] for call in updates.notifications[before:]} == {8}
    assert updates.slots.starts == ["1.0.0", "2.1.0"]


@pytest.mark.requirement("L01.FR.27", "L01.FR.26 (1.6)", "TC_L_11_CS")
async def test_a_version_on_trial_is_not_given_up_for_a_new_order(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders(7) == "Accepted"
    await updates.reboots()
    await csms.is_ready()
    assert await updates.orders(8) == "Rejected"
    await updates.tells("Installed", 60)
    assert await updates.orders(9, retrieve_at=utc_now() + timedelta(days=1)) == "Accepted"


@pytest.mark.requirement("L01.FR.25", "L01.FR.26", "L01.FR.28 (1.6)", "F06.FR.16")
async def test_a_trigger_hears_the_last_status_and_idle_after_success(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.hears_when_asked() == {"status": "Idle"}
    assert await updates.orders(7) == "Accepted"
    await updates.tells("Downloading")
    assert await updates.hears_when_asked() == {"status": "Downloading", "requestId": 7}
    await updates.reboots()
    await updates.tells("Installed", 120)
    assert await updates.hears_when_asked() == {"status": "Idle"}
    updates.shelf.images.clear()
    assert await updates.orders(8, retries=0) == "Accepted"
    await updates.tells("DownloadFailed", 60)
    assert await updates.hears_when_asked() == {"status": "DownloadFailed", "requestId": 8}


@BOTH_2X
async def test_a_reset_is_refused_while_the_software_is_being_switched(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders() == "Accepted"
    await updates.tells("InstallRebooting", 120)
    answer = await csms.call("Reset", {"type": "Immediate"})
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == (
        "Rejected",
        "FwUpdateInProgress",
    )
    csms.station.expect_boot()
    await updates.tells("Installed", 120)


async def test_news_of_an_update_wait_in_order_while_there_is_no_connection(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders() == "Accepted"
    await updates.tells("Downloading")
    await csms.goes_down()
    await world.pass_s(600)
    csms.station.expect_boot()
    await csms.comes_back()
    await updates.tells("Installed", 120)
    assert updates.told == STRAIGHT
