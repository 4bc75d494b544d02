"""Each fault that a serial library lets through, replayed on a pty: none reaches a reading.

The faults are those measured at pymodbus's own client: a late answer taken for the next request's,
a cancelled read, function code and number of registers unchecked, a disturbance before the answer,
and the rest of what an RS-485 line does.
"""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from hal.api import HardwareError
from hal.modbus.bus import shared_bus
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.meter import MeterSetup, ModbusMeter
from hal.modbus.profile import IdentityField
from tests.rigs.modbus_meter import (
    MeterLine,
    Misbehaviour,
    SimulatedMeter,
    bit_error,
    echo,
    exception,
    flood,
    garbage_after,
    garbage_before,
    late,
    only_garbage,
    silent,
    truncated,
    well,
    wrong_count,
    wrong_device,
    wrong_function,
)
from tests.unit.hal.modbus.example import quick

PROFILE = quick("eastron_sdm630")
ENERGY_WH = 1_234_500


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[tuple[MeterLine, SimulatedMeter]]:
    line = MeterLine(tmp_path / "ttyMETER")
    meter = line.attach(SimulatedMeter(PROFILE))
    meter.load(energy_wh=ENERGY_WH, currents_a=(16, 16, 16))
    async with line:
        yield line, meter


@pytest.fixture
async def meter(simulated: tuple[MeterLine, SimulatedMeter]) -> AsyncIterator[ModbusMeter]:
    port = str(simulated[0].port)
    meter = ModbusMeter(MeterSetup(PROFILE, port), shared_bus(port, PROFILE.serial))
    yield meter
    await meter.close()


FAULTS = {
    "a late answer": late(0.075),
    "an answer that is very late": late(0.15),
    "another function code": wrong_function(3),
    "fewer registers": wrong_count(1),
    "no registers": wrong_count(0),
    "more registers": wrong_count(60),
    "another device": wrong_device(7),
    "silence": silent(),
    "garbage alone": only_garbage(),
    "a truncated answer": truncated(),
    "a turned bit in the data": bit_error(60),
    "a turned bit in the device": bit_error(1),
    "a turned bit in the function": bit_error(8),
    "a turned bit in the length": bit_error(17),
    "a flood": flood(8000),
    "a device that is busy": exception(6),
}
HARMLESS = {
    "garbage before the answer": garbage_before(),
    "garbage after the answer": garbage_after(),
    "an echo": echo(),
}


@pytest.mark.parametrize("request_number", [0, 3], ids=["at opening", "at the energy"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_no_fault_reaches_a_reading(
    simulated: tuple[MeterLine, SimulatedMeter],
    meter: ModbusMeter,
    fault: Misbehaviour,
    request_number: int,
) -> None:
    """Whichever request it hits; a second try, or the next reading, tells what is true."""
    device = simulated[1]
    device.misbehave(*[well()] * request_number, fault)
    first = await _read(meter)
    assert first in (ENERGY_WH, None)
    device.load(energy_wh=ENERGY_WH + 500, currents_a=(6, 6, 6))
    for _ in range(3):
        if (told := await _read(meter)) is not None:
            break
    assert told == ENERGY_WH + 500


@pytest.mark.parametrize("fault", [*FAULTS.values(), *HARMLESS.values()], ids=[*FAULTS, *HARMLESS])
async def test_a_line_that_is_never_better_tells_the_truth_or_nothing(
    simulated: tuple[MeterLine, SimulatedMeter], meter: ModbusMeter, fault: Misbehaviour
) -> None:
    simulated[1].misbehave(always=fault)
    for _ in range(2):
        assert await _read(meter) in (ENERGY_WH, None)


@pytest.mark.parametrize("fault", HARMLESS.values(), ids=HARMLESS)
async def test_usual_disturbances_cost_no_reading(
    simulated: tuple[MeterLine, SimulatedMeter], meter: ModbusMeter, fault: Misbehaviour
) -> None:
    device = simulated[1]
    device.misbehave(always=fault)
    assert await _read(meter) == ENERGY_WH
    assert len(device.heard) == 4


async def test_a_meter_that_always_answers_too_late_is_never_read(
    simulated: tuple[MeterLine, SimulatedMeter], meter: ModbusMeter
) -> None:
    simulated[1].misbehave(always=late(0.075))
    for _ in range(2):
        with pytest.raises(MeterFault) as told:
            await meter.read()
        assert told.value.kind in {FaultKind.LATE, FaultKind.NO_ANSWER}


async def test_a_reading_that_is_given_up_spoils_none_after_it(
    simulated: tuple[MeterLine, SimulatedMeter], meter: ModbusMeter
) -> None:
    device = simulated[1]
    for step in range(8):
        device.misbehave(late(0.02))
        device.load(energy_wh=ENERGY_WH + 500 * step, currents_a=(step, step, step))
        try:
            async with asyncio.timeout(0.004 * step):
                await meter.read()
        except TimeoutError:
            pass
        assert await _read(meter) == ENERGY_WH + 500 * step


async def test_noise_between_readings_does_no_harm(
    simulated: tuple[MeterLine, SimulatedMeter], meter: ModbusMeter
) -> None:
    line, device = simulated
    stale = device.answer(4, 0x46, 4, ()).frame
    assert await _read(meter) == ENERGY_WH
    device.load(energy_wh=ENERGY_WH + 500)
    for noise in (b"\x00", stale, stale + stale, b"\xff" * 300):
        line.disturb(noise)
        assert await _read(meter) == ENERGY_WH + 500


async def test_a_meter_that_was_exchanged_while_the_line_was_down_is_noticed(
    simulated: tuple[MeterLine, SimulatedMeter], meter: ModbusMeter
) -> None:
    _, device = simulated
    assert (await meter.identity()).serial_number == "12345678"
    device.identify(IdentityField.SERIAL_NUMBER, "99999999")
    assert await _read(meter) == ENERGY_WH  # it answered all the time, as far as anybody can see
    device.misbehave(silent())
    with pytest.raises(MeterFault, match=r"another meter answers .* 99999999 instead of 12345678"):
        await meter.read()
    assert (await meter.identity()).serial_number == "99999999"
    assert await _read(meter) == ENERGY_WH


async def _read(meter: ModbusMeter) -> Decimal | None:
    try:
        return (await meter.read()).energy_import_wh
    except HardwareError:
        return None
