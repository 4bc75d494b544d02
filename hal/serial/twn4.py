"""Elatec TWN4 with the firmware for Simple Protocol, in its ASCII form.

A message is hex digits and a carriage return. A request is API, function and parameters, a reply
an error code and what the function returns; numbers come low byte first. With checksums each ends
with a CRC-16 (reflected, 0x8408, from 0xFFFF), low byte first. Source: Elatec, Simple Protocol,
DocRev 17.
"""

from dataclasses import dataclass

from hal.serial.events import Event, Junk, NoCard, Sighting

VERSION, SEARCH, BEEP = b"\x00\x04", b"\x05\x00", b"\x04\x07"
LONGEST_UID = 16
LONGEST_LINE = 1024
OK = 0

_END, _LINE_FEED = b"\r", b"\n"
_DIGITS = frozenset(b"0123456789ABCDEFabcdef")
_CRC_BYTES = 2
_TOKEN_TYPES = {0x80: "ISO14443", 0x81: "ISO14443", 0x82: "ISO15693"}
"""By the reader's tag type: ISO 14443 A, ISO 14443 B, ISO 15693."""
_OTHER = "Local"
_ERRORS = (
    "no error",
    "unknown function",
    "missing parameter",
    "unused parameters",
    "invalid function",
    "parser error",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its error code, and what the function returned."""

    code: int
    data: bytes


class Twn4Framing:
    """Bytes in, replies and junk out; keeps at most one line."""

    def __init__(self, *, crc: bool = False) -> None:
        self._crc = crc
        self._buffer = b""
        self._overlong = False

    def feed(self, data: bytes) -> list[Reply | Junk]:
        """Return what these bytes complete."""
        found: list[Reply | Junk] = []
        for piece in (self._buffer + data).splitlines(keepends=True):
            whole = piece.endswith((_END, _LINE_FEED))
            if not whole and len(piece) < LONGEST_LINE:
                self._buffer = piece
                break
            self._buffer = b""
            line = piece.rstrip(_END + _LINE_FEED)
            if line:
                usable = whole and len(line) < LONGEST_LINE and not self._overlong
                found += self._read(line) if usable else [Junk(line)]
            self._overlong = not whole
        else:
            self._buffer = b""
        return found

    def flush(self) -> bytes:
        """Give up what is half received and return it."""
        rest, self._buffer, self._overlong = self._buffer, b"", False
        return rest

    def _read(self, line: bytes) -> list[Reply | Junk]:
        """Read a line; stray bytes may stand before it, as when a driver is switched on."""
        stray = next((n for n, byte in enumerate(line) if byte in _DIGITS), len(line))
        before: list[Reply | Junk] = [Junk(line[:stray])] if stray else []
        return [*before, self._reply(line[stray:])] if line[stray:] else before

    def _reply(self, line: bytes) -> Reply | Junk:
        if len(line) % 2 or not _DIGITS.issuperset(line):
            return Junk(line)
        message = bytes.fromhex(line.decode("ascii"))
        if self._crc:
            message, told = message[:-_CRC_BYTES], message[-_CRC_BYTES:]
            if told != checksum(message):
                return Junk(line)
        return Reply(message[0], message[1:]) if message else Junk(line)


def request(message: bytes, *, crc: bool = False) -> bytes:
    """Return the line that carries a request."""
    checked = message + checksum(message) if crc else message
    return checked.hex().upper().encode("ascii") + _END


def error_words(code: int) -> str:
    """Say what an error code means."""
    known = _ERRORS[code] if code < len(_ERRORS) else "unknown error"
    return f"error {code:02X}, {known}"


def checksum(message: bytes) -> bytes:
    """Return the CRC-16 of a message as it is sent."""
    crc = 0xFFFF
    for byte in message:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def beep(frequency_hz: int, on_ms: int, volume: int = 100) -> bytes:
    """Return the request for a beep; `volume` is 0 to 100."""
    numbers = (frequency_hz, on_ms, 0)
    return BEEP + bytes([volume]) + b"".join(n.to_bytes(2, "little") for n in numbers)


def version(data: bytes) -> str | None:
    """Read the version that the reader tells; None if this is no text."""
    text = data[1 : 1 + data[0]] if data else b""
    if not text or len(text) != data[0] or not text.isascii():
        return None
    return text.decode("ascii")


def tag(data: bytes) -> tuple[Event, ...] | None:
    """Read the result of a search; None if it is malformed.

    It has a flag, and for a card its type, the bits and the bytes of its UID, and the UID.
    """
    match [*data[:4]]:
        case [0, *_]:
            return (NoCard(),)
        case [1, kind, _bits, length] if length and len(data) == 4 + length:
            return (Sighting(data[4:], _TOKEN_TYPES.get(kind, _OTHER)),)
        case _:
            return None
