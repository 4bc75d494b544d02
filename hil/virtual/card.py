"""The bench card: GPIO lines, PWM channels and a converter of the machine, from the outside.

The card is QEMU's `ivshmem-doorbell`: memory that both sides see, and an interrupt in each
direction. The guest's modules put the kernel's real interfaces on it. `serve` plays the server that
QEMU's device asks for its memory.
"""

import mmap
import os
import socket
import struct
from dataclasses import dataclass

from hil.virtual import registers as r

_PROTOCOL_VERSION = 0
_HOST, _GUEST, _MEMORY = 0, 1, -1
_MESSAGE = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class Wave:
    """What a PWM channel puts out; `duty` is 0 while it is disabled."""

    period_ns: int = 0
    duty_ns: int = 0
    enabled: bool = False

    @property
    def duty(self) -> float:
        """The part of the time in which the line is high."""
        return self.duty_ns / self.period_ns if self.enabled and self.period_ns else 0.0


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the guest drives at one instant; a bit for each line."""

    direction: int
    levels: int
    waves: tuple[Wave, ...]

    def is_high(self, line: int, *, pulled_up: bool = False) -> bool:
        """Return the level of a line that nobody outside drives."""
        if not self.direction >> line & 1:
            return pulled_up
        return bool(self.levels >> line & 1)


@dataclass(frozen=True, slots=True)
class Record:
    """One change in the trace, at a time of the guest's monotonic clock.

    `value` is a level bit for each line, the nanoseconds for which a PWM's line is high, or the
    converter's value of the pilot while that is high.
    """

    at_ns: int
    kind: int
    value: int

    def is_high(self, line: int) -> bool:
        """Return the level of a line after the change; only for levels."""
        return bool(self.value >> line & 1)


@dataclass(frozen=True, slots=True)
class CardFiles:
    """The descriptors that make up a card, for a process that shares it."""

    memory: int
    to_guest: int
    to_host: int


def new_files() -> CardFiles:
    """Make the memory and the doorbells of a card."""
    memory = os.memfd_create("bench-card")
    os.ftruncate(memory, r.MEMORY_BYTES)
    bells = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(2)]
    return CardFiles(memory, *bells)


class Card:
    """The host's view of a card. Several processes may have one; each word has one writer."""

    def __init__(self, files: CardFiles) -> None:
        self.files = files
        self._map = mmap.mmap(files.memory, r.MEMORY_BYTES)
        self._words = memoryview(self._map).cast("I")
        self._peer: socket.socket | None = None
        self._seen = 0
        if self._words[r.MAGIC] != r.MAGIC_VALUE:
            self._words[r.MAGIC] = r.MAGIC_VALUE
            self._words[r.PULL_UP] = r.DEFAULT_PULL_UP

    def close(self) -> None:
        """Give memory and doorbells back."""
        if self._peer is not None:
            self._peer.close()
        self._words.release()
        self._map.close()
        for file in (self.files.memory, self.files.to_guest, self.files.to_host):
            os.close(file)

    # --- For QEMU.

    def serve(self, peer: socket.socket) -> None:
        """Give memory and doorbells to a QEMU that has connected, and hold the line."""
        _send(peer, _PROTOCOL_VERSION)
        _send(peer, _GUEST)
        _send(peer, _MEMORY, self.files.memory)
        _send(peer, _HOST, self.files.to_host)
        _send(peer, _GUEST, self.files.to_guest)
        self._peer = peer

    # --- What the guest does.

    def fileno(self) -> int:
        """Return a descriptor that is readable when the guest has changed something."""
        return self.files.to_host

    def heard(self) -> bool:
        """Forget the guest's rings until now; tell whether there were any."""
        try:
            return bool(os.eventfd_read(self.files.to_host))
        except BlockingIOError:
            return False

    @property
    def looked_ns(self) -> int:
        """When the guest last began to look at what it was rung for, by its monotonic clock."""
        return self._time(r.LOOKED)

    @property
    def now_ns(self) -> int:
        """The guest's monotonic clock, up to a tenth of a second ago."""
        return self._time(r.NOW)

    @property
    def written(self) -> int:
        """How often the guest has changed its outputs; to be read before them."""
        return self._words[r.WRITTEN]

    @property
    def probes(self) -> int:
        """How often a kernel has found this card."""
        return self._words[r.PROBES]

    def outputs(self) -> Outputs:
        """Return what the guest drives, all of the same instant."""
        while True:
            sequence = self._words[r.SEQUENCE]
            found = Outputs(
                self._words[r.DIRECTION],
                self._words[r.OUTPUT],
                tuple(self._wave(channel) for channel in range(r.PWMS)),
            )
            if not sequence % 2 and self._words[r.SEQUENCE] == sequence:
                return found

    def new_records(self) -> list[Record]:
        """Return the changes since the last call, in their order; the oldest may be lost."""
        traced = self._words[r.TRACED]
        first = max(self._seen, traced - r.TRACES)
        self._seen = traced
        return [self._record(number) for number in range(first, traced)]

    # --- What the world outside does; the guest learns of it by `ring`.

    def drive(self, line: int, *, high: bool) -> None:
        """Put a level on a line."""
        bit = 1 << line
        levels = self._words[r.INPUT]
        self._words[r.INPUT] = levels | bit if high else levels & ~bit
        self._words[r.DRIVEN] |= bit

    def disconnect(self, line: int) -> None:
        """Let a line float, so that its pull resistor decides."""
        self._words[r.DRIVEN] &= ~(1 << line)

    def apply(self, channel: int, high: int, low: int | None = None) -> None:
        """Put raw values on a converter's channel, `low` for while the first PWM is low."""
        at = r.ADC + r.ADC_WORDS * channel
        self._words[at] = high
        self._words[at + 1] = high if low is None else low

    def hush(self, line: int) -> None:
        """Let nobody be told of a line's changes: it is nothing to the world outside."""
        self._words[r.QUIET] |= 1 << line

    def break_converter(self, channel: int, *, broken: bool) -> None:
        """Let reading a channel of the converter fail."""
        bit, words = 1 << channel, self._words[r.ADC_BROKEN]
        self._words[r.ADC_BROKEN] = words | bit if broken else words & ~bit

    def refuse_pwm(self, channel: int, *, refuse: bool) -> None:
        """Let every change of a PWM channel fail."""
        self._words[r.PWM + r.PWM_WORDS * channel + 3] = refuse

    @property
    def is_attended(self) -> bool:
        """Whether somebody outside answers what the guest drives."""
        return bool(self._words[r.ATTENDED])

    def attend(self, *, attended: bool) -> None:
        """Let the guest rely on answers, or not."""
        self._words[r.ATTENDED] = attended

    def answer(self, written: int, *, owing: bool) -> None:
        """Tell that so many changes were seen; `owing`: what follows from them is yet to come.

        The guest's clock does not run ahead meanwhile.
        """
        self._words[r.OWING] = owing
        self._words[r.ANSWERED] = written

    def ring(self) -> None:
        """Tell the guest that something has changed outside."""
        os.eventfd_write(self.files.to_guest, 1)

    def reset(self) -> None:
        """Do what a reset of the board does: every line an input, no wave, the default pulls."""
        for word in (r.DIRECTION, r.OUTPUT, r.SEQUENCE):
            self._words[word] = 0
        self._words[r.PULL_UP] = r.DEFAULT_PULL_UP
        for channel in range(r.PWMS):
            self._words[r.PWM + r.PWM_WORDS * channel + 2] = 0

    def _time(self, word: int) -> int:
        while True:
            sequence = self._words[r.SEQUENCE]
            low, high = self._words[word : word + 2]
            if not sequence % 2 and self._words[r.SEQUENCE] == sequence:
                return high << 32 | low

    def _wave(self, channel: int) -> Wave:
        at = r.PWM + r.PWM_WORDS * channel
        return Wave(self._words[at], self._words[at + 1], bool(self._words[at + 2]))

    def _record(self, number: int) -> Record:
        at = r.TRACE + r.TRACE_WORDS * (number % r.TRACES)
        low, high, kind, value = self._words[at : at + r.TRACE_WORDS]
        return Record(high << 32 | low, kind, value)


def _send(peer: socket.socket, number: int, file: int | None = None) -> None:
    socket.send_fds(peer, [_MESSAGE.pack(number)], [] if file is None else [file])
