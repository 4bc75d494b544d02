"""Token readers on ptys, as a station's serial port finds them: RDM6300, PN532, TWN4, SL030, lines.

Each is written from its manual and shares no code with the drivers. It serves its pty in a thread
of its own, so tests of any kind can use it:

    with Pn532(tmp_path / "reader") as reader:   # a link like those in /dev/serial/by-id
        reader.hold_card("DEADBEEF")
        reader.remove_card()
        reader.misbehave(Misbehaviour.SILENT)
        reader.unplug()                          # the link is gone, the line is dead
        reader.plug_in()                         # another pty under the same link

`baudrate` paces what the reader sends; without it bytes come at once.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.rigs.reader_on_pty import Misbehaviour, SimulatedReader


class Rdm6300(SimulatedReader):
    """An RDM6300: a card of five bytes is told again and again while it is there."""

    repeat_s = 0.055

    def requests_in(self, data: bytes) -> tuple[list[bytes], bytes]:
        """It has no commands."""
        return [], b""

    def answer(self, request: bytes) -> Iterable[bytes]:
        """It answers nothing."""
        return ()

    def announcement(self) -> bytes:
        """Tell the card; two at once disturb each other, and it hears neither."""
        return rdm6300_frame(self.cards[0]) if len(self.cards) == 1 else b""


class LineReader(SimulatedReader):
    """A reader that prints a line when a card comes, as `template` says; `{}` is the card."""

    repeat_s = 0.01

    def __init__(
        self, path: Path, template: str = "{}\r\n", *, baudrate: int | None = None
    ) -> None:
        super().__init__(path, baudrate=baudrate)
        self._template = template
        self._told: tuple[bytes, ...] = ()

    def requests_in(self, data: bytes) -> tuple[list[bytes], bytes]:
        """It has no commands."""
        return [], b""

    def answer(self, request: bytes) -> Iterable[bytes]:
        """It answers nothing."""
        return ()

    def announcement(self) -> bytes:
        """Tell each card once."""
        new = [card for card in self.cards if card not in self._told]
        self._told = self.cards
        return b"".join(self._template.format(card.hex()).encode() for card in new)


class Pn532(SimulatedReader):
    """A PN532 on its high-speed UART: asleep at first; without MaxRetries it waits for a card."""

    _WAKE_UP = b"\x55\x55"
    _ACK = bytes.fromhex("0000ff00ff00")

    def _power_on(self) -> None:
        """Sleep, unconfigured."""
        super()._power_on()
        self._awake = False
        self._gives_up = False
        self._waits = False
        self._configured = False

    def hold_card(self, *cards: str | bytes) -> None:
        """Hold a card; a list command that waited for one is answered."""
        super().hold_card(*cards)
        with self._lock:
            if self._waits and self.cards:
                self._waits = False
                self._say(self._reply(0x4B, self._targets(1)))

    def requests_in(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take the frames after the wake-up."""
        found: list[bytes] = []
        while True:
            if not self._awake:
                if self._WAKE_UP not in data:
                    return found, data[-1:]
                self._awake = True
            start = data.find(b"\x00\x00\xff")
            if start < 0:
                return found, data[-2:]
            data = data[start:]
            if len(data) < 6:
                return found, data
            length = data[3]
            whole = 6 if length in (0, 0xFF) else length + 7
            if len(data) < whole:
                return found, data
            found.append(data[:whole])
            data = data[whole:]

    def answer(self, request: bytes) -> Iterable[bytes]:
        """Acknowledge, then reply; an ACK from the host breaks a command off."""
        if len(request) == 6:
            self._waits = False
            return
        command = request[5 : 5 + request[3]]
        if sum(command) + request[-2] & 0xFF or command[0] != 0xD4:
            yield bytes.fromhex("0000ffff0000")
            return
        yield self._ACK
        if (reply := self._obey(command[1:])) is not None:
            yield reply

    def _obey(self, command: bytes) -> bytes | None:
        match [*command]:
            case [0x02]:
                return self._reply(0x03, bytes.fromhex("32010607"))
            case [0x14, *_]:
                self._configured = True
                return self._reply(0x15)
            case [0x32, 0x05, _, _, retries]:
                self._gives_up = retries != 0xFF
                return self._reply(0x33)
            case [0x4A, most, 0x00] if self._configured:
                self._waits = not self.cards and not self._gives_up
                return None if self._waits else self._reply(0x4B, self._targets(most))
            case [0x52, _]:
                return self._reply(0x53, b"\x00")
            case _:
                return bytes.fromhex("0000ff01ff7f8100")

    def _targets(self, most: int) -> bytes:
        seen = self.cards[:most]
        targets = b"".join(
            bytes([number, *self._kind(card), len(card)]) + card
            for number, card in enumerate(seen, start=1)
        )
        return bytes([len(seen)]) + targets

    @staticmethod
    def _kind(card: bytes) -> bytes:
        """SENS_RES and SEL_RES by the length of the UID."""
        return bytes.fromhex({4: "000408", 7: "004400", 10: "008400"}.get(len(card), "000408"))

    @staticmethod
    def _reply(code: int, data: bytes = b"") -> bytes:
        body = bytes([0xD5, code]) + data
        length = len(body)
        head = bytes([0x00, 0x00, 0xFF, length, -length & 0xFF])
        return head + body + bytes([-sum(body) & 0xFF, 0x00])


