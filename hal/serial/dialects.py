"""How PN532, TWN4 and StrongLink are prepared, polled and told that a card was taken."""

from collections.abc import Sequence

from hal.serial import pn532, stronglink, twn4
from hal.serial.conversation import Meaning, Reading, Step, Timing
from hal.serial.events import Event, Ready

_PATIENT_RETRIES = (0xFF, 0x01, 0x10)
"""MaxRetries of PN532: the last one lets a search end though there is no card."""
_BEEP_HZ, _BEEP_MS = 2400, 100


class Pn532Dialect:
    """Woken up, asked for its firmware, configured; then asked for cards of ISO 14443 A."""

    confirmation = None

    def __init__(self, timing: Timing) -> None:
        self._framing = pn532.Pn532Framing()
        self._timing = timing
        self.first = (
            self._step(pn532.FIRMWARE),
            self._step(pn532.SAM, 0x01, 0x14, 0x01),
            self._step(pn532.RF, 0x05, *_PATIENT_RETRIES),
        )
        listed = pn532.frame(pn532.LIST, pn532.MOST_TARGETS, 0x00)
        self.poll = Step(listed, timing.ack_s, timing.search_s)
        self.after_card = (self._step(pn532.RELEASE, 0x00),)

    def repeated(self, step: Step) -> bytes:
        """Break the command off that may still run, and wake a reader that lost its power."""
        return pn532.WAKE_UP + pn532.ACK + step.request.removeprefix(pn532.WAKE_UP)

    def feed(self, data: bytes) -> Sequence[object]:
        """Return frames and junk."""
        return self._framing.feed(data)

    def flush(self) -> bytes:
        """Give up what is half received."""
        return self._framing.flush()

    def read(self, step: Step, frame: object) -> Reading:
        """Say what a frame is to a step."""
        if frame is pn532.Signal.ACK:
            return Reading(Meaning.ACKNOWLEDGED)
        if not isinstance(frame, pn532.Frame) or frame.is_error:
            return Reading(Meaning.REFUSED, said=b"syntax error")
        if step.request.endswith(frame.raw):
            return Reading(Meaning.ECHO)
        command = step.request.removeprefix(pn532.WAKE_UP)[6]
        data = frame.reply_to(command)
        events = None if data is None else _pn532_events(command, data)
        if events is not None:
            return Reading(Meaning.ANSWER, events)
        is_another = command == pn532.FIRMWARE and data is not None
        return Reading(Meaning.FOREIGN, said=_chip(data) if is_another else frame.raw)

    def _step(self, command: int, *parameters: int) -> Step:
        request = pn532.frame(command, *parameters)
        wake_up = pn532.WAKE_UP if command == pn532.FIRMWARE else b""
        return Step(wake_up + request, self._timing.ack_s, self._timing.answer_s)


def _pn532_events(command: int, data: bytes) -> tuple[Event, ...] | None:
    if command == pn532.FIRMWARE:
        device = pn532.device(data)
        return None if device is None else (Ready(device),)
    return pn532.targets(data) if command == pn532.LIST else ()


def _chip(firmware: bytes | None) -> bytes:
    return f"IC {(firmware or b'')[:1].hex().upper()}".encode()


class Twn4Dialect:
    """Asked for its version, then for cards."""

    after_card = ()

    def __init__(self, timing: Timing, *, crc: bool, beep: bool) -> None:
        self._crc = crc
        self._framing = twn4.Twn4Framing(crc=crc)
        self._version = self._step(twn4.VERSION + b"\xff", timing.answer_s, optional=True)
        self.poll = self._step(twn4.SEARCH + bytes([twn4.LONGEST_UID]), timing.search_s)
        self.first = (self._version, self.poll)
        sound = twn4.beep(_BEEP_HZ, _BEEP_MS)
        self.confirmation = self._step(sound, timing.answer_s, optional=True) if beep else None

    def repeated(self, step: Step) -> bytes:
        """End whatever line the reader may have half received."""
        return b"\r" + step.request

    def feed(self, data: bytes) -> Sequence[object]:
        """Return replies and junk."""
        return self._framing.feed(data)

    def flush(self) -> bytes:
        """Give up what is half received."""
        return self._framing.flush()

    def read(self, step: Step, frame: object) -> Reading:
        """Say what a reply is to a step."""
        if not isinstance(frame, twn4.Reply):
            return Reading(Meaning.FOREIGN)
        if twn4.request(bytes([frame.code]) + frame.data, crc=self._crc) == step.request:
            return Reading(Meaning.ECHO)
        if frame.code != twn4.OK:
            return Reading(Meaning.REFUSED, said=twn4.error_words(frame.code).encode())
        events = self._events(step, frame.data)
        if events is None:
            return Reading(Meaning.FOREIGN, said=frame.data)
        return Reading(Meaning.ANSWER, events)

    def _events(self, step: Step, data: bytes) -> tuple[Event, ...] | None:
        if step is self.poll:
            return twn4.tag(data)
        if step is self._version:
            version = twn4.version(data)
            return None if version is None else (Ready(version),)
        return () if not data else None

    def _step(self, message: bytes, answer_s: float, *, optional: bool = False) -> Step:
        return Step(twn4.request(message, crc=self._crc), answer_s, answer_s, optional)


class StrongLinkDialect:
    """Asked for its firmware, which not every model tells, then for cards."""

    after_card = ()
    confirmation = None

    def __init__(self, timing: Timing) -> None:
        self._framing = stronglink.StrongLinkFraming()
        firmware = stronglink.request(stronglink.FIRMWARE)
        select = stronglink.request(stronglink.SELECT)
        self.poll = Step(select, timing.search_s, timing.search_s)
        told = Step(firmware, timing.answer_s, timing.answer_s, optional=True)
        self.first = (told, self.poll)

    def repeated(self, step: Step) -> bytes:
        """Ask in the same words."""
        return step.request

    def feed(self, data: bytes) -> Sequence[object]:
        """Return replies and junk."""
        return self._framing.feed(data)

    def flush(self) -> bytes:
        """Give up what is half received."""
        return self._framing.flush()

    def read(self, step: Step, frame: object) -> Reading:
        """Say what a reply is to a step."""
        if not isinstance(frame, stronglink.Reply):
            return Reading(Meaning.FOREIGN)
        if frame.command != step.request[2]:
            return Reading(Meaning.FOREIGN, said=frame.data)
        if frame.command == stronglink.FIRMWARE:
            return Reading(Meaning.ANSWER, (Ready(stronglink.firmware(frame)),))
        events = stronglink.card(frame)
        if events is None:
            return Reading(Meaning.REFUSED, said=f"status {frame.status:02X}".encode())
        return Reading(Meaning.ANSWER, events)
