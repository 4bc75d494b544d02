"""Framing of every protocol: the known frames, and whatever else may arrive."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.serial import pn532, stronglink, twn4
from hal.serial.events import Junk, Sighting
from hal.serial.lines import LineFraming
from hal.serial.pn532 import Pn532Framing, Signal
from hal.serial.rdm6300 import Rdm6300Framing
from hal.serial.stronglink import StrongLinkFraming
from hal.serial.twn4 import Twn4Framing


class Framing(Protocol):
    def feed(self, data: bytes) -> Sequence[Any]: ...

    def flush(self) -> bytes: ...


NEW: dict[str, Callable[[], Framing]] = {
    "rdm6300": Rdm6300Framing,
    "pn532": Pn532Framing,
    "twn4": Twn4Framing,
    "twn4 with checksum": lambda: Twn4Framing(crc=True),
    "stronglink": StrongLinkFraming,
    "lines": LineFraming,
}
SAMPLES = {
    "rdm6300": bytes.fromhex("0230313030363345394145323503"),
    "pn532": bytes.fromhex("0000FF0CF4D54B010100040804DEADBEEF9600"),
    "twn4": b"000180200466CF4DC2\r",
    "twn4 with checksum": twn4.request(b"\x00\x01\x80\x20\x04\x66\xcf\x4d\xc2", crc=True),
    "stronglink": bytes.fromhex("BD0B010004A1B2C3D4E58004D6"),
    "lines": b"UID: 04A1B2C3\r\n",
}
MOST_KEPT = {"rdm6300": 14, "pn532": 262, "stronglink": 66, "lines": 129}
every_protocol = pytest.mark.parametrize("protocol", NEW)


def frames(protocol: str, *chunks: bytes) -> list[Any]:
    framing = NEW[protocol]()
    return [f for chunk in chunks for f in framing.feed(chunk) if not isinstance(f, Junk)]


def junk(protocol: str, *chunks: bytes) -> bytes:
    framing = NEW[protocol]()
    return b"".join(f.data for chunk in chunks for f in framing.feed(chunk) if isinstance(f, Junk))


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def streams() -> st.SearchStrategy[bytes]:
    """Real frames, halves of them and noise in any order, some of it with flipped bits."""
    whole = st.sampled_from(list(SAMPLES.values()))
    half = st.builds(lambda frame, n: frame[: n % len(frame)], whole, st.integers(0, 40))
    starts = st.sampled_from([b"\x00\xff", b"\x00\x00\xff\xfe\x02", b"\xbd\x40", b"\x02", b"\r"])
    pieces = st.lists(st.one_of(whole, half, starts, st.binary(max_size=40)), max_size=12)
    return st.builds(flipped, pieces.map(b"".join), st.lists(st.integers(0, 4000), max_size=3))


def flipped(data: bytes, bits: Sequence[int]) -> bytes:
    changed = bytearray(data)
    for bit in bits:
        if changed:
            changed[(bit // 8) % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


# --- Whatever arrives.


@every_protocol
@given(data=streams(), places=st.lists(st.integers(0, 500), max_size=8))
def test_where_the_stream_is_cut_makes_no_difference(
    protocol: str, data: bytes, places: list[int]
) -> None:
    assert frames(protocol, *cut(data, places)) == frames(protocol, data)
    one_by_one = [bytes([byte]) for byte in data]
    assert frames(protocol, *one_by_one) == frames(protocol, data)


@every_protocol
@given(noise=st.binary(max_size=600))
def test_after_any_noise_a_pause_and_a_frame_the_frame_is_found(
    protocol: str, noise: bytes
) -> None:
    framing = NEW[protocol]()
    framing.feed(noise)
    framing.flush()
    found = framing.feed(SAMPLES[protocol])
    assert [f for f in found if not isinstance(f, Junk)] == frames(protocol, SAMPLES[protocol])


@every_protocol
@given(noise=st.binary(max_size=300))
def test_frames_alone_bring_the_framing_back_after_noise(protocol: str, noise: bytes) -> None:
    sample = SAMPLES[protocol]
    found = frames(protocol, noise, *[sample] * 40)
    (expected,) = frames(protocol, sample)
    assert expected in found


@every_protocol
def test_two_frames_in_one_chunk_are_two(protocol: str) -> None:
    sample = SAMPLES[protocol]
    assert len(frames(protocol, sample * 2)) == 2
    assert junk(protocol, sample * 2) == b""


@every_protocol
def test_a_truncated_frame_is_none_and_spoils_not_the_next_after_a_pause(protocol: str) -> None:
    sample = SAMPLES[protocol]
    for length in range(1, len(sample) - 1):
        framing = NEW[protocol]()
        assert not [f for f in framing.feed(sample[:length]) if not isinstance(f, Junk)]
        framing.flush()
        assert len([f for f in framing.feed(sample) if not isinstance(f, Junk)]) == 1


@pytest.mark.parametrize("protocol", ["rdm6300", "pn532", "twn4 with checksum", "stronglink"])
def test_a_flipped_bit_never_makes_another_card(protocol: str) -> None:
    sample = SAMPLES[protocol]
    true = frames(protocol, sample)
    for bit in range(len(sample) * 8):
        found = frames(protocol, flipped(sample, [bit]))
        assert found in ([], true), f"bit {bit}"


@every_protocol
def test_a_flood_without_end_of_frame_costs_no_memory(protocol: str) -> None:
    framing: Any = NEW[protocol]()
    for piece in (b"A" * 4096, b"\x00\x00\xff\xf0\x10" * 800, b"\x02" * 4096, b"\xbd@" * 2048):
        for _ in range(20):
            framing.feed(piece)
            assert len(framing._buffer) <= max(MOST_KEPT.get(protocol, 0), twn4.LONGEST_LINE)


@every_protocol
@given(data=st.binary(max_size=300).filter(lambda data: b"\x00" not in data))
def test_what_belongs_to_no_frame_is_shown_as_junk(protocol: str, data: bytes) -> None:
    framing = NEW[protocol]()
    found = framing.feed(data)
    rest = framing.flush()
    if not [f for f in found if not isinstance(f, Junk)] and protocol in {"rdm6300", "stronglink"}:
        assert b"".join(f.data for f in found) + rest == data
    assert sum(len(f.data) for f in found if isinstance(f, Junk)) + len(rest) <= len(data)


# --- RDM6300.


@pytest.mark.parametrize(
    ("frame", "card"),
    [
        ("02 30 31 30 30 36 33 45 39 41 45 32 35 03", "010063E9AE"),
        ("02 31 30 30 30 38 36 46 34 34 34 32 36 03", "100086F444"),
    ],
)
def test_an_rdm6300_frame_is_a_card_of_five_bytes(frame: str, card: str) -> None:
    found = frames("rdm6300", bytes.fromhex(frame))
    assert found == [Sighting(bytes.fromhex(card), "Local")]


def test_an_rdm6300_frame_with_a_wrong_sum_is_junk() -> None:
    wrong = b"\x02010063E9AE26\x03"
    assert frames("rdm6300", wrong) == []
    assert junk("rdm6300", wrong) == wrong


def test_an_rdm6300_frame_cut_off_by_the_next_is_given_up_at_once() -> None:
    sample = SAMPLES["rdm6300"]
    assert len(frames("rdm6300", sample[:9] + sample)) == 1


# --- PN532.


def test_pn532_commands_are_framed_as_documented() -> None:
    for command, expected in [
        ((0x02,), "0000FF02FED4022A00"),
        ((0x14, 0x01, 0x00, 0x01), "0000FF05FBD41401000116 00"),
        ((0x14, 0x01, 0x14, 0x01), "0000FF05FBD4140114010200"),
        ((0x32, 0x05, 0xFF, 0x01, 0x10), "0000FF06FAD43205FF0110E500"),
        ((0x4A, 0x01, 0x00), "0000FF04FCD44A0100E100"),
        ((0x52, 0x00), "0000FF03FDD45200DA00"),
    ]:
        assert pn532.frame(*command) == bytes.fromhex(expected)


def test_pn532_signals_have_no_content() -> None:
    assert frames("pn532", pn532.ACK + pn532.NACK + pn532.ACK) == [
        *(Signal.ACK, Signal.NACK, Signal.ACK)
    ]
    assert junk("pn532", pn532.ACK + pn532.NACK) == b""


def test_a_pn532_tells_its_firmware() -> None:
    (reply,) = frames("pn532", bytes.fromhex("0000FF06FAD50332010607E800"))
    assert pn532.device(reply.reply_to(pn532.FIRMWARE)) == "PN532, firmware 1.6"
    assert reply.reply_to(pn532.LIST) is None
    assert pn532.device(b"\x07\x01\x06\x07") is None
    assert pn532.device(b"\x32") is None


@pytest.mark.parametrize(
    ("frame", "uid"),
    [
        ("0000FF0CF4D54B010100040804DEADBEEF9600", "DEADBEEF"),
        ("0000FF0FF1D54B010100440007 04A1B2C3D4E5804000", "04A1B2C3D4E580"),
    ],
)
def test_a_pn532_tells_a_card(frame: str, uid: str) -> None:
    (reply,) = frames("pn532", bytes.fromhex(frame))
    data = reply.reply_to(pn532.LIST)
    assert pn532.targets(data) == (Sighting(bytes.fromhex(uid), "ISO14443"),)


def test_a_pn532_tells_that_there_is_no_card_one_with_an_ats_or_two() -> None:
    (none,) = frames("pn532", bytes.fromhex("0000FF03FDD54B00E000"))
    assert [type(e).__name__ for e in pn532.targets(none.reply_to(0x4A)) or ()] == ["NoCard"]
    uid = "04010203040506070809"
    with_ats = bytes.fromhex("01 01 0084 20 0A" + uid + "06757781028 0".replace(" ", ""))
    assert pn532.targets(with_ats) == (Sighting(bytes.fromhex(uid), "ISO14443"),)
    two = bytes.fromhex("02 01 0004 08 04 DEADBEEF 02 0004 08 04 CAFEBABE")
    assert [type(e).__name__ for e in pn532.targets(two) or ()] == ["Collision"]


@given(data=st.binary(max_size=40))
def test_no_list_of_targets_is_too_odd_to_be_read(data: bytes) -> None:
    for event in pn532.targets(data) or ():
        assert not isinstance(event, Sighting) or event.uid


def test_an_error_frame_is_known_as_one() -> None:
    (error,) = frames("pn532", bytes.fromhex("0000FF01FF7F8100"))
    assert error.is_error


# --- TWN4.


def test_twn4_lines_are_requests_and_replies() -> None:
    assert twn4.request(b"\x05\x00\x10") == b"050010\r"
    assert twn4.request(twn4.beep(2400, 500)) == b"0407646009F4010000\r"
    (reply,) = frames("twn4", b"000180200466CF4DC2\r")
    assert (reply.code, twn4.tag(reply.data)) == (
        0,
        (Sighting(bytes.fromhex("66CF4DC2"), "ISO14443"),),
    )
    (nothing,) = frames("twn4", b"0000\r")
    assert [type(e).__name__ for e in twn4.tag(nothing.data) or ()] == ["NoCard"]


@pytest.mark.parametrize(("message", "sent"), [("0005", "15A7"), ("0001", "31E1")])
def test_twn4_checksums_go_low_byte_first(message: str, sent: str) -> None:
    assert twn4.checksum(bytes.fromhex(message)).hex().upper() == sent


@pytest.mark.parametrize(
    ("kind", "token_type"),
    [(0x80, "ISO14443"), (0x81, "ISO14443"), (0x82, "ISO15693"), (0x40, "Local"), (0x84, "Local")],
)
def test_a_twn4_tells_what_kind_of_card_it_is(kind: int, token_type: str) -> None:
    events = twn4.tag(bytes([1, kind, 32, 4, 1, 2, 3, 4]))
    assert events == (Sighting(b"\x01\x02\x03\x04", token_type),)


@given(data=st.binary(max_size=40))
def test_no_twn4_reply_is_too_odd_to_be_read(data: bytes) -> None:
    for event in twn4.tag(data) or ():
        assert not isinstance(event, Sighting) or event.uid
    assert twn4.version(data) is None or data
    assert twn4.error_words(data[0] if data else 0)


def test_a_line_that_has_no_end_is_left_out_with_all_that_follows_until_its_end() -> None:
    sample = SAMPLES["twn4"]
    assert len(frames("twn4", b"00" * 600 + b"\r" + sample)) == 1
    assert len(frames("twn4", b"00" * 500, b"00" * 500, b"00\r", sample)) == 1


# --- StrongLink.


def test_stronglink_frames_are_summed() -> None:
    assert stronglink.request(stronglink.SELECT) == bytes.fromhex("BA0201B9")
    assert stronglink.request(stronglink.FIRMWARE) == bytes.fromhex("BA02F048")
    (card,) = frames("stronglink", SAMPLES["stronglink"])
    assert stronglink.card(card) == (Sighting(bytes.fromhex("04A1B2C3D4E580"), "ISO14443"),)
    (nothing,) = frames("stronglink", bytes.fromhex("BD030101BE"))
    assert [type(e).__name__ for e in stronglink.card(nothing) or ()] == ["NoCard"]
    collision = stronglink.Reply(stronglink.SELECT, 0x0A, b"")
    assert [type(e).__name__ for e in stronglink.card(collision) or ()] == ["Collision"]
    assert stronglink.card(stronglink.Reply(stronglink.SELECT, 0xF0, b"")) is None
    assert stronglink.card(stronglink.Reply(stronglink.SELECT, 0x00, b"\x04")) is None
    assert stronglink.firmware(stronglink.Reply(0xF0, 0, b"SL032-3.1")) == "SL032-3.1"
    assert stronglink.firmware(stronglink.Reply(0xF0, 0xF0, b"")) == ""
