"""One bus for several meters: one owner, one transaction at a time, none cut off."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hal.api import HardwareError
from hal.modbus.bus import Bus, shared_bus
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.frames import READ_INPUT, Call
from hal.modbus.profile import Parity
from tests.rigs.modbus_meter import MeterLine, SimulatedMeter, late, silent
from tests.unit.hal.modbus.example import example

PROFILE = example()
LIMITS = PROFILE.limits
INST = Call(1, READ_INPUT, 0, 6)
ENERGY = Call(1, READ_INPUT, 72, 2)


@pytest.fixture
def line(tmp_path: Path) -> MeterLine:
    return MeterLine(tmp_path / "ttyMETER")


async def test_two_meters_share_one_port(line: MeterLine) -> None:
    for address in (1, 2):
        meter = line.attach(SimulatedMeter(PROFILE, address=address))
        meter.load(energy_wh=1000 * address)
    async with line:
        first = shared_bus(str(line.port), PROFILE.serial)
        second = shared_bus(str(line.port), PROFILE.serial)
        assert first is second
        calls = [replace(ENERGY, device=address) for address in (1, 2, 1, 2)]
        told = await asyncio.gather(*(first.ask(call, LIMITS) for call in calls))
        assert told == [(0, 100), (0, 200)] * 2
        await first.release()
        assert await second.ask(ENERGY, LIMITS) == (0, 100)
        await second.release()
        third = shared_bus(str(line.port), PROFILE.serial)
        assert third is not first
        await third.release()


async def test_a_port_with_two_names_is_one_bus(line: MeterLine, tmp_path: Path) -> None:
    async with line:
        other_name = tmp_path / "by-id"
        other_name.symlink_to(line.port)
        first = shared_bus(str(line.port), PROFILE.serial)
        second = shared_bus(str(other_name), PROFILE.serial)
        assert first is second
        await first.release()
        await second.release()


async def test_meters_of_one_bus_are_set_alike() -> None:
    bus = shared_bus("/dev/ttyNONE", PROFILE.serial)
    other = replace(PROFILE.serial, baudrate=19200, parity=Parity.EVEN)
    with pytest.raises(HardwareError, match=r"9600 baud 8N1, so a meter with 19200 baud 8E1 cann"):
        shared_bus("/dev/ttyNONE", other)
    await bus.release()


async def test_a_caller_that_gives_up_leaves_no_answer_for_the_next(line: MeterLine) -> None:
    meter = line.attach(SimulatedMeter(PROFILE))
    meter.show(voltage_L1=230)
    async with line:
        bus = shared_bus(str(line.port), PROFILE.serial)
        meter.misbehave(late(0.03))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await bus.ask(INST, LIMITS)
        meter.load(energy_wh=5000)
        assert await bus.ask(ENERGY, LIMITS) == (0, 500)
        assert [exchange.count for exchange in meter.heard] == [6, 2]
        await bus.release()


async def test_a_question_that_nobody_waits_for_is_not_asked(line: MeterLine) -> None:
    meter = line.attach(SimulatedMeter(PROFILE))
    async with line:
        bus = shared_bus(str(line.port), PROFILE.serial)
        meter.misbehave(late(0.02))
        running = asyncio.ensure_future(bus.ask(INST, LIMITS))
        waiting = asyncio.ensure_future(bus.ask(ENERGY, LIMITS))
        await asyncio.sleep(0.005)
        waiting.cancel()
        assert len(await running) == 6
        assert len(await bus.ask(INST, LIMITS)) == 6
        assert [exchange.count for exchange in meter.heard] == [6, 6]
        await bus.release()


async def test_a_silent_meter_does_not_spoil_its_neighbours_answer(line: MeterLine) -> None:
    line.attach(SimulatedMeter(PROFILE)).misbehave(always=silent())
    line.attach(SimulatedMeter(PROFILE, address=2)).load(energy_wh=70)
    async with line:
        bus = shared_bus(str(line.port), PROFILE.serial)
        lost, found = await asyncio.gather(
            bus.ask(ENERGY, LIMITS),
            bus.ask(replace(ENERGY, device=2), LIMITS),
            return_exceptions=True,
        )
        assert isinstance(lost, MeterFault)
        assert found == (0, 7)
        await bus.release()


async def test_an_adapter_that_comes_back_is_used_again(line: MeterLine) -> None:
    line.attach(SimulatedMeter(PROFILE)).load(energy_wh=20)
    async with line:
        clock = [0.0]
        bus = Bus(str(line.port), PROFILE.serial, lambda: clock[0])
        clock_runs = asyncio.ensure_future(_run(clock))
        assert await bus.ask(ENERGY, LIMITS) == (0, 2)
        line.unplug()
        with pytest.raises(MeterFault) as lost:
            await bus.ask(ENERGY, LIMITS)
        assert lost.value.kind is FaultKind.UNPLUGGED
        with pytest.raises(MeterFault) as missing:
            await bus.ask(ENERGY, LIMITS)
        assert missing.value.kind is FaultKind.PORT_MISSING
        line.plug_in()
        with pytest.raises(MeterFault) as still:
            await bus.ask(ENERGY, LIMITS)
        assert still.value.kind is FaultKind.PORT_MISSING
        clock[0] += 1.0
        assert await bus.ask(ENERGY, LIMITS) == (0, 2)
        clock_runs.cancel()
        await bus.release()


async def _run(clock: list[float]) -> None:
    """Let a clock go that the test can also set forward."""
    while True:
        await asyncio.sleep(0.001)
        clock[0] += 0.001


async def test_a_port_that_is_missing_is_tried_ever_more_rarely(tmp_path: Path) -> None:
    clock = [0.0]
    bus = Bus(str(tmp_path / "tty"), PROFILE.serial, lambda: clock[0])
    told = set()
    tries = 0
    for _ in range(300):
        with pytest.raises(MeterFault) as missing:
            await bus.ask(ENERGY, LIMITS)
        if missing.value.__cause__ is not None:
            tries += 1
        told.add(str(missing.value))
        clock[0] += 0.1
    assert tries == 9  # after 0, 0.5, 1.5, 3.5, 7.5 s, and then every 5 s
    assert len(told) == 1
    await bus.release()
