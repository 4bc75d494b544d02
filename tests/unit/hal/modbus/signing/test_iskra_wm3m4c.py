"""Iskra WM3M4C: one record for a measurement, also through a loss of power."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import HardwareError
from hal.modbus import iskra_wm3m4c
from hal.modbus.iskra_wm3m4c import minimal_der
from tests.rigs.signing_meters import IskraMeter
from tests.unit.hal.modbus.signing.bench import NOW, SILENCE, driver, proven

TOKEN = "DEADBEEF"


async def test_a_measurement_gives_one_record_at_its_end() -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    assert await meter.begin_signed(TOKEN) is None
    assert device.word(iskra_wm3m4c.STATE) == iskra_wm3m4c.ACTIVE
    device.count(12_340)
    record = await meter.end_signed()
    told = proven(record)
    assert (told["ID"], told["IS"], told["IT"]) == (TOKEN, True, "UNDEFINED")
    begin, end = told["RD"]
    assert (begin["RV"], end["RV"]) == ("1000.000", "1012.340")
    assert record.register_wh == 1_012_340
    assert begin["TM"] == "2026-03-02T08:00:00,000+0100 S"
    assert record.public_key_hex == device.public_key_der.hex()


async def test_the_texts_have_the_order_and_form_that_the_meter_wants() -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed(TOKEN)
    length = device.word(iskra_wm3m4c.META_LENGTH)
    assert device.text(iskra_wm3m4c.META, length) == (
        '{"FV":"1.0","GI":"","GS":"","GV":"","PG":"","MV":"","MM":"","MS":"","MF":"","IS":true,'
        '"IF":[],"IT":"UNDEFINED","ID":"DEADBEEF","CT":"EVSEID","CI":"","RD":[]}'
    )
    assert device.word(iskra_wm3m4c.ALGORITHM) == iskra_wm3m4c.P256


@pytest.mark.parametrize("token", ['A"B', "A|B", "A\\B", "Ä€", "A\nB"])
async def test_any_identification_is_signed_as_it_is(token: str) -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed(token)
    assert proven(await meter.end_signed())["ID"] == token


async def test_an_identification_that_does_not_fit_is_refused() -> None:
    meter, _ = driver(IskraMeter())
    await meter.set_time(NOW)
    with pytest.raises(HardwareError, match=r"is longer than \d+ characters"):
        await meter.begin_signed("A" * 500)


async def test_without_the_time_nothing_begins() -> None:
    meter, _ = driver(IskraMeter())
    with pytest.raises(HardwareError, match="does not know the time; it has to be set first"):
        await meter.begin_signed(TOKEN)


async def test_after_a_loss_of_power_time_and_texts_are_told_again() -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed(TOKEN)
    device.count(500)
    device.lose_power()
    await asyncio.sleep(60.0)
    told = proven(await meter.end_signed(TOKEN))
    assert told["ID"] == TOKEN
    assert told["RD"][1]["TM"].startswith("2026-03-02T08:01:00,")


async def test_a_restarted_station_ends_what_goes_on() -> None:
    device = IskraMeter()
    before, _ = driver(device)
    await before.set_time(NOW)
    await before.begin_signed(TOKEN)
    device.lose_power()
    after, _ = driver(device)
    with pytest.raises(HardwareError, match="does not know the time"):
        await after.end_signed(TOKEN)
    await after.set_time(NOW)
    assert proven(await after.end_signed(TOKEN))["ID"] == TOKEN


async def test_what_was_left_running_is_fetched_before_another_begins() -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed("FIRST")
    with pytest.raises(HardwareError, match="still in an earlier measurement"):
        await meter.begin_signed("SECOND")
    left = await meter.leftover_signed()
    assert left is not None
    assert proven(left)["ID"] == "FIRST"
    assert await meter.leftover_signed() is None
    await meter.begin_signed("SECOND")


async def test_the_record_may_be_asked_for_again_but_only_for_its_user() -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    with pytest.raises(HardwareError, match="is in no measurement"):
        await meter.end_signed(TOKEN)
    await meter.set_time(NOW)
    await meter.begin_signed(TOKEN)
    record = await meter.end_signed(TOKEN)
    assert await meter.end_signed(TOKEN) == record
    with pytest.raises(HardwareError, match="is in no measurement"):
        await meter.end_signed("SOMEBODY")


async def test_a_command_whose_answer_was_lost_is_known_by_the_state() -> None:
    device = IskraMeter()
    meter, bus = driver(device)
    await meter.set_time(NOW)
    before = len(bus.asked)
    await meter.begin_signed(TOKEN)
    calls = bus.asked[before:]
    command = next(i for i, call in enumerate(calls) if call.start == iskra_wm3m4c.COMMAND)
    await meter.end_signed(TOKEN)
    bus.failures.extend([*[None] * command, SILENCE, SILENCE])
    with pytest.raises(HardwareError, match="the beginning of the measurement did not happen"):
        await meter.begin_signed(TOKEN)  # neither try was heard
    bus.failures.extend([*[None] * command, SILENCE])
    assert await meter.begin_signed(TOKEN) is None


@pytest.mark.parametrize(
    ("status", "why"), [(128, "date and time are not valid"), (254, "signature unit fails")]
)
async def test_a_signature_that_fails_is_told_in_words(status: int, why: str) -> None:
    device = IskraMeter()
    device.status = status
    meter, _ = driver(device)
    await meter.set_time(NOW)
    with pytest.raises(HardwareError, match=f"does not sign: .*{why} .status {status}"):
        await meter.begin_signed(TOKEN)


async def test_a_meter_that_does_not_follow_is_told() -> None:
    device = IskraMeter()
    device.stuck = True
    meter, _ = driver(device)
    await meter.set_time(NOW)
    with pytest.raises(HardwareError, match="the beginning of the measurement did not happen wi"):
        await meter.begin_signed(TOKEN)


async def test_the_time_is_not_changed_during_a_measurement() -> None:
    device = IskraMeter()
    meter, bus = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed(TOKEN)
    asked = len(bus.asked)
    await meter.set_time(NOW)
    assert not any(call.words for call in bus.asked[asked:])


async def test_lengths_that_cannot_be_are_refused() -> None:
    device = IskraMeter()
    meter, _ = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed(TOKEN)
    await meter.end_signed(TOKEN)
    device.put(iskra_wm3m4c.META_LENGTH + 1, 60_000, 70)
    with pytest.raises(HardwareError, match="tells a length of 60000 bytes"):
        await meter.end_signed(TOKEN)


async def test_a_signature_that_the_meter_pads_is_told_in_its_shortest_form() -> None:
    device = IskraMeter()
    device.padding = bytes.fromhex("3045022100" + "00" + "7f" * 31 + "0220" + "11" * 32)
    meter, _ = driver(device)
    await meter.set_time(NOW)
    await meter.begin_signed(TOKEN)
    record = await meter.end_signed(TOKEN)
    assert record.data.endswith(b'{"SD":"3043021f' + b"7f" * 31 + b"0220" + b"11" * 32 + b'"}')


@pytest.mark.parametrize(
    ("padded", "shortest"),
    [
        ("3008020200010202007f", "300602010102017f"),
        ("30080203000080020101", "30070202008002" + "0101"),
        ("300602010102017f", "300602010102017f"),
        ("3006020100020100", "3006020100020100"),
    ],
)
def test_zeros_that_say_nothing_are_left_out(padded: str, shortest: str) -> None:
    assert minimal_der(bytes.fromhex(padded)).hex() == shortest


@given(st.binary(max_size=80))
def test_what_is_no_signature_stays_as_it_is_or_keeps_its_numbers(data: bytes) -> None:
    found = minimal_der(data)
    assert found == data or len(found) < len(data)
    assert minimal_der(found) == found
