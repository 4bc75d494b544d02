"""Stories of an opened housing: the CSMS is told once, and the log knows both ends."""

from dataclasses import replace

import pytest

from agent.app.hardware import Hardware
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.instruments import Housing
from tests.stories.words import TOKEN
from tests.stories.world import World

OPENED, CLOSED = "TamperDetectionActivated", "TamperDetectionEnded"


@pytest.fixture
async def housing(world: World) -> Housing:
    """A station with a housing that can be opened; it stays as it is over a restart."""
    found: list[Housing] = []

    def fit(hardware: Hardware) -> Hardware:
        housing = Housing(world.machine.board)
        housing.open = found[0].open if found else set()
        found.append(housing)
        return replace(hardware, guard=housing)

    world.machine.fitted = fit
    await world.start(evses=2)
    return found[0]


async def logged(world: World) -> list[str]:
    entries = await world.machine.station._f.storage.security_log.entries()
    return [entry.kind for entry in entries if entry.kind in (OPENED, CLOSED)]


def told(csms: Desk) -> list[str]:
    return [e.type for e in csms.station.security_events if e.type in (OPENED, CLOSED)]


@pytest.mark.requirement("A04.FR.01", "A04.FR.02", "A04.FR.04")
async def test_an_opened_housing_is_told_and_a_closed_one_is_logged(
    world: World, bench: Bench, csms: Desk, housing: Housing
) -> None:
    housing.turn(2, is_open=True)
    await csms.until(lambda: told(csms) == [OPENED], "the security event")
    event = csms.station.security_events[-1]
    assert event.tech_info == "the housing of EVSE 2 was opened"
    await world.pass_s(30)
    housing.turn(2, is_open=False)
    await world.pass_s(30)
    assert told(csms) == [OPENED]
    assert await logged(world) == [OPENED, CLOSED]


@pytest.mark.requirement("A04.FR.02")
async def test_a_housing_opened_without_connection_is_told_later(
    world: World, csms: Desk, housing: Housing
) -> None:
    await csms.goes_down()
    housing.turn(1, is_open=True)
    await world.pass_s(10)
    await csms.comes_back()
    await csms.until(lambda: told(csms) == [OPENED], "the security event", within_s=60)


async def test_a_housing_that_stays_open_over_a_restart_is_told_once(
    world: World, csms: Desk, housing: Housing
) -> None:
    housing.turn(1, is_open=True)
    await csms.until(lambda: told(csms) == [OPENED], "the security event")
    await world.queue_drains()
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await world.pass_s(10)
    assert told(csms) == [OPENED]
    housing.turn(2, is_open=True)
    await csms.until(lambda: told(csms) == [OPENED] * 2, "that of the other housing")
    assert await logged(world) == [OPENED] * 2


async def test_an_opened_housing_interrupts_nobody(
    world: World, bench: Bench, csms: Desk, housing: Housing
) -> None:
    await world.charges()
    housing.turn(1, is_open=True)
    await world.pass_s(30)
    assert bench.is_delivering()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
