"""PN532 on its high-speed UART: frames, the commands that are used, and their answers.

A frame is `00 00 FF LEN LCS TFI data DCS 00`; LEN + LCS and TFI + data + DCS are 0 modulo 256. TFI
is D4 towards the PN532 and D5 from it. Source: NXP UM0701-02, chapters 6.2 and 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hal.serial.events import Collision, Event, Junk, NoCard, Sighting

_START = b"\x00\xff"
_TO_READER, _FROM_READER, _ERROR = 0xD4, 0xD5, 0x7F
_REPLY = 1
"""A reply's code is its command's and this."""

FIRMWARE, SAM, RF, LIST, RELEASE = 0x02, 0x14, 0x32, 0x4A, 0x52
IC = 0x32
WAKE_UP = b"\x55\x55" + bytes(14)
ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
MOST_TARGETS = 2
CARD_TYPE = "ISO14443"


class Signal(Enum):
    """Frames without content."""

    ACK = "ack"
    NACK = "nack"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame's content from TFI on."""

    body: bytes

    @property
    def raw(self) -> bytes:
        """The frame as it is sent."""
        head = bytes([0x00, 0x00, 0xFF, len(self.body), -len(self.body) & 0xFF])
        return head + self.body + bytes([-sum(self.body) & 0xFF, 0x00])

    def reply_to(self, command: int) -> bytes | None:
        """Return the data of the reply to a command, None if this is none."""
        head = bytes([_FROM_READER, command + _REPLY])
        return self.body[2:] if self.body.startswith(head) else None

    @property
    def is_error(self) -> bool:
        """Tell whether the PN532 did not understand."""
        return self.body[0] == _ERROR


def frame(*command: int) -> bytes:
    """Return the frame of a command."""
    return Frame(bytes([_TO_READER, *command])).raw


class Pn532Framing:
    """Bytes in, frames and junk out; keeps at most one frame of 262 bytes."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame | Signal | Junk]:
        """Return what these bytes complete."""
        self._buffer += data
        return list(self._take())

    def flush(self) -> bytes:
        """Give up what is half received and return it."""
        rest, self._buffer = self._buffer, b""
        return rest.strip(b"\x00")

    def _take(self) -> Iterator[Frame | Signal | Junk]:
        while True:
            start = self._buffer.find(_START)
            # The last byte may be the first of the start code.
            skipped = start if start >= 0 else len(self._buffer) - self._buffer.endswith(b"\x00")
            if junk := self._drop(skipped).strip(b"\x00"):
                yield Junk(junk)
            if start < 0 or len(self._buffer) < 4:
                return
            taken = _first(self._buffer)
            if taken is None:
                return
            found, length = taken
            if found is None:
                yield Junk(self._drop(length))
            else:
                self._drop(length)
                yield found

    def _drop(self, count: int) -> bytes:
        dropped, self._buffer = self._buffer[:count], self._buffer[count:]
        return dropped


def _first(buffer: bytes) -> tuple[Frame | Signal | None, int] | None:
    """Read the frame at a start code: what it is, and its bytes; None while it is incomplete.

    Where the checks fail it is nothing, and only the start code is passed over.
    """
    if buffer[2:4] == b"\x00\xff":
        return Signal.ACK, 4
    if buffer[2:4] == b"\xff\x00":
        return Signal.NACK, 4
    length = buffer[2]
    if (length + buffer[3]) & 0xFF or length == 0:
        return None, 2
    if len(buffer) < length + 6:
        return None
    body, dcs, postamble = buffer[4 : length + 4], buffer[length + 4], buffer[length + 5]
    if (sum(body) + dcs) & 0xFF or postamble:
        return None, 2
    return Frame(body), length + 6


def device(data: bytes) -> str | None:
    """Read the reply to GetFirmwareVersion; None if this is no PN532."""
    if len(data) < 4 or data[0] != IC:
        return None
    return f"PN532, firmware {data[1]}.{data[2]}"


def targets(data: bytes) -> tuple[Event, ...] | None:
    """Read the reply to InListPassiveTarget for ISO 14443 A; None if it is malformed."""
    if not data:
        return None
    match data[0]:
        case 0:
            return (NoCard(),)
        case 1:
            uid = _first_uid(data[1:])
            return None if uid is None else (Sighting(uid, CARD_TYPE),)
        case _:
            return (Collision(),)


def _first_uid(target: bytes) -> bytes | None:
    """Read Tg, SENS_RES, SEL_RES and the UID with its length; an ATS may follow."""
    length = target[4] if len(target) > 4 else 0
    uid = target[5 : 5 + length]
    return uid if length and len(uid) == length else None
