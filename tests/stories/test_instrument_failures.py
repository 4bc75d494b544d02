"""Stories of instruments that fail: the session is safe, and people are told why, once.

Every class of failure that a driver can meet comes through the hardware's ports here: unplugged,
garbage, stuck, slow, wrong device, permission denied, busy, and a bug of the driver itself. A
meter that stands still or jumps is in `test_over_current.py` and in `test_meter_values.py`.
"""

import logging
from dataclasses import replace
from typing import Any

import pytest

from agent.app.hardware import Hardware
from hal.api import EnergyMeter
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.failing_instruments import (
    FAILURES,
    FailingMeter,
    FailingReader,
    FailingSensor,
    words_of,
)
from tests.stories.instruments import (
    LIGHT,
    SENSOR,
    VirtualLight,
    VirtualTemperature,
    with_lights,
    with_meter,
)
from tests.stories.words import TOKEN, V16, V21, V201
from tests.stories.world import World

CASES = [(V201, kind) for kind in FAILURES] + [(V16, "unplugged"), (V21, "unplugged")]


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="agent")


@pytest.fixture
async def meter(world: World) -> FailingMeter:
    found: list[FailingMeter] = []

    def fail(_number: int, meter: EnergyMeter) -> EnergyMeter:
        found.append(FailingMeter(meter))
        return found[-1]

    world.machine.fitted = with_meter(fail)
    await world.start()
    return found[0]


@pytest.fixture
async def reader(world: World) -> FailingReader:
    found: list[FailingReader] = []

    def fit(hardware: Hardware) -> Hardware:
        (serving,) = hardware.readers
        found.append(FailingReader(serving))
        return replace(hardware, readers=(found[-1],))

    world.machine.fitted = fit
    await world.start()
    return found[0]


async def ask(world: World, op: str) -> dict[str, Any]:
    (server, *_) = world.machine.station._servers
    reply: dict[str, Any] = await server._answer({"op": op})
    (evse,) = reply["evses"]
    return dict(evse)


def says(caplog: pytest.LogCaptureFixture, words: str) -> int:
    """Return how often the log names something."""
    return sum(words in record.getMessage() for record in caplog.records)


