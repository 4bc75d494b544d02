"""RDM6300: a 125 kHz reader (EM4100) that tells a card about every 60 ms while it is there.

A frame is STX, ten hex digits of data, two of the exclusive-or of the data, ETX.
"""

from hal.serial.events import Junk, Sighting

_STX, _ETX = 0x02, 0x03
_DIGITS = frozenset(b"0123456789ABCDEFabcdef")
_FRAME_BYTES = 14
_DATA = slice(1, 11)
_CHECKED = slice(1, 13)

CARD_TYPE = "Local"
"""These cards are neither ISO 14443 nor ISO 15693."""


class Rdm6300Framing:
    """Bytes in, cards and junk out; keeps at most one frame."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Sighting | Junk]:
        """Return what these bytes complete."""
        found: list[Sighting | Junk] = []
        self._buffer += data
        while self._buffer:
            skipped = _before_a_start(self._buffer)
            if skipped:
                found.append(Junk(self._buffer[:skipped]))
                self._buffer = self._buffer[skipped:]
            if len(self._buffer) < _FRAME_BYTES:
                break
            frame, self._buffer = self._buffer[:_FRAME_BYTES], self._buffer[_FRAME_BYTES:]
            card = _card(frame)
            found.append(Junk(frame) if card is None else Sighting(card, CARD_TYPE))
        return found

    def flush(self) -> bytes:
        """Give up what is half received and return it."""
        rest, self._buffer = self._buffer, b""
        return rest


def _before_a_start(buffer: bytes) -> int:
    """Count the bytes before the first that may begin a frame."""
    start = buffer.find(_STX)
    while start >= 0:
        if _may_be_a_frame(buffer[start : start + _FRAME_BYTES]):
            return start
        start = buffer.find(_STX, start + 1)
    return len(buffer)


def _may_be_a_frame(piece: bytes) -> bool:
    whole = len(piece) == _FRAME_BYTES
    return _DIGITS.issuperset(piece[_CHECKED]) and (not whole or piece[-1] == _ETX)


def _card(frame: bytes) -> bytes | None:
    """Return the five bytes of a frame whose check agrees."""
    checked = bytes.fromhex(frame[_CHECKED].decode("ascii"))
    total = 0
    for byte in checked:
        total ^= byte
    return bytes.fromhex(frame[_DATA].decode("ascii")) if total == 0 else None