class Twn4(SimulatedReader):
    """An Elatec TWN4 with Simple Protocol in ASCII; `tag_type` is what its cards are.

    `beeps` counts how often it was told to beep.
    """

    def __init__(
        self,
        path: Path,
        *,
        baudrate: int | None = None,
        crc: bool = False,
        tag_type: int = 0x80,
    ) -> None:
        super().__init__(path, baudrate=baudrate)
        self.beeps = 0
        self._crc = crc
        self._tag_type = tag_type

    def requests_in(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take whole lines."""
        *lines, rest = data.split(b"\r")
        return lines, rest

    def answer(self, request: bytes) -> Iterable[bytes]:
        """Answer a line of hex digits with another."""
        command = self._checked(request)
        match None if command is None else [*command]:
            case None:
                yield self._line(b"\x05")
            case [0x00, 0x04, _]:
                version = b"TWN4/B1.50/NCF4.02/PRS1.04"
                yield self._line(bytes([0, len(version)]) + version)
            case [0x05, 0x00, most]:
                yield self._line(b"\x00" + self._found(most))
            case [0x04, 0x07, *parameters] if len(parameters) == 7:
                self.beeps += 1
                yield self._line(b"\x00")
            case _:
                yield self._line(b"\x01")

    def _checked(self, request: bytes) -> bytes | None:
        try:
            command = bytes.fromhex(request.decode("ascii"))
        except ValueError:
            return None
        if not self._crc:
            return command
        return command[:-2] if command[-2:] == twn4_checksum(command[:-2]) else None

    def _found(self, most: int) -> bytes:
        if not self.cards:
            return b"\x00"
        card = self.cards[0][:most]
        return bytes([1, self._tag_type, len(card) * 8, len(card)]) + card

    def _line(self, reply: bytes) -> bytes:
        checked = reply + twn4_checksum(reply) if self._crc else reply
        return checked.hex().upper().encode() + b"\r"


class StrongLink(SimulatedReader):
    """A StrongLink SL032: two cards are a collision."""

    def requests_in(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take whole frames."""
        found: list[bytes] = []
        while (start := data.find(b"\xba")) >= 0:
            data = data[start:]
            if len(data) < 2 or len(data) < data[1] + 2:
                return found, data
            found.append(data[: data[1] + 2])
            data = data[data[1] + 2 :]
        return found, b""

    def answer(self, request: bytes) -> Iterable[bytes]:
        """Answer select and firmware; a frame with a wrong sum is told."""
        command = request[2]
        total = 0
        for byte in request:
            total ^= byte
        if total:
            yield self._reply(command, 0xF0)
        elif command == 0xF0:
            yield self._reply(command, 0x00, b"SL032-3.1")
        elif command == 0x01 and len(self.cards) > 1:
            yield self._reply(command, 0x0A)
        elif command == 0x01 and self.cards:
            card = self.cards[0]
            yield self._reply(command, 0x00, card + bytes([0x04 if len(card) == 7 else 0x01]))
        else:
            yield self._reply(command, 0x01)

    @staticmethod
    def _reply(command: int, status: int, data: bytes = b"") -> bytes:
        frame = bytes([0xBD, len(data) + 3, command, status]) + data
        total = 0
        for byte in frame:
            total ^= byte
        return frame + bytes([total])


def rdm6300_frame(card: bytes) -> bytes:
    """Return an RDM6300's frame for a card of five bytes."""
    total = 0
    for byte in card:
        total ^= byte
    return b"\x02" + (card + bytes([total])).hex().upper().encode() + b"\x03"


def twn4_checksum(data: bytes) -> bytes:
    """Return CRC-16 (reflected, 0x8408, from 0xFFFF), low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return bytes([crc & 0xFF, crc >> 8])


__all__ = [
    "LineReader",
    "Misbehaviour",
    "Pn532",
    "Rdm6300",
    "SimulatedReader",
    "StrongLink",
    "Twn4",
    "rdm6300_frame",
    "twn4_checksum",
]
