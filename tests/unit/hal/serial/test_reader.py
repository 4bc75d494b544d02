"""The driver on a pty, against simulated readers that work, misbehave, vanish and come back."""

import asyncio
import contextlib
import fcntl
import grp
import os
import pty
import pwd
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hal.api import HardwareLost, Presentation
from hal.serial import port as port_module
from hal.serial import reader as reader_module
from hal.serial.conversation import Timing
from hal.serial.reader import SerialTokenReader
from hal.serial.settings import read_settings
from tests.rigs.reader_on_pty import GARBAGE
from tests.rigs.token_readers import (
    LineReader,
    Misbehaviour,
    Pn532,
    Rdm6300,
    SimulatedReader,
    StrongLink,
    Twn4,
)

PATIENT = Timing(poll_s=0.002, ack_s=5, answer_s=5, search_s=5, absence_s=0.05)
"""For readers that answer: nothing waits for these, and a busy machine may be slow."""
STEADY = Timing(absence_s=60)
"""For readers that speak by themselves: however late a card is told again, it was there."""
HASTY = Timing(poll_s=0.002, ack_s=0.02, answer_s=0.02, search_s=0.02, tries=2, absence_s=0.05)
"""For readers that do not answer."""
UID, OTHER_UID, SHORT_UID, EM_CARD = "04A1B2C3D4E580", "04112233445566", "DEADBEEF", "010063E9AE"
KINDS: dict[str, type[SimulatedReader]] = {
    "pn532": Pn532,
    "twn4": Twn4,
    "stronglink": StrongLink,
    "rdm6300": Rdm6300,
    "lines": LineReader,
}
POLLED = ("pn532", "twn4", "stronglink")
every_kind = pytest.mark.parametrize("protocol", KINDS)
every_polled = pytest.mark.parametrize("protocol", POLLED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reader"


@pytest.fixture
def plain_file(path: Path) -> Path:
    path.touch()
    return path


@contextlib.contextmanager
def simulated(protocol: str, path: Path) -> Iterator[SimulatedReader]:
    with KINDS[protocol](path) as reader:
        yield reader


@contextlib.asynccontextmanager
async def driver(
    protocol: str, path: Path, timing: Timing | None = None, **options: object
) -> AsyncIterator[SerialTokenReader]:
    timing = timing or (PATIENT if protocol in POLLED else STEADY)
    table = {"protocol": protocol, "port": str(path), **options}
    reader = SerialTokenReader(read_settings(table), [2, 1], timing)
    yield reader
    await reader.close()


def card_of(protocol: str) -> str:
    return EM_CARD if protocol == "rdm6300" else UID


async def nothing_follows(presentations: AsyncIterator[Presentation], for_s: float = 0.15) -> None:
    following = asyncio.ensure_future(anext(presentations))
    done, _ = await asyncio.wait({following}, timeout=for_s)
    assert not done
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def is_away(reader: SerialTokenReader) -> None:
    """Wait until the card before a reader counts as away."""
    for _ in range(2000):
        if reader._presence._card is None:
            return
        await asyncio.sleep(0.005)
    pytest.fail("the card never counted as away")


async def loss_of(reader: SerialTokenReader) -> str:
    with pytest.raises(HardwareLost) as lost:
        await asyncio.wait_for(reader.reach(), 10)
    return str(lost.value)


# --- Cards.


@every_kind
async def test_a_card_is_presented_with_its_evses_and_once_while_it_stays(
    protocol: str, path: Path
) -> None:
    with simulated(protocol, path) as device:
        async with driver(protocol, path) as reader:
            await reader.reach()
            presentations = reader.presentations()
            device.hold_card(card_of(protocol))
            presented = await anext(presentations)
            assert presented.token == card_of(protocol)
            assert presented.evses == (1, 2)
            assert presented.token_type == reader.token_type
            await nothing_follows(presentations)


@pytest.mark.parametrize("protocol", ["pn532", "stronglink", "twn4"])
@pytest.mark.parametrize("uid", [SHORT_UID, UID, "04010203040506070809"])
async def test_uids_of_every_length_are_read_whole(protocol: str, path: Path, uid: str) -> None:
    with simulated(protocol, path) as device:
        device.hold_card(uid)
        async with driver(protocol, path) as reader:
            assert (await anext(reader.presentations())).token == uid


@every_polled
async def test_a_card_that_comes_back_is_presented_again(protocol: str, path: Path) -> None:
    with simulated(protocol, path) as device:
        async with driver(protocol, path) as reader:
            presentations = reader.presentations()
            for _ in range(3):
                device.hold_card(UID)
                assert (await anext(presentations)).token == UID
                device.remove_card()
                coming = asyncio.ensure_future(anext(presentations))
                await is_away(reader)
                device.hold_card(UID)
                assert (await coming).token == UID
                device.remove_card()
                device.hold_card(OTHER_UID)
                assert (await anext(presentations)).token == OTHER_UID


async def test_the_token_is_written_as_the_table_wants_it(path: Path) -> None:
    options = {"byte_order": "reversed", "strip_bytes": 1, "token_type": "Central"}
    with Rdm6300(path) as device:
        device.hold_card(EM_CARD)
        async with driver("rdm6300", path, **options) as reader:
            presented = await anext(reader.presentations())
    assert presented == Presentation("AEE96300", "Central", (1, 2))


async def test_a_twn4_tells_cards_of_iso_15693_as_such(path: Path) -> None:
    with Twn4(path, tag_type=0x82, crc=True) as device:
        device.hold_card("E004010012345678")
        async with driver("twn4", path, crc=True) as reader:
            presented = await anext(reader.presentations())
    assert presented == Presentation("E004010012345678", "ISO15693", (1, 2))


async def test_a_twn4_beeps_for_each_presentation_if_it_shall(path: Path) -> None:
    with Twn4(path) as device:
        device.hold_card(UID)
        async with driver("twn4", path, beep=True) as reader:
            presentations = reader.presentations()
            await anext(presentations)
            await nothing_follows(presentations)
            assert device.beeps == 1


async def test_a_line_is_read_by_its_pattern(path: Path) -> None:
    with LineReader(path, "Card {}\r") as device:
        async with driver("lines", path, pattern="Card {hex}", token_type="ISO14443") as reader:
            await reader.reach()
            device.hold_card(SHORT_UID)
            presented = await anext(reader.presentations())
    assert presented == Presentation(SHORT_UID, "ISO14443", (1, 2))


async def test_a_random_uid_is_presented_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Pn532(path) as device:
        device.hold_card("08A1B2C3")
        async with driver("pn532", path) as reader:
            presented = await anext(reader.presentations())
    assert presented.is_random
    assert "makes its number up anew" in caplog.text
    assert "08A1B2C3" not in caplog.text


@pytest.mark.parametrize("protocol", ["pn532", "stronglink"])
async def test_two_cards_at_once_are_ignored_with_the_reason(
    protocol: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with simulated(protocol, path) as device:
        device.hold_card(UID, OTHER_UID)
        async with driver(protocol, path) as reader:
            await nothing_follows(reader.presentations())
            device.hold_card(UID)
            assert (await anext(reader.presentations())).token == UID
    assert caplog.text.count("several cards are held before it at once") == 1


async def test_a_uid_that_is_none_is_ignored_with_the_reason(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Pn532(path) as device:
        device.hold_card("00000000")
        async with driver("pn532", path) as reader:
            await nothing_follows(reader.presentations())
    assert caplog.text.count("nothing but zeros") == 1


async def test_a_paced_line_is_read_like_a_fast_one(path: Path) -> None:
    with Pn532(path, baudrate=115200) as device:
        device.hold_card(UID)
        async with driver("pn532", path) as reader:
            assert (await anext(reader.presentations())).token == UID


@pytest.mark.parametrize("protocol", [*POLLED, "rdm6300"])
async def test_stray_bytes_before_each_frame_are_passed_over(protocol: str, path: Path) -> None:
    with simulated(protocol, path) as device:
        device.misbehave(Misbehaviour.NOISE)
        async with driver(protocol, path) as reader:
            await reader.reach()
            device.hold_card(card_of(protocol))
            assert (await anext(reader.presentations())).token == card_of(protocol)


async def test_a_card_held_before_the_port_was_opened_and_gone_is_nobodys(path: Path) -> None:
    with Rdm6300(path) as device:
        device.say(bytes.fromhex("0230313030363345394145323503"))
        async with driver("rdm6300", path) as reader:
            await nothing_follows(reader.presentations(), 0.05)


# --- Ports.


async def test_a_port_that_is_missing_is_told_with_those_that_are_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(port_module, "BY_ID", tmp_path / "none")
    async with driver("pn532", path) as reader:
        assert await loss_of(reader) == (
            f"token reader (pn532): there is no {path}: plug the reader in; no serial adapter is"
            " plugged in now"
        )
        by_id = tmp_path / "by-id"
        by_id.mkdir()
        (by_id / "usb-other").touch()
        monkeypatch.setattr(port_module, "BY_ID", by_id)
        assert f"or set port to one of {by_id}/usb-other" in await loss_of(reader)


async def test_a_port_that_another_program_holds_is_told(path: Path) -> None:
    with Pn532(path), path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        async with driver("pn532", path) as reader:
            told = await loss_of(reader)
            assert f"another program holds {path}: stop it (`fuser -v {path}` names it)" in told
            fcntl.flock(held, fcntl.LOCK_UN)
            await reader.reach()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (13, "user {user} may not open {path}: add it to the group {group}"),
        (1, "the service manager forbids"),
        (16, "another program holds"),
        (6, "there is no"),
    ],
)
async def test_each_refusal_of_the_kernel_has_its_own_remedy(
    plain_file: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    monkeypatch.setattr("serial.serialposix.os.open", refused)
    async with driver("pn532", plain_file) as reader:
        assert words.format(user=user, path=plain_file, group=group) in await loss_of(reader)


async def test_a_file_is_no_serial_port(plain_file: Path) -> None:
    async with driver("twn4", plain_file) as reader:
        assert f"{plain_file} is no serial port" in await loss_of(reader)


async def test_a_port_whose_name_may_change_is_told_with_the_one_that_lasts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, by_id = tmp_path / "ttyUSB7", tmp_path / "by-id"
    by_id.mkdir()
    with Pn532(path):
        (by_id / "usb-reader").symlink_to(path.resolve())
        (by_id / "usb-gone").symlink_to(tmp_path / "gone")
        monkeypatch.setattr(port_module, "BY_ID", by_id)
        async with driver("pn532", path) as reader:
            await reader.reach()
    assert f"set port to {by_id}/usb-reader" in caplog.text


# --- Devices.


@every_polled
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Misbehaviour.SILENT, "nothing answers on {}: check the reader's power"),
        (Misbehaviour.WRONG_DEVICE, "another device is on {}, it says '$GPGGA,…20,5107.04,N"),
        (Misbehaviour.GARBAGE, "only garbage arrives on {} (8F 02 C6"),
        (Misbehaviour.ECHO, "{} hears its own words"),
        (Misbehaviour.SLOW, "nothing answers on {}"),
    ],
)
async def test_each_trouble_with_the_device_is_told_in_a_sentence_of_its_own(
    protocol: str, path: Path, trouble: Misbehaviour, words: str
) -> None:
    with simulated(protocol, path) as device:
        device.misbehave(trouble)
        async with driver(protocol, path, HASTY) as reader:
            told = await loss_of(reader)
    assert words.format(path) in told
    assert told.startswith(f"token reader ({protocol}): ")
    assert "\n" not in told


