"""Long reads and writes of one device, on memory and on a line."""

from pathlib import Path

import pytest

from hal.api import HardwareLost
from hal.modbus.bus import shared_bus
from hal.modbus.device import Device
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.plan import Request
from tests.rigs.modbus_meter import (
    MemoryBus,
    MeterLine,
    Misbehaviour,
    SimulatedMeter,
    late,
    silent,
    well,
    wrong_count,
)
from tests.unit.hal.modbus.example import example, quick

SILENCE = MeterFault(FaultKind.NO_ANSWER, "no answer")
MISSING = MeterFault(FaultKind.PORT_MISSING, "missing")
TEXT = tuple(range(5000, 5496))


@pytest.fixture
def bus() -> MemoryBus:
    meter = SimulatedMeter(example())
    meter.set(3, 7000, range(300))
    return MemoryBus(meter)


@pytest.fixture
def device(bus: MemoryBus) -> Device:
    return Device(bus, 1, example().limits)


async def test_a_long_read_is_made_of_parts_of_different_lengths(
    bus: MemoryBus, device: Device
) -> None:
    assert await device.read_many(Request(3, 7000, 100)) == tuple(range(100))
    assert [call.count for call in bus.asked] == [20, 19, 18, 17, 16, 10]
    assert await device.read_many(Request(3, 7000, 1)) == (0,)


async def test_even_a_very_long_read_ends(device: Device) -> None:
    assert await device.read_many(Request(3, 7000, 230)) == tuple(range(230))


async def test_a_long_write_is_made_of_parts(bus: MemoryBus, device: Device) -> None:
    await device.write(8000, range(200))
    assert [len(call.words) for call in bus.asked] == [123, 77]
    assert bus.meters[1].get(3, 8000, 200) == tuple(range(200))
    await device.write_one(8000, 7)
    assert bus.meters[1].get(3, 8000) == (7,)


async def test_only_a_patient_device_is_asked_twice(bus: MemoryBus, device: Device) -> None:
    bus.failures.append(SILENCE)
    with pytest.raises(HardwareLost):
        await device.read(Request(3, 7000, 1))
    bus.failures.append(SILENCE)
    assert await device.patient().read(Request(3, 7000, 2)) == (0, 1)
    bus.failures.extend([SILENCE, SILENCE])
    with pytest.raises(HardwareLost):
        await device.patient().read(Request(3, 7000, 2))


async def test_a_port_that_is_missing_is_not_asked_twice(bus: MemoryBus, device: Device) -> None:
    bus.failures.append(MISSING)
    with pytest.raises(HardwareLost, match="missing"):
        await device.patient().read(Request(3, 7000, 1))
    assert len(bus.asked) == 1


@pytest.mark.parametrize("part", [0, 1, 4])
@pytest.mark.parametrize("fault", [late(0.075), silent(), wrong_count(50)])
async def test_a_long_text_is_whole_or_not_told(
    tmp_path: Path, fault: Misbehaviour, part: int
) -> None:
    profile = quick("bauer_bsm_ws36a")
    line = MeterLine(tmp_path / "tty")
    meter = line.attach(SimulatedMeter(profile))
    meter.set(3, 43295, TEXT)
    async with line:
        shared = shared_bus(str(line.port), profile.serial)
        device = Device(shared, profile.serial.address, profile.limits, tries=2)
        meter.misbehave(*[well()] * part, fault)
        assert await device.read_many(Request(3, 43295, 496)) == TEXT
        await shared.release()
