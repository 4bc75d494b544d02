"""How readers are prepared, polled, repeated and given up, in invented time."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.serial.conversation import Conversation, Timing
from hal.serial.conversations import conversation
from hal.serial.events import Collision, Event, Failure, NoCard, Ready, Sighting, Trouble
from hal.serial.settings import read_settings

TIMING = Timing()
PORT = "/dev/serial/by-id/usb-reader"
Device = Callable[[bytes], bytes]

PN532 = {
    "0000FF02FED4022A00": "0000FF06FAD50332010607E800",
    "0000FF05FBD4140114010200": "0000FF02FED5151600",
    "0000FF06FAD43205FF0110E500": "0000FF02FED533F800",
    "0000FF04FCD44A0200E000": "0000FF03FDD54B00E000",
    "0000FF03FDD45200DA00": "0000FF03FDD55300D800",
}
PN532_ACK = "0000FF00FF00"
PN532_CARD = "0000FF0CF4D54B010100040804DEADBEEF9600"
TWN4 = {
    b"0004FF\r": b"000454574E34\r",
    b"050010\r": b"0000\r",
    b"04076460096400 0000\r".replace(b" ", b""): b"00\r",
}
TWN4_CARD = b"000180200466CF4DC2\r"
STRONGLINK = {"BA0201B9": "BD030101BE", "BA02F048": "BD05F000534C57"}
STRONGLINK_CARD = "BD0B010004A1B2C3D4E58004D6"
NMEA = b"$GPGGA,101520,5107.04,N,00843.12,E*5C\r\n"


class Talk:
    """A conversation with a device that answers at once, in time that the test lets pass."""

    def __init__(self, device: Device, protocol: str, **options: object) -> None:
        table = {"protocol": protocol, "port": PORT, **options}
        self.conversation: Conversation = conversation(read_settings(table), TIMING)
        self.device = device
        self.now_s = 100.0
        self.sent: list[bytes] = []
        self.events: list[Event] = []
        self.events += self.conversation.begin(self.now_s)
        self._exchange()

    def pass_s(self, seconds: float) -> list[Event]:
        """Let time pass, wake up when something is due; return the events of that time."""
        end_s, before = self.now_s + seconds, len(self.events)
        while not self.failed:
            due_s = self.conversation.due_s
            if due_s is None or due_s > end_s:
                break
            self.now_s = max(self.now_s, due_s)
            self.events += self.conversation.elapse(self.now_s)
            self._exchange()
        self.now_s = end_s
        return self.events[before:]

    def hear(self, data: bytes) -> list[Event]:
        """Let bytes arrive; return the events."""
        before = len(self.events)
        self.events += self.conversation.receive(data, self.now_s)
        self._exchange()
        return self.events[before:]

    @property
    def failed(self) -> Failure | None:
        return next((e for e in self.events if isinstance(e, Failure)), None)

    def _exchange(self) -> None:
        while output := self.conversation.to_send():
            self.sent.append(output)
            if answer := self.device(output):
                self.events += self.conversation.receive(answer, self.now_s)


def pn532(card: str | None = None) -> Device:
    """Answer as a PN532 does; wake-up and aborts before a frame are passed over."""

    def answer(request: bytes) -> bytes:
        frame = request.removeprefix(b"\x55\x55" + bytes(14)).removeprefix(bytes.fromhex(PN532_ACK))
        reply = PN532[frame.hex().upper()]
        if card is not None and frame[6] == 0x4A:
            reply = card
        return bytes.fromhex(PN532_ACK + reply)

    return answer


def by_table(answers: Mapping[Any, Any]) -> Device:
    def answer(request: bytes) -> bytes:
        found = answers.get(request) or answers.get(request.hex().upper()) or b""
        return bytes.fromhex(found) if isinstance(found, str) else found

    return answer


def silent(_request: bytes) -> bytes:
    return b""


DEVICES: dict[str, Device] = {
    "pn532": pn532(),
    "twn4": by_table(TWN4),
    "stronglink": by_table(STRONGLINK),
}
polled = pytest.mark.parametrize("protocol", DEVICES)


# --- When everything is well.


@pytest.mark.parametrize(
    ("protocol", "device"),
    [("pn532", "PN532, firmware 1.6"), ("twn4", "TWN4"), ("stronglink", "SL")],
)
def test_a_reader_is_ready_when_it_has_answered_and_says_what_it_is(
    protocol: str, device: str
) -> None:
    talk = Talk(DEVICES[protocol], protocol)
    assert Ready(device) in talk.events
    assert talk.events[-1] == NoCard()


def test_a_pn532_is_woken_up_and_told_to_give_up_searching() -> None:
    talk = Talk(pn532(), "pn532")
    assert talk.sent[0] == b"\x55\x55" + bytes(14) + bytes.fromhex("0000FF02FED4022A00")
    assert talk.sent[1:4] == [
        bytes.fromhex(f)
        for f in (
            *("0000FF05FBD4140114010200", "0000FF06FAD43205FF0110E500"),
            "0000FF04FCD44A0200E000",
        )
    ]


@polled
def test_a_reader_is_polled_again_and_again(protocol: str) -> None:
    talk = Talk(DEVICES[protocol], protocol)
    events = talk.pass_s(TIMING.poll_s * 50.5)
    assert events == [NoCard()] * 50


def test_a_card_at_a_pn532_is_told_and_released() -> None:
    talk = Talk(pn532(PN532_CARD), "pn532")
    assert talk.events[-1] == Sighting(bytes.fromhex("DEADBEEF"), "ISO14443")
    assert talk.sent[-1] == bytes.fromhex("0000FF03FDD45200DA00")
    assert talk.pass_s(TIMING.poll_s) == [Sighting(bytes.fromhex("DEADBEEF"), "ISO14443")]


def test_cards_at_twn4_and_stronglink_are_told() -> None:
    twn4 = Talk(by_table(TWN4 | {b"050010\r": TWN4_CARD}), "twn4")
    assert twn4.events[-1] == Sighting(bytes.fromhex("66CF4DC2"), "ISO14443")
    stronglink = Talk(by_table(STRONGLINK | {"BA0201B9": STRONGLINK_CARD}), "stronglink")
    assert stronglink.events[-1] == Sighting(bytes.fromhex("04A1B2C3D4E580"), "ISO14443")
    collision = Talk(by_table(STRONGLINK | {"BA0201B9": "BD03010AB5"}), "stronglink")
    assert collision.events[-1] == Collision()


def test_a_twn4_beeps_when_a_card_was_taken_if_it_shall() -> None:
    talk = Talk(by_table(TWN4), "twn4", beep=True)
    talk.conversation.confirm(talk.now_s)
    talk.pass_s(0.01)
    assert talk.sent[-1] == b"040764600964000000\r"
    assert talk.pass_s(1)[-1] == NoCard()


def test_a_twn4_that_cannot_beep_goes_on_reading() -> None:
    talk = Talk(by_table(TWN4 | {b"040764600964000000\r": b"04\r"}), "twn4", beep=True)
    talk.conversation.confirm(talk.now_s)
    assert talk.pass_s(2)[-1] == NoCard()
    assert talk.failed is None


def test_a_reader_without_a_beeper_is_not_asked_to_beep() -> None:
    for protocol, device in DEVICES.items():
        talk = Talk(device, protocol)
        sent = len(talk.sent)
        talk.conversation.confirm(talk.now_s)
        talk.pass_s(0.01)
        assert len(talk.sent) == sent


def test_a_reader_that_tells_no_version_may_work_all_the_same() -> None:
    old = {"BA0201B9": "BD030101BE"}
    talk = Talk(by_table(old), "stronglink")
    talk.pass_s(10)
    assert Ready("") in talk.events
    refusing = Talk(by_table(TWN4 | {b"0004FF\r": b"01\r", b"\r0004FF\r": b"01\r"}), "twn4")
    refusing.pass_s(10)
    assert Ready("") in refusing.events


# --- Retries.


@polled
def test_one_lost_answer_is_asked_for_again(protocol: str) -> None:
    answer, lost = DEVICES[protocol], [2, 4]
    count = 0

    def flaky(request: bytes) -> bytes:
        nonlocal count
        count += 1
        return b"" if count in lost else answer(request.removeprefix(b"\r"))

    talk = Talk(flaky, protocol)
    talk.pass_s(20)
    assert talk.failed is None
    assert talk.events[-1] == NoCard()


def test_a_pn532_that_refuses_a_broken_frame_is_asked_again_at_once() -> None:
    count = 0

    def noisy(request: bytes) -> bytes:
        nonlocal count
        count += 1
        return bytes.fromhex("0000FFFF0000") if count == 2 else pn532()(request)

    talk = Talk(noisy, "pn532")
    talk.pass_s(0.001)
    assert any(isinstance(e, Ready) for e in talk.events)


def test_a_late_answer_to_a_search_is_no_answer_to_a_beep() -> None:
    talk = Talk(by_table({k: v for k, v in TWN4.items() if k[:4] != b"0407"}), "twn4", beep=True)
    talk.conversation.confirm(talk.now_s)
    talk.pass_s(0.01)
    assert talk.hear(TWN4_CARD) == []


# --- Giving up.


@polled
def test_a_reader_that_says_nothing_is_silent(protocol: str) -> None:
    talk = Talk(silent, protocol)
    talk.pass_s(30)
    assert talk.failed == Failure(Trouble.SILENT)
    assert Ready not in map(type, talk.events)


@polled
def test_a_reader_that_falls_silent_is_given_up_within_seconds(protocol: str) -> None:
    talk = Talk(DEVICES[protocol], protocol)
    talk.pass_s(5)
    talk.device = silent
    talk.pass_s(TIMING.search_s * TIMING.tries + 1)
    assert talk.failed == Failure(Trouble.SILENT)


@polled
def test_another_device_is_told_with_its_words(protocol: str) -> None:
    talk = Talk(lambda _: NMEA, protocol)
    talk.pass_s(30)
    assert talk.failed is not None
    assert talk.failed.trouble is Trouble.WRONG_DEVICE
    assert talk.failed.said.startswith(b"$GPGGA,101520")


@polled
def test_noise_is_garbage(protocol: str) -> None:
    talk = Talk(lambda _: bytes.fromhex("8f02c6f3917de08e9a"), protocol)
    talk.pass_s(30)
    assert talk.failed is not None
    assert talk.failed.trouble is Trouble.GARBAGE
    assert talk.failed.said[:3] == bytes.fromhex("8f02c6")


@polled
def test_ones_own_words_are_an_echo(protocol: str) -> None:
    talk = Talk(lambda request: request, protocol)
    talk.pass_s(30)
    assert talk.failed is not None
    assert talk.failed.trouble is Trouble.ECHO


def test_a_device_that_is_no_pn532_is_another_device() -> None:
    other = bytes.fromhex(PN532_ACK + "0000FF06FAD50307010607 1300".replace(" ", ""))
    talk = Talk(lambda _: other, "pn532")
    talk.pass_s(30)
    assert talk.failed == Failure(Trouble.WRONG_DEVICE, b"IC 07")


def test_a_twn4_with_other_firmware_refuses_with_its_error() -> None:
    talk = Talk(lambda _: b"01\r", "twn4")
    talk.pass_s(30)
    assert talk.failed == Failure(Trouble.REFUSED, b"error 01, unknown function")


def test_checksums_that_only_one_side_uses_are_no_answer() -> None:
    talk = Talk(by_table(TWN4), "twn4", crc=True)
    talk.pass_s(30)
    assert talk.failed is not None


# --- Readers that speak by themselves.


def test_an_rdm6300_is_believed_at_once_and_needs_no_time() -> None:
    talk = Talk(silent, "rdm6300")
    assert talk.events == [Ready()]
    assert talk.conversation.due_s is None
    card = Sighting(bytes.fromhex("010063E9AE"), "Local")
    assert talk.hear(b"\x02010063E9AE25\x03") == [card]
    assert talk.sent == []


def test_a_reader_that_talks_only_junk_is_given_up_with_its_words() -> None:
    noisy = Talk(silent, "rdm6300")
    for _ in range(40):
        noisy.hear(b"\xff\x80\xc0\x00\x93")
    assert noisy.failed is not None
    assert noisy.failed.trouble is Trouble.GARBAGE
    wordy = Talk(silent, "rdm6300")
    for _ in range(10):
        wordy.hear(NMEA)
    assert wordy.failed is not None
    assert wordy.failed.trouble is Trouble.WRONG_DEVICE


def test_junk_between_cards_is_forgiven() -> None:
    talk = Talk(silent, "rdm6300")
    for _ in range(100):
        talk.hear(b"\x02010063E9\x03")
        talk.hear(b"\x02010063E9AE25\x03")
    assert talk.failed is None


def test_a_distrusted_reader_is_ready_with_its_first_card() -> None:
    table = {"protocol": "rdm6300", "port": PORT}
    talk = conversation(read_settings(table), TIMING, trusted=False)
    assert talk.begin(0) == []
    assert talk.receive(b"\xff\x80" * 500, 1) == []
    card = Sighting(bytes.fromhex("010063E9AE"), "Local")
    assert talk.receive(b"\x02010063E9AE25\x03", 2) == [Ready(), card]
    assert talk.receive(b"\x02010063E9AE25\x03", 2.06) == [card]


def test_half_a_line_is_given_up_after_a_pause() -> None:
    talk = Talk(silent, "lines")
    talk.hear(b"04A1")
    talk.pass_s(1)
    assert talk.hear(b"DEADBEEF\r") == [Sighting(bytes.fromhex("DEADBEEF"))]


def test_a_line_that_does_not_fit_is_told_once_without_its_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    talk = Talk(silent, "lines", pattern="UID: {hex}")
    for _ in range(3):
        talk.hear(b"card=04A1B2C3D4\r\n")
    assert talk.failed is None
    (told,) = caplog.messages
    assert PORT in told
    assert "'card=…D4'" in told
    codes = Talk(silent, "lines", pattern="code {text}", token_type="KeyCode")
    codes.hear(b"pin 1234\r\n")
    assert "1234" not in caplog.text


# --- Anything at all.


@given(
    protocol=st.sampled_from(["rdm6300", "pn532", "twn4", "stronglink", "lines"]),
    answers=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [bytes.fromhex(PN532_ACK + f) for f in PN532.values()]
                + [bytes.fromhex(PN532_ACK + PN532_CARD), *TWN4.values(), TWN4_CARD]
                + [bytes.fromhex(f) for f in (*STRONGLINK.values(), STRONGLINK_CARD)]
            ),
        ),
        max_size=30,
    ),
)
def test_nothing_that_a_device_says_is_too_odd(protocol: str, answers: list[bytes]) -> None:
    rest = iter(answers)
    talk = Talk(lambda _: next(rest, b""), protocol)
    for _ in range(30):
        talk.pass_s(0.5)
        talk.hear(next(rest, b""))
    assert len(talk.sent) < 500
