"""StrongLink SL030 and SL032 on a UART.

A request is `BA LEN CMD DATA XOR`, a reply `BD LEN CMD STATUS DATA XOR`. LEN counts from CMD to
XOR, XOR is the exclusive-or of everything before it. Source: StrongLink, user manuals of SL030 and
SL032.
"""

from dataclasses import dataclass
from enum import IntEnum

from hal.serial.events import Collision, Event, Junk, NoCard, Sighting

SELECT, FIRMWARE = 0x01, 0xF0
CARD_TYPE = "ISO14443"

_REQUEST, _REPLY = 0xBA, 0xBD
_LEAST, _MOST = 3, 64


class Status(IntEnum):
    """The statuses that say something about cards."""

    OK = 0x00
    NO_TAG = 0x01
    COLLISION = 0x0A


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: which command it answers, its status, and its data."""

    command: int
    status: int
    data: bytes


class StrongLinkFraming:
    """Bytes in, replies and junk out; keeps at most one frame."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Reply | Junk]:
        """Return what these bytes complete."""
        self._buffer += data
        found: list[Reply | Junk] = []
        while self._buffer:
            start = self._buffer.find(_REPLY)
            if start != 0:
                found.append(Junk(self._drop(start if start > 0 else len(self._buffer))))
                continue
            length = self._buffer[1] if len(self._buffer) > 1 else _LEAST
            if _LEAST <= length <= _MOST and len(self._buffer) < length + 2:
                break
            frame = self._buffer[: length + 2]
            if _LEAST <= length <= _MOST and _xor(frame) == 0:
                self._drop(length + 2)
                found.append(Reply(frame[2], frame[3], frame[4:-1]))
            else:
                found.append(Junk(self._drop(1)))
        return found

    def flush(self) -> bytes:
        """Give up what is half received and return it."""
        return self._drop(len(self._buffer))

    def _drop(self, count: int) -> bytes:
        dropped, self._buffer = self._buffer[:count], self._buffer[count:]
        return dropped


def request(command: int, data: bytes = b"") -> bytes:
    """Return the frame of a request."""
    frame = bytes([_REQUEST, len(data) + 2, command]) + data
    return frame + bytes([_xor(frame)])


def card(reply: Reply) -> tuple[Event, ...] | None:
    """Read the answer to a select; None for a status that says nothing about cards.

    The last byte of the data is the type of card, which differs from model to model.
    """
    match reply.status:
        case Status.OK if len(reply.data) > 1:
            return (Sighting(reply.data[:-1], CARD_TYPE),)
        case Status.NO_TAG:
            return (NoCard(),)
        case Status.COLLISION:
            return (Collision(),)
        case _:
            return None


def firmware(reply: Reply) -> str:
    """Read what a reader says of itself; not every one does."""
    text = reply.data.decode("ascii", "replace")
    return text if reply.status == Status.OK and text.isprintable() else ""


def _xor(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