@every_polled
async def test_a_mended_reader_is_reached_again(protocol: str, path: Path) -> None:
    with simulated(protocol, path) as device:
        device.misbehave(Misbehaviour.SILENT)
        async with driver(protocol, path, HASTY) as reader:
            await loss_of(reader)
            device.misbehave(Misbehaviour.NONE)
            while True:
                with contextlib.suppress(HardwareLost):
                    await reader.reach()
                    break
            device.hold_card(UID)
            assert (await anext(reader.presentations())).token == UID


async def test_a_twn4_with_other_firmware_is_told_with_its_error(path: Path) -> None:
    with Twn4(path, crc=True), contextlib.suppress(HardwareLost):
        async with driver("twn4", path, HASTY) as reader:
            assert "refuses what it is asked" in await loss_of(reader)


async def test_a_wrong_baud_rate_of_a_reader_that_speaks_by_itself_shows_with_the_first_card(
    path: Path,
) -> None:
    with Rdm6300(path) as device:
        async with driver("rdm6300", path) as reader:
            await reader.reach()
            listening = asyncio.ensure_future(anext(reader.presentations()))
            for _ in range(40):
                device.say(GARBAGE)
            with pytest.raises(HardwareLost, match=r"only garbage arrives .* set baudrate"):
                await listening
            # It stays lost until a card proves that it is mended.
            reaching = asyncio.ensure_future(reader.reach())
            await asyncio.sleep(0.05)
            assert not reaching.done()
            device.hold_card(EM_CARD)
            await reaching
            assert (await anext(reader.presentations())).token == EM_CARD


