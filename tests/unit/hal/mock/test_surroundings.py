"""Temperature sensors and status lights of the simulated board."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hal.api import HardwareLost, IndicatorColour, IndicatorPattern, IndicatorRhythm
from hal.mock.backends import BoardControl
from hal.mock.board import Board
from hal.registry import open_indicator, open_temperature

MOCK = {"backend": "mock"}


@pytest.fixture
async def control(board: Board, state_dir: Path) -> AsyncIterator[BoardControl]:
    control = BoardControl(state_dir, [1, 2])
    yield control
    await control.close()


async def state(control: BoardControl, evse: int) -> dict[str, Any]:
    answer: dict[str, Any] = await control.operate({"op": "state", "evse": evse})
    (found,) = answer["evses"]
    return dict(found)


async def test_a_sensor_says_what_the_bench_has_set(control: BoardControl, state_dir: Path) -> None:
    sensor, other = (open_temperature(evse, MOCK, state_dir) for evse in (1, 2))
    assert await sensor.read_celsius() == 25.0
    assert (await control.operate({"op": "temperature", "evse": 1, "celsius": 80.5}))["ok"]
    assert await sensor.read_celsius() == 80.5
    assert await other.read_celsius() == 25.0
    assert (await state(control, 1))["celsius"] == 80.5
    await sensor.close()
    await other.close()


async def test_a_broken_sensor_raises_until_it_is_mended(
    control: BoardControl, state_dir: Path
) -> None:
    sensor = open_temperature(1, MOCK, state_dir)
    await control.operate({"op": "temperature", "celsius": None})
    with pytest.raises(HardwareLost, match="sensor of EVSE 1 is broken"):
        await sensor.read_celsius()
    await control.operate({"op": "temperature", "celsius": 20})
    assert await sensor.read_celsius() == 20.0
    await sensor.close()


@pytest.mark.parametrize("celsius", ["hot", 1e9, True])
async def test_a_temperature_that_is_none_is_refused(
    control: BoardControl, celsius: object
) -> None:
    answer = await control.operate({"op": "temperature", "celsius": celsius})
    assert answer["ok"] is False
    assert "celsius" in str(answer["error"])


async def test_a_light_shows_what_it_is_told(control: BoardControl, state_dir: Path) -> None:
    light = open_indicator(2, MOCK, state_dir)
    dark = {"colour": "off", "rhythm": "steady", "intensity_percent": 100, "times": None}
    assert (await state(control, 2))["light"] == dark
    for pattern in (
        IndicatorPattern(IndicatorColour.BLUE, IndicatorRhythm.SLOW, 30),
        IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.FAST, times=3),
    ):
        await light.show(pattern)
        assert (await state(control, 2))["light"] == asdict(pattern)
    await light.close()
