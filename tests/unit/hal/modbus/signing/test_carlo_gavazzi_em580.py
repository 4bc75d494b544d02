"""Carlo Gavazzi EM580: a file that stays in the meter until the next measurement begins."""

import pytest

from hal.api import HardwareError, HardwareLost
from hal.modbus import carlo_gavazzi_em580 as em
from tests.rigs.signing_meters import Em580Meter
from tests.unit.hal.modbus.signing.bench import NOW, SILENCE, driver, proven

TOKEN = "DEADBEEF"


@pytest.mark.parametrize("size_in_registers", [False, True])
async def test_a_measurement_gives_one_record_at_its_end(size_in_registers: bool) -> None:
    device = Em580Meter()
    device.size_in_registers = size_in_registers
    meter, _ = driver(device)
    await meter.set_time(NOW)
    assert await meter.begin_signed(TOKEN) is None
    device.count(12_340)
    record = await meter.end_signed()
    told = proven(record)
    assert told["ID"] == TOKEN
    assert [reading["TX"] for reading in told["RD"]] == ["B", "E"]
    assert told["RD"][0]["TM"] == "2026-03-02T08:00:00,000+0100 S"
    assert record.register_wh == 1_012_340
    assert b"brainpoolP384r1" in record.data
    assert record.public_key_hex == device.public_key_der.hex()


async def test_the_file_is_kept_until_the_next_measurement_begins() -> None:
    device = Em580Meter()
    meter, _ = driver(device)
    await meter.begin_signed("FIRST")
    record = await meter.end_signed()
    assert device.word(em.STATE) == em.READY
    assert await meter.end_signed() == record
    await meter.begin_signed("SECOND")
    assert device.word(em.STATE) == em.RUNNING
    assert proven(await meter.end_signed())["ID"] == "SECOND"


async def test_a_file_that_nobody_fetched_blocks_the_next_measurement() -> None:
    device = Em580Meter()
    before, _ = driver(device)
    await before.begin_signed("FIRST")
    await before.end_signed()
    after, _ = driver(device)  # a station that cannot know whether the record was stored
    with pytest.raises(HardwareError, match="its record has to be fetched first"):
        await after.begin_signed("SECOND")
    left = await after.leftover_signed()
    assert left is not None
    assert proven(left)["ID"] == "FIRST"
    await after.begin_signed("SECOND")
    assert device.word(em.STATE) == em.RUNNING


async def test_a_measurement_that_still_runs_is_ended_as_a_leftover() -> None:
    device = Em580Meter()
    before, _ = driver(device)
    await before.begin_signed("FIRST")
    after, _ = driver(device)
    with pytest.raises(HardwareError, match="still has an earlier measurement"):
        await after.begin_signed("SECOND")
    left = await after.leftover_signed()
    assert left is not None
    assert proven(left)["ID"] == "FIRST"
    assert await driver(Em580Meter())[0].leftover_signed() is None


async def test_a_measurement_that_a_loss_of_power_ended_is_fetched() -> None:
    device = Em580Meter()
    meter, bus = driver(device)
    await meter.begin_signed(TOKEN)
    device.count(700)
    device.lose_power()
    record = await meter.end_signed(TOKEN)
    assert proven(record)["ID"] == TOKEN
    assert record.register_wh == 1_000_700
    assert not any(call.words == (em.END,) for call in bus.asked)


async def test_a_file_that_the_meter_calls_damaged_is_told_and_given_up() -> None:
    device = Em580Meter()
    device.damaged = True
    meter, _ = driver(device)
    await meter.begin_signed(TOKEN)
    with pytest.raises(HardwareError, match="the record of this measurement is damaged"):
        await meter.end_signed()
    with pytest.raises(HardwareError, match="fetched first"):
        await meter.begin_signed(TOKEN)
    with pytest.raises(HardwareError, match="is damaged; it was given up"):
        await meter.leftover_signed()
    await meter.begin_signed(TOKEN)


async def test_an_end_without_a_beginning_is_refused() -> None:
    meter, _ = driver(Em580Meter())
    with pytest.raises(HardwareError, match="is in no measurement"):
        await meter.end_signed()


@pytest.mark.parametrize("step", ["begin", "end"])
async def test_a_meter_that_does_not_follow_is_told(step: str) -> None:
    device = Em580Meter()
    meter, _ = driver(device)
    if step == "end":
        await meter.begin_signed(TOKEN)
    device.stuck = True
    what = "the beginning of the measurement" if step == "begin" else "the signature of the meter"
    with pytest.raises(HardwareError, match=f"{what} did not happen within"):
        await (meter.begin_signed(TOKEN) if step == "begin" else meter.end_signed())


@pytest.mark.parametrize(("bit", "what"), [(12, "signature module"), (13, "measuring module")])
async def test_a_meter_with_a_fault_inside_begins_nothing(bit: int, what: str) -> None:
    device = Em580Meter()
    device.put(em.DEVICE_STATE, 1 << bit)
    meter, bus = driver(device)
    with pytest.raises(HardwareError, match=f"cannot measure for billing: its {what}"):
        await meter.begin_signed(TOKEN)
    assert not any(call.words for call in bus.asked)


async def test_an_overvoltage_alone_hinders_nothing() -> None:
    device = Em580Meter()
    device.put(em.DEVICE_STATE, 1)
    meter, _ = driver(device)
    await meter.begin_signed(TOKEN)


async def test_a_meter_without_a_key_cannot_sign() -> None:
    device = Em580Meter()
    device.put(em.SIGNATURE_TYPE, 2)
    meter, _ = driver(device)
    await meter.begin_signed(TOKEN)
    with pytest.raises(HardwareError, match="has no key to sign with"):
        await meter.end_signed()


async def test_the_clock_is_not_set_during_a_measurement() -> None:
    device = Em580Meter()
    meter, bus = driver(device)
    await meter.begin_signed(TOKEN)
    asked = len(bus.asked)
    await meter.set_time(NOW)
    assert not any(call.words for call in bus.asked[asked:])


async def test_a_disturbance_while_the_file_is_read_costs_no_record() -> None:
    device = Em580Meter()
    meter, bus = driver(device)
    await meter.begin_signed(TOKEN)
    bus.failures.extend([None] * 6 + [SILENCE, SILENCE])
    with pytest.raises(HardwareLost):
        await meter.end_signed()
    bus.failures.clear()
    assert proven(await meter.end_signed())["ID"] == TOKEN


@pytest.mark.parametrize("size", [0, 5000])
async def test_a_size_that_cannot_be_is_refused(size: int) -> None:
    device = Em580Meter()
    meter, _ = driver(device)
    await meter.begin_signed(TOKEN)
    await meter.end_signed()
    device.put(em.STATE + 1, size)
    with pytest.raises(HardwareError, match=f"a record of {size} bytes"):
        await meter.end_signed()


async def test_a_record_that_tells_no_register_gets_that_of_now() -> None:
    device = Em580Meter()
    meter, _ = driver(device)
    reading = device._reading
    device._reading = lambda kind: reading(kind) | {"RU": "?"}  # type: ignore[method-assign]
    await meter.begin_signed(TOKEN)
    device.count(250)
    assert (await meter.end_signed()).register_wh == 1_000_250
