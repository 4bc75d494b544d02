"""Stories of the status light: as bright as the operator says, and it blinks at a refused card."""

from dataclasses import replace
from typing import Final

import pytest

from agent.core.indication import FAULT_INTENSITY_PERCENT, Indication
from agent.services.indicator import PATTERNS, REFUSED
from agent.sim.csms_model import AuthorizationStatus
from hal.api import IndicatorPattern
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.instruments import LIGHT, VirtualLight, with_lights
from tests.stories.words import TOKEN, UNKNOWN_TOKEN
from tests.stories.world import World

INTENSITY: Final = "ChargingStatusIndicator.Percent[LightIntensity]"
BLINKS: Final = "ChargingStatusIndicator.Count[BlinkRepeat]"
AT_ONCE_S: Final = 1.1


@pytest.fixture
def lights(world: World) -> list[VirtualLight]:
    """The lights of two EVSEs."""
    found = [VirtualLight(), VirtualLight()]
    world.machine.wiring = LIGHT
    world.machine.fitted = with_lights(found)
    return found


def pattern(said: Indication, percent: int) -> IndicatorPattern:
    return replace(PATTERNS[said], intensity_percent=percent)


async def shows(world: World, light: VirtualLight, wanted: IndicatorPattern) -> None:
    await world.until(lambda: light.shown[-1] == wanted, f"{wanted}", AT_ONCE_S)


@pytest.mark.requirement("S16-CFG-01")
async def test_the_light_is_as_bright_as_the_csms_says_and_stays_so(
    world: World, bench: Bench, csms: Desk, lights: list[VirtualLight]
) -> None:
    await world.start(evses=2)
    assert await csms.gets(INTENSITY) == "100"
    assert await csms.sets(INTENSITY, "30") == "Accepted"
    for light in lights:
        await shows(world, light, pattern(Indication.AVAILABLE, 30))
    transaction = await world.charges()
    await shows(world, lights[0], pattern(Indication.CHARGING, 30))
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert transaction.ended
    for value in ("101", "-1", "many", ""):
        assert await csms.sets(INTENSITY, value) == "Rejected"
    await world.machine.restart()
    await csms.is_ready()
    assert await csms.gets(INTENSITY) == "30"
    await shows(world, lights[1], pattern(Indication.AVAILABLE, 30))


async def test_a_dark_light_still_shows_a_fault(
    world: World, bench: Bench, csms: Desk, lights: list[VirtualLight]
) -> None:
    await world.start(evses=2)
    assert await csms.sets(INTENSITY, "0") == "Accepted"
    await shows(world, lights[0], pattern(Indication.AVAILABLE, 0))
    await bench.fault("rcd")
    await csms.sees_status("Faulted")
    await shows(world, lights[0], pattern(Indication.FAULTED, FAULT_INTENSITY_PERCENT))
    assert lights[1].shown[-1] == pattern(Indication.AVAILABLE, 0)


async def test_a_refused_card_makes_the_light_blink_as_often_as_the_csms_says(
    world: World, bench: Bench, csms: Desk, lights: list[VirtualLight]
) -> None:
    csms.knows(_DEADBEEF=AuthorizationStatus.ACCEPTED)
    await world.start(evses=2)
    assert await csms.sets(BLINKS, "5") == "Accepted"
    await bench.plug_in()
    await shows(world, lights[0], PATTERNS[Indication.PREPARING])
    await bench.swipe(UNKNOWN_TOKEN, 1)
    await shows(world, lights[0], replace(REFUSED, times=5))
    await world.pass_s(3.0)
    assert lights[0].shown[-1] == PATTERNS[Indication.PREPARING]
    assert all(shown.times is None for shown in lights[1].shown)
    for value in ("21", "-1", "2.5"):
        assert await csms.sets(BLINKS, value) == "Rejected"
    assert await csms.gets(BLINKS) == "5"


async def test_a_card_refused_for_no_certain_outlet_is_signalled_at_all_of_its_reader(
    world: World, bench: Bench, csms: Desk, lights: list[VirtualLight]
) -> None:
    csms.knows(_DEADBEEF=AuthorizationStatus.ACCEPTED)
    await world.start(evses=2)
    assert await csms.sets(BLINKS, "2") == "Accepted"
    await bench.swipe(UNKNOWN_TOKEN)
    for light in lights:
        await world.until(
            lambda light=light: replace(REFUSED, times=2) in light.shown, "the signal", 3.0
        )
    await world.pass_s(3.0)
    assert [light.shown[-1] for light in lights] == [PATTERNS[Indication.AVAILABLE]] * 2
    assert await csms.sets(BLINKS, "0") == "Accepted"
    told = [len(light.shown) for light in lights]
    await bench.swipe(UNKNOWN_TOKEN)
    await world.pass_s(5.0)
    assert [len(light.shown) for light in lights] == told