@pytest.mark.requirement("J02.FR.16", "S16-STAT-01", "S16-STAT-07")
@pytest.mark.parametrize(("version", "kind"), CASES)
async def test_a_meter_that_fails_pauses_the_session_until_it_is_back(
    world: World,
    bench: Bench,
    csms: Desk,
    meter: FailingMeter,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    transaction = await world.charges()
    await world.pass_s(30)
    meter.failure, words = FAILURES[kind], words_of(FAILURES[kind])
    await csms.sees_status("Faulted")
    await world.energy_ceases()
    await world.pass_s(120)
    assert not transaction.ended
    assert says(caplog, words) + says(caplog, "driver of EVSE 1's meter failed") in (1, 2)
    assert words in (await ask(world, "status"))["troubles"]["meter_lost"]
    told = await ask(world, "why")
    assert words in told["sentence"]
    assert told["causes"][0]["remedy"].startswith("Check the meter's supply")
    meter.failure = None
    await csms.sees_status("Charging", within_s=60)
    await world.energy_flows(within_s=60)
    assert says(caplog, "the meter of EVSE 1 is back") == 1
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_meter_that_is_too_slow_counts_as_lost_and_holds_up_nobody(
    world: World, bench: Bench, csms: Desk, meter: FailingMeter, caplog: pytest.LogCaptureFixture
) -> None:
    world.bills_exactly = False  # What flowed between the last reading and the opening is unknown.
    await world.charges()
    meter.late_s = 3.0
    await csms.sees_status("Faulted")
    await world.energy_ceases()
    assert "no answer within 2 s" in (await ask(world, "why"))["sentence"]
    await bench.unplug()
    await csms.sees_end(within_s=20)
    await world.pass_s(60)
    assert says(caplog, "no answer within 2 s") == 1
    meter.late_s = 0.0
    await csms.sees_status("Available")


async def test_a_car_can_leave_and_a_driver_can_stop_while_the_meter_is_lost(
    world: World, bench: Bench, csms: Desk, meter: FailingMeter
) -> None:
    await world.charges()
    await world.pass_s(60)
    meter.failure = FAILURES["unplugged"]
    await csms.sees_status("Faulted")
    await world.energy_ceases()
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local")
    assert transaction.energy_wh
    world.bills_exactly = False  # What flowed between the last reading and the opening is unknown.
    meter.failure = None
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("S16-STAT-08")
@pytest.mark.parametrize(("version", "kind"), CASES)
async def test_a_reader_that_fails_hinders_no_running_session(
    world: World,
    bench: Bench,
    csms: Desk,
    reader: FailingReader,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    await world.charges()
    words = words_of(FAILURES[kind])
    reader.fail(FAILURES[kind])
    await world.pass_s(60)
    assert bench.is_delivering()
    assert says(caplog, words) == 1
    told = await ask(world, "why")
    assert told["charges"]
    (cause,) = [cause for cause in told["causes"] if cause["name"] == "reader_lost"]
    assert words in cause["sentence"]
    assert not cause["prevents"]
    assert words in (await ask(world, "status"))["troubles"]["reader_lost"]
    if csms.is_16:
        assert csms.calls("StatusNotification")[-1].payload["errorCode"] == "ReaderFailure"
    else:
        await csms.sees("NotifyEvent")
    reader.fail(None)
    await world.pass_s(10)
    assert says(caplog, "the token reader is back") == 1
    assert "reader_lost" not in (await ask(world, "status"))["faults"]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_guard_that_is_lost_says_so_once(
    world: World, bench: Bench, csms: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await world.start()
    await world.charges()
    world.machine.board.lose_guard()
    await csms.sees_status("Faulted")
    await world.pass_s(60)
    assert not bench.plant().contactor_closed
    assert (await ask(world, "status"))["troubles"]["guard_lost"]
    world.machine.board.restart_guard()
    await world.pass_s(5)
    assert "guard_lost" not in (await ask(world, "status"))["troubles"]
    await bench.unplug()
    await csms.sees_end()


@pytest.mark.parametrize("version", [V201])
async def test_two_readers_are_lost_one_by_one(world: World, bench: Bench, csms: Desk) -> None:
    found: list[FailingReader] = []

    def fit(hardware: Hardware) -> Hardware:
        board = world.machine.board
        found.extend(FailingReader(board.reader((number,))) for number in (1, 2))
        readers = tuple(found)
        return replace(hardware, readers=readers)

    world.machine.fitted = fit
    await world.start(evses=2)
    found[1].fail(FAILURES["unplugged"])
    await world.pass_s(5)
    assert "reader_lost" not in world.machine.service(1).state.snapshot.faults
    assert "reader_lost" in world.machine.service(2).state.snapshot.faults


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("version", [V201])
async def test_a_temperature_sensor_that_fails_slows_the_session_down_and_is_quoted(
    world: World, bench: Bench, csms: Desk, kind: str
) -> None:
    sensors: list[FailingSensor] = []

    def fit(hardware: Hardware) -> Hardware:
        sensors.append(FailingSensor(VirtualTemperature(world.machine.board, 1)))
        return replace(hardware, temperatures={1: sensors[-1]})

    world.machine.wiring = SENSOR
    world.machine.fitted = fit
    await world.start()
    await world.charges()
    sensors[0].failure, words = FAILURES[kind], words_of(FAILURES[kind])
    await world.until(lambda: bench.offered_a() == 6.0, "the least current")
    assert bench.is_delivering()
    told = await ask(world, "why")
    assert told["charges"]
    (cause,) = [cause for cause in told["causes"] if cause["name"] == "temperature_lost"]
    assert words in cause["sentence"]
    assert cause["remedy"] == "Check the temperature sensor and its wiring."
    sensors[0].failure = None
    await world.until(lambda: bench.offered_a() == 32.0, "full current")
    assert "temperature_lost" not in (await ask(world, "status"))["faults"]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("version", [V201])
async def test_a_status_light_that_fails_changes_nothing_and_is_quoted(
    world: World, bench: Bench, csms: Desk, kind: str
) -> None:
    light = VirtualLight()
    world.machine.wiring = LIGHT
    world.machine.fitted = with_lights([light])
    await world.start()
    light.failure = FAILURES[kind]
    await world.charges()
    told = await ask(world, "why")
    assert told["charges"]
    (cause,) = [cause for cause in told["causes"] if cause["name"] == "light"]
    assert str(FAILURES[kind]) in cause["sentence"]
    light.failure = None
    await world.pass_s(30)
    assert "light" not in [cause["name"] for cause in (await ask(world, "why"))["causes"]]
    assert light.shown
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
