"""Stories of why the station says that it booted (B01.FR.09): each reason is proven, or unknown.

Resets that the CSMS orders are told in `test_reset`, `Triggered` in `test_remote_control`.
"""

import pytest

from tests.stories.desk import Desk
from tests.stories.words import V21, V201
from tests.stories.world import World

BOTH_2X = [V201, V21]


async def starts_again(world: World, csms: Desk) -> str | None:
    """Start the daemon and return the reason that it tells."""
    csms.station.expect_boot()
    await world.machine.start()
    await csms.is_ready()
    return csms.station.boots[-1].facts.reason


@pytest.mark.requirement("B01.FR.09")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_the_first_start_and_the_return_of_power_are_power_ups(
    world: World, csms: Desk
) -> None:
    await world.start()
    assert csms.station.boots[-1].facts.reason == "PowerUp"
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready()
    assert csms.station.boots[-1].facts.reason == "PowerUp"


@pytest.mark.requirement("B01.FR.09")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_restart_on_site_is_a_local_reset(world: World, csms: Desk) -> None:
    await world.start()
    await world.machine.stop()
    assert await starts_again(world, csms) == "LocalReset"


@pytest.mark.requirement("B01.FR.09")
@pytest.mark.parametrize("version", BOTH_2X)
@pytest.mark.parametrize(
    ("service_result", "reason"),
    [
        (None, "Unknown"),
        ("watchdog", "Watchdog"),
        ("signal", "ApplicationReset"),
        ("oom-kill", "ApplicationReset"),
        ("success", "Unknown"),
        ("\x00\xff" * 99, "Unknown"),
    ],
)
async def test_a_daemon_that_ended_without_a_word_tells_what_the_service_manager_saw(
    world: World, csms: Desk, service_result: str | None, reason: str
) -> None:
    await world.start()
    await world.machine.kill(service_result and service_result.encode("ascii", "replace").decode())
    assert await starts_again(world, csms) == reason
    await world.machine.kill()
    assert await starts_again(world, csms) == "Unknown"


@pytest.mark.requirement("B01.FR.09")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_machine_that_its_watchdog_started_anew_says_so(world: World, csms: Desk) -> None:
    await world.start()
    world.machine.watchdog_status.write_text("32\n", encoding="ascii")
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready()
    assert csms.station.boots[-1].facts.reason == "Watchdog"
    await world.machine.stop()
    assert await starts_again(world, csms) == "LocalReset"


@pytest.mark.requirement("B01.FR.09")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_other_software_than_before_is_a_firmware_update(world: World, csms: Desk) -> None:
    await world.start()
    await world.machine.stop()
    world.machine.install("2.0.0")
    assert await starts_again(world, csms) == "FirmwareUpdate"
    assert csms.station.boots[-1].facts.firmware_version == "2.0.0"
    await world.machine.stop()
    assert await starts_again(world, csms) == "LocalReset"