# --- Unplugging.


@every_kind
async def test_an_unplugged_reader_is_lost_and_works_again_under_another_number(
    protocol: str, path: Path
) -> None:
    with simulated(protocol, path) as device:
        async with driver(protocol, path) as reader:
            await reader.reach()
            listening = asyncio.ensure_future(anext(reader.presentations()))
            await asyncio.sleep(0.01)
            device.unplug()
            with pytest.raises(HardwareLost, match=r"unplugged or has lost its power: plug it in"):
                await listening
            assert f"there is no {path}" in await loss_of(reader)
            # Whatever takes the old number meanwhile is not the reader.
            other = pty.openpty()
            device.plug_in()
            await reader.reach()
            device.hold_card(card_of(protocol))
            assert (await anext(reader.presentations())).token == card_of(protocol)
            for descriptor in other:
                os.close(descriptor)


@every_polled
async def test_a_card_that_lies_on_a_reader_with_a_loose_cable_is_presented_once(
    protocol: str, path: Path
) -> None:
    with simulated(protocol, path) as device:
        device.hold_card(UID)
        async with driver(protocol, path) as reader:
            presentations = reader.presentations()
            await anext(presentations)
            device.unplug()
            with pytest.raises(HardwareLost):
                await anext(presentations)
            device.plug_in()
            await nothing_follows(reader.presentations())


