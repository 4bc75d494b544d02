"""Bauer BSM-WS36A: a snapshot for the beginning and one for the end."""

import asyncio
from datetime import timedelta

import pytest

from hal.api import HardwareError, HardwareLost
from hal.modbus import bauer_bsm
from hal.modbus.profile import IdentityField
from tests.rigs.signing_meters import BauerMeter
from tests.unit.hal.modbus.signing.bench import NOW, SILENCE, driver, proven

TOKEN = "DEADBEEF"


async def test_a_measurement_gives_two_records_byte_for_byte() -> None:
    device = BauerMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    begin = await meter.begin_signed(TOKEN)
    device.count(12_340)
    end = await meter.end_signed()
    assert begin is not None
    first, last = proven(begin), proven(end)
    assert (first["ID"], first["RD"][0]["TX"]) == (TOKEN, "B")
    assert last["RD"][0]["TX"] == "E"
    assert end.register_wh - begin.register_wh == 12_340
    assert first["RD"][0]["TM"] == "2026-03-02T08:00:00,000+0100 S"
    assert end.public_key_hex == device.public_key_der.hex()


async def test_the_end_asked_for_again_is_the_same_record() -> None:
    device = BauerMeter()
    meter, _ = driver(device)
    await meter.begin_signed(TOKEN)
    end = await meter.end_signed()
    device.count(100)
    assert await meter.end_signed() == end
    await meter.begin_signed(TOKEN)
    assert await meter.end_signed() != end


async def test_the_contactors_snapshots_are_never_taken() -> None:
    device = BauerMeter()
    meter, bus = driver(device)
    await meter.begin_signed(TOKEN)
    await meter.end_signed()
    written = {call.start for call in bus.asked if call.words}
    assert written == {bauer_bsm.META1, bauer_bsm.START.status, bauer_bsm.END.status}


async def test_a_meter_that_takes_its_time_is_waited_for() -> None:
    device = BauerMeter()
    device.polls = 100
    meter, _ = driver(device)
    assert await meter.begin_signed(TOKEN) is not None
    assert 9.0 < asyncio.get_running_loop().time() - 1000.0 < 15.0


async def test_a_meter_that_never_gets_ready_is_told() -> None:
    device = BauerMeter()
    device.stuck = True
    meter, _ = driver(device)
    with pytest.raises(HardwareError, match="the start snapshot of the meter did not happen wit"):
        await meter.begin_signed(TOKEN)


@pytest.mark.parametrize(
    ("status", "why"),
    [(1, "no valid snapshot"), (3, "does not name"), (5, "feedback is wrong"), (9, "status is 9")],
)
async def test_a_snapshot_that_fails_is_told_in_words(status: int, why: str) -> None:
    device = BauerMeter()
    device.outcome = status
    meter, _ = driver(device)
    with pytest.raises(HardwareError, match=f"made no start snapshot: .*{why}"):
        await meter.begin_signed(TOKEN)


async def test_an_old_snapshot_is_not_taken_for_a_fresh_one() -> None:
    device = BauerMeter()
    meter, _ = driver(device)
    await meter.begin_signed(TOKEN)
    device.written_to = lambda start, words: device.put(bauer_bsm.START.status, 0)  # type: ignore[method-assign]
    device.on_write = device.written_to
    with pytest.raises(HardwareError, match="shows the start snapshot of an earlier measurement"):
        await meter.begin_signed(TOKEN)


async def test_what_is_no_record_is_refused() -> None:
    device = BauerMeter()
    meter, _ = driver(device)
    device.signed = lambda payload: b""  # type: ignore[method-assign]
    await meter.begin_signed(TOKEN)
    take = device._take

    def broken(snapshot: bauer_bsm.Snapshot) -> None:
        take(snapshot)
        device.put(snapshot.ocmf_status + 1, 0x4F43, 0x4D00)

    device._take = broken  # type: ignore[method-assign]
    with pytest.raises(HardwareError, match="is no OCMF record"):
        await meter.begin_signed(TOKEN)


@pytest.mark.parametrize("token", ['A"B', "A|B", "A\\B", "Ä", "A\nB", "A" * 141])
async def test_an_identification_that_would_break_the_record_is_refused(token: str) -> None:
    device = BauerMeter()
    meter, bus = driver(device)
    with pytest.raises(HardwareError, match="cannot sign for this identification"):
        await meter.begin_signed(token)
    assert not any(call.words for call in bus.asked)


async def test_the_clock_is_set_once_a_day() -> None:
    device = BauerMeter()
    meter, bus = driver(device)
    for hours in range(0, 49, 6):
        await meter.set_time(NOW + timedelta(hours=hours))
        epoch = int((NOW + timedelta(hours=hours + 6)).timestamp())
        device.put(bauer_bsm.EPOCH, epoch >> 16, epoch & 0xFFFF)  # the meter's clock goes
        await asyncio.sleep(6 * 3600)
    assert len([call for call in bus.asked if call.words]) == 3


async def test_a_clock_that_lost_its_time_is_set_at_once() -> None:
    device = BauerMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    device.put(bauer_bsm.EPOCH, 0xFFFF, 0xFFFF)
    await meter.set_time(NOW)
    epoch = int(NOW.timestamp())
    assert device.get(3, bauer_bsm.EPOCH, 3) == (epoch >> 16, epoch & 0xFFFF, 60)


async def test_nothing_is_left_over() -> None:
    meter, _ = driver(BauerMeter())
    assert await meter.leftover_signed() is None


async def test_one_disturbance_ends_no_measurement_but_a_dead_meter_does() -> None:
    device = BauerMeter()
    meter, bus = driver(device)
    await meter.begin_signed(TOKEN)
    bus.failures.extend([None, SILENCE, None, SILENCE])
    proven(await meter.end_signed())
    bus.failures.extend([SILENCE, SILENCE])
    with pytest.raises(HardwareLost, match="no answer"):
        await meter.begin_signed(TOKEN)


async def test_the_meter_is_read_while_it_signs() -> None:
    device = BauerMeter()
    device.polls = 50
    meter, _ = driver(device)
    signing = asyncio.ensure_future(meter.begin_signed(TOKEN))
    await asyncio.sleep(1.0)
    assert (await meter.read()).energy_import_wh == 0
    assert not signing.done()
    assert await signing is not None


async def test_another_meter_does_not_end_a_measurement() -> None:
    device = BauerMeter()
    meter, bus = driver(device)
    await meter.begin_signed(TOKEN)
    device.identify(IdentityField.SERIAL_NUMBER, "OTHER")
    bus.failures.extend([SILENCE, SILENCE])
    with pytest.raises(HardwareLost):
        await meter.end_signed()
    with pytest.raises(HardwareLost, match="serial number OTHER instead of SIM001"):
        await meter.end_signed()
