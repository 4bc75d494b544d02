"""Stories of an update that is cut off: the daemon is killed, or the power fails, at every stage.

Whatever happens, the station runs a version that works and the CSMS hears the truth to the end,
under the same request id.
"""

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.stories.desk import Desk
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.slots import TRIES
from tests.stories.updates import LOCATION, NEW, Updates
from tests.stories.words import V16, V21, V201
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
SECOND = timedelta(seconds=1)
Cut = Callable[[World], Awaitable[None]]


@pytest.fixture
def updates(world: World) -> Updates:
    return Updates(world)


async def is_killed(world: World) -> None:
    await world.machine.kill()
    await world.pass_s(2)
    world.csms.station.expect_boot()
    await world.machine.start()


async def loses_power(world: World) -> None:
    world.csms.station.expect_boot()
    await world.machine.lose_power()


CUTS = pytest.mark.parametrize("cut", [is_killed, loses_power])


def stage(world: World) -> str | None:
    """Look into the station for where the update stands, since some stages last a moment only."""
    machine = world.machine
    assert isinstance(machine, InProcessMachine)
    view = machine.station.firmware.view() if machine.is_running else None
    return None if view is None else str(view["stage"])


async def orders_with_everything(world: World, updates: Updates) -> None:
    """Order an update that waits for its dates, pauses once, and waits for a transaction."""
    await world.charges()
    updates.shelf.breaks_off = 1
    at = utc_now()
    dates = {"retrieve_at": at + 60 * SECOND, "install_at": at + 300 * SECOND}
    assert await updates.orders(7, retry_interval_s=30, **dates) == "Accepted"


@CUTS
@pytest.mark.parametrize(
    ("version", "at_stage"),
    list(
        zip(
            itertools.cycle([V16, V201, V21]),
            [
                *("Ordered", "AwaitsRetrieval", "Downloading", "Rests", "AwaitsInstallation"),
                *("Installing", "AwaitsIdle", "Activating", "OnTrial", "Installed"),
            ],
            strict=False,
        )
    ),
)
async def test_an_update_that_is_cut_off_at_any_stage_goes_on_and_is_told_in_order(
    world: World, csms: Desk, updates: Updates, cut: Cut, at_stage: str
) -> None:
    await world.start()
    world.spawn(leaves_after(world, 400))
    await orders_with_everything(world, updates)
    await world.until(lambda: stage(world) == at_stage, at_stage, 600)
    await cut(world)
    await world.until(lambda: updates.slots.version == NEW, "the new version", 800)
    await csms.until(lambda: updates.told[-1:] == ["Installed"], "the end", 200)
    told = updates.told_once
    assert told[0] == "DownloadScheduled"
    assert [status for status in told if status in STRAIGHT[1:]] == STRAIGHT[1:]
    assert {call["requestId"] for call in updates.notifications} == {7}
    assert not (await updates.slots.standing()).on_trial


async def leaves_after(world: World, seconds: float) -> None:
    """Unplug the car, whatever has become of its transaction."""
    await world.pass_s(seconds)
    await world.bench.unplug()


@CUTS
@pytest.mark.parametrize("version", [V201])
@pytest.mark.parametrize("at_stage", ["Activating", "OnTrial"])
async def test_a_version_without_a_guard_is_left_also_after_a_cut(
    world: World, csms: Desk, updates: Updates, cut: Cut, at_stage: str
) -> None:
    await world.start()
    assert await updates.orders(7) == "Accepted"
    await world.until(lambda: stage(world) == at_stage, at_stage, 200)
    await cut(world)
    await world.until(lambda: stage(world) == "OnTrial", "the trial", 200)
    await world.machine.lose_guard()
    await world.until(lambda: not world.machine.is_running, "the fall-back", 400)
    csms.station.expect_boot()
    await world.machine.restart_guard()
    await updates.tells("InstallationFailed", 120)
    assert updates.slots.version == "1.0.0"
    assert {call["requestId"] for call in updates.notifications} == {7}


@pytest.mark.parametrize("version", [V201])
async def test_a_machine_that_dies_with_each_start_of_a_version_comes_back_with_the_old_one(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders(7) == "Accepted"
    for _ in range(TRIES):
        await world.until(lambda: stage(world) == "OnTrial", "the trial", 200)
        await loses_power(world)
    await updates.tells("InstallationFailed", 120)
    assert updates.slots.starts == ["1.0.0", *[NEW] * TRIES, "1.0.0"]


@pytest.mark.requirement("L01.FR.26", "L01.FR.28 (1.6)")
async def test_a_trigger_hears_the_last_status_also_after_a_restart(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.shelf.images.clear()
    assert await updates.orders(7, retries=0) == "Accepted"
    await updates.tells("DownloadFailed", 60)
    await is_killed(world)
    await csms.is_ready()
    assert await updates.hears_when_asked() == {"status": "DownloadFailed", "requestId": 7}


@pytest.mark.parametrize("version", [V201])
async def test_a_version_that_was_installed_by_hand_is_confirmed_without_a_word(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    image = world.machine.folder / "by-hand"  # type: ignore[attr-defined]
    image.write_bytes(updates.shelf.images[LOCATION])
    await updates.slots.install(image, lambda _percent: None)
    await updates.slots.activate()
    await updates.reboots_silently()
    await world.pass_s(30)
    assert not (await updates.slots.standing()).on_trial
    assert (updates.slots.version, updates.told) == (NEW, [])
