"""A thermometer and its sensor's failures, in virtual time."""

import asyncio
from decimal import Decimal

import pytest

from agent.core.derating import DeratingCurve
from agent.core.fault_taxonomy import TEMPERATURE_LOST
from agent.core.limits import LimitCause, LimitSource
from agent.services.temperature import MISSES, TemperatureRules, Thermometer
from hal.api import Fault, HardwareError, HardwareLost
from tests.unit.services.evse_rig import Rig, running

RULES = TemperatureRules(DeratingCurve(60, 75, 85, 5, full_a=32), Decimal(6))


class Sensor:
    def __init__(self) -> None:
        self.celsius = 25.0
        self.failure: Exception | None = None
        self.hangs = False

    async def read_celsius(self) -> float:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.failure is not None:
            raise self.failure
        return self.celsius

    async def close(self) -> None:
        return None


class Bed:
    def __init__(self, rig: Rig) -> None:
        self.sensor, self.service = Sensor(), rig.service
        self.thermometer = Thermometer(rig.service, self.sensor, lambda: RULES)

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.thermometer.look()

    @property
    def ceiling(self) -> LimitSource | None:
        limits = {limit.cause: limit for limit in self.service.limits}
        return limits.get(LimitCause.TEMPERATURE) or limits.get(LimitCause.SENSOR_LOST)


async def test_a_cool_station_has_no_ceiling_and_a_hot_one_says_why() -> None:
    async with running() as rig:
        bed = Bed(rig)
        await bed.look()
        assert bed.ceiling is None
        bed.sensor.celsius = 67.5
        await bed.look()
        assert bed.ceiling == LimitSource(LimitCause.TEMPERATURE, Decimal(19), "68 °C")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (HardwareLost("28-01 is not on its bus"), "28-01 is not on its bus"),
        (HardwareError("28-01 says 85 °C for ever"), "28-01 says 85 °C for ever"),
        (PermissionError("nobody"), "its driver failed with PermissionError; see the log"),
    ],
)
async def test_a_lost_sensor_is_noticed_after_a_while_and_said_once(
    failure: Exception, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as rig:
        bed = Bed(rig)
        await bed.look()
        bed.sensor.failure = failure
        await bed.look(MISSES - 1)
        assert bed.ceiling is None
        await bed.look(10)
        assert bed.ceiling == LimitSource(LimitCause.SENSOR_LOST, Decimal(6))
        assert bed.service.troubles[TEMPERATURE_LOST] == sentence
        assert caplog.text.count("is not known") == 1
        bed.sensor.failure = None
        await bed.look()
        assert bed.ceiling is None
        assert TEMPERATURE_LOST not in bed.service.troubles


async def test_a_sensor_that_was_never_read_is_lost_at_once() -> None:
    async with running() as rig:
        bed = Bed(rig)
        bed.sensor.failure = HardwareLost("nothing there")
        await bed.look()
        assert bed.ceiling == LimitSource(LimitCause.SENSOR_LOST, Decimal(6))


async def test_a_sensor_that_hangs_or_says_nonsense_is_lost() -> None:
    async with running() as rig:
        bed = Bed(rig)
        bed.sensor.hangs = True
        await bed.look()
        assert "no answer within 2 s" in bed.service.troubles[TEMPERATURE_LOST]
        bed.sensor.hangs, bed.sensor.celsius = False, -127.0
        await bed.look()
        assert "-127 °C, which cannot be" in bed.service.troubles[TEMPERATURE_LOST]


async def test_a_fault_from_heat_outlasts_its_sensor() -> None:
    async with running() as rig:
        bed = Bed(rig)
        bed.sensor.celsius = 90
        await bed.look()
        assert Fault.OVER_TEMPERATURE in bed.service.troubles
        bed.sensor.failure = HardwareLost("burnt")
        await bed.look(10)
        assert Fault.OVER_TEMPERATURE in bed.service.troubles
        bed.sensor.failure, bed.sensor.celsius = None, 79.9
        await bed.look()
        assert Fault.OVER_TEMPERATURE not in bed.service.troubles
