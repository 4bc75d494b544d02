"""Stories of heat: less current, a pause, a fault, and a sensor that is lost."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.instruments import SENSOR, with_sensors
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World


@pytest.fixture
async def warm(world: World) -> World:
    """A station with a sensor at each EVSE."""
    world.machine.wiring = SENSOR
    world.machine.fitted = with_sensors(lambda: world.machine.board)
    await world.start()
    return world


@pytest.mark.requirement("S16-STAT-03", "S16-STAT-04")
async def test_heat_lowers_the_current_then_pauses_then_is_a_fault_and_all_goes_back(
    warm: World, bench: Bench, csms: Desk
) -> None:
    transaction = await warm.charges()
    await warm.until(lambda: bench.current_a() == 32.0, "full current")
    await bench.operate("temperature", celsius=67.5)
    await warm.until(lambda: bench.offered_a() == 19.0, "half of what can be given up")
    await warm.until(lambda: bench.current_a() == 19.0, "the car to follow")
    await bench.operate("temperature", celsius=80)
    await warm.energy_ceases()
    await csms.sees_status("SuspendedEVSE")
    await bench.operate("temperature", celsius=86)
    await csms.sees_status("Faulted")
    assert not transaction.ended
    await bench.operate("temperature", celsius=78)
    await csms.sees_status("SuspendedEVSE")
    await bench.operate("temperature", celsius=40)
    await csms.sees_status("Charging", within_s=60)
    await warm.until(lambda: bench.current_a() == 32.0, "full current again")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_the_least_of_profile_and_heat_counts(warm: World, bench: Bench, csms: Desk) -> None:
    await bench.operate("temperature", celsius=67.5)
    await warm.charges()
    await warm.until(lambda: bench.offered_a() == 19.0, "the derated current")
    assert (await csms.limits(10)).accepted
    await warm.until(lambda: bench.offered_a() == 10.0, "the profile")
    assert (await csms.limits(25)).accepted
    await warm.until(lambda: bench.offered_a() == 19.0, "the derated current")
    await warm.pass_s(120)
    assert bench.offered_a() == 19.0
    await bench.operate("temperature", celsius=20)
    await warm.until(lambda: bench.offered_a() == 25.0, "the profile")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-STAT-08")
async def test_without_its_sensor_a_station_charges_slowly_and_says_so(
    warm: World, bench: Bench, csms: Desk
) -> None:
    await warm.charges()
    await bench.operate("temperature", celsius=None)
    await warm.until(lambda: bench.offered_a() == 6.0, "the least current")
    await csms.sees_status("Charging")
    if csms.is_16:
        await csms.until(
            lambda: csms.calls("StatusNotification")[-1].payload["errorCode"] == "InternalError",
            "the warning",
        )
    else:
        await csms.sees("NotifyEvent")
        told = csms.calls("NotifyEvent")[-1].payload["eventData"][0]
        assert told["component"] == {"name": "TemperatureSensor", "evse": {"id": 1}}
        assert (told["variable"], told["techCode"]) == ({"name": "Problem"}, "temperature_lost")
    await bench.operate("temperature", celsius=30)
    await warm.until(lambda: bench.offered_a() == 32.0, "full current")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_fault_from_heat_stays_while_nobody_knows_the_temperature(
    warm: World, bench: Bench, csms: Desk
) -> None:
    await bench.operate("temperature", celsius=90)
    await csms.sees_status("Faulted")
    await bench.operate("temperature", celsius=None)
    await warm.pass_s(120)
    assert csms.station.statuses[1, 1] == "Faulted"
    await bench.operate("temperature", celsius=30)
    await csms.sees_status("Available")


@pytest.mark.parametrize("version", [V201, V21])
async def test_the_device_model_tells_the_temperature(
    warm: World, bench: Bench, csms: Desk
) -> None:
    await bench.operate("temperature", celsius=61.2)
    await warm.pass_s(6)
    assert await csms.gets("TemperatureSensor@1.Temperature") == "61.2"
    assert await csms.gets("TemperatureSensor@1.Temperature[DeratingStart]") == "60"
    assert await csms.gets("TemperatureSensor@1.Active") == "false"
    await bench.operate("temperature", celsius=99)
    await warm.pass_s(6)
    assert await csms.gets("TemperatureSensor@1.Active") == "true"


async def test_heat_counts_also_when_nothing_else_has_changed_since_a_restart(
    warm: World, bench: Bench, csms: Desk
) -> None:
    await warm.charges()
    csms.station.expect_boot()
    await warm.machine.restart()
    await csms.is_ready()
    await bench.operate("temperature", celsius=67.5)
    await warm.until(lambda: bench.offered_a() == 19.0, "the derated current")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K01.FR.07")
async def test_a_profile_that_equals_the_derated_current_holds_when_the_heat_is_over(
    warm: World, bench: Bench, csms: Desk
) -> None:
    await warm.charges()
    await bench.operate("temperature", celsius=67.5)
    await warm.until(lambda: bench.offered_a() == 19.0, "the derated current")
    assert (await csms.limits(19)).accepted
    await bench.operate("temperature", celsius=20)
    await warm.pass_s(60)
    assert bench.offered_a() == 19.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