async def test_a_reader_that_speaks_by_itself_was_blind_while_its_cable_was_loose(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Rdm6300(path) as device:
        device.hold_card(EM_CARD)
        async with driver("rdm6300", path) as reader:
            presentations = reader.presentations()
            await anext(presentations)
            device.unplug()
            with pytest.raises(HardwareLost):
                await anext(presentations)
            now_s = reader_module._now_s
            monkeypatch.setattr(reader_module, "_now_s", lambda: now_s() + 2 * STEADY.absence_s)
            device.plug_in()
            await nothing_follows(reader.presentations())


# --- Closing.


@every_kind
async def test_closing_ends_the_iterator_and_frees_the_port(protocol: str, path: Path) -> None:
    with simulated(protocol, path):
        async with driver(protocol, path) as reader:
            await reader.reach()
            listening = asyncio.ensure_future(anext(reader.presentations(), None))
            await asyncio.sleep(0.01)
            await reader.close()
            assert await listening is None
            assert "closed" in await loss_of(reader)
        async with driver(protocol, path) as another:
            await another.reach()


async def test_a_listener_that_is_cancelled_frees_the_port(path: Path) -> None:
    with Pn532(path):
        async with driver("pn532", path) as reader, driver("pn532", path) as another:
            presentations = reader.presentations()
            listening = asyncio.ensure_future(anext(presentations))
            await asyncio.sleep(0.02)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await another.reach()


async def test_a_reader_that_floods_is_no_end_of_the_loop(path: Path) -> None:
    with Rdm6300(path) as device:
        async with driver("rdm6300", path) as reader:
            await reader.reach()
            listening = asyncio.ensure_future(anext(reader.presentations()))
            device.say(b"\x02" * 4000)
            with pytest.raises(HardwareLost, match="only garbage"):
                await asyncio.wait_for(listening, 5)
