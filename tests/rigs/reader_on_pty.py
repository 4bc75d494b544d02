"""A token reader's end of a serial line: a pty, a thread that serves it, and what goes wrong."""

import os
import pty
import select
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

GARBAGE = bytes.fromhex("8f02c6f3917de08e9a")
BITS_PER_BYTE = 10
SLICE_S = 0.001


class Misbehaviour(StrEnum):
    """What can be wrong with a reader or with its wires."""

    NONE = "none"
    SILENT = "silent"  # it hears and says nothing
    GARBAGE = "garbage"  # what it says arrives broken: another baud rate, a bad wire
    NOISE = "noise"  # a stray byte before each frame
    SLOW = "slow"  # it answers `slow_s` late
    WRONG_DEVICE = "wrong_device"  # a satellite receiver is on this port
    ECHO = "echo"  # receive and transmit are connected with each other


class SimulatedReader(ABC):
    """A reader on a pty; `path` links to its port, `heard` is every request in order.

    Cards are named by their bytes or by hex digits. `slow_s` is how late a slow reader answers.
    """

    repeat_s: float | None = None
    """How often it speaks by itself, None if it only answers."""

    def __init__(self, path: Path, *, baudrate: int | None = None, slow_s: float = 0.2) -> None:
        self.path = path
        self.slow_s = slow_s
        self.heard: list[bytes] = []
        self._baudrate = baudrate
        self._cards: tuple[bytes, ...] = ()
        self._trouble = Misbehaviour.NONE
        self._lock = threading.RLock()
        self._unread = b""
        self._master: int | None = None
        self._slave: int | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)

    # --- What people and accidents do.

    def __enter__(self) -> Self:
        self.plug_in()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def hold_card(self, *cards: str | bytes) -> None:
        """Hold a card before the reader, or several at once, instead of what is held there."""
        with self._lock:
            self._cards = tuple(
                bytes.fromhex(card) if isinstance(card, str) else card for card in cards
            )
        self._wake()

    def remove_card(self) -> None:
        """Take everything away."""
        self.hold_card()

    def misbehave(self, trouble: Misbehaviour) -> None:
        """Go wrong in this way from now on; `NONE` mends it."""
        with self._lock:
            self._trouble = trouble
        self._wake()

    def say(self, data: bytes) -> None:
        """Send raw bytes, whatever they are."""
        with self._lock:
            self._send(data)

    def plug_in(self) -> None:
        """Appear under `path`, as another pty each time."""
        with self._lock:
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self._power_on()
            self.path.unlink(missing_ok=True)
            self.path.symlink_to(os.ttyname(self._slave))
        self._wake()

    def unplug(self) -> None:
        """Vanish: the link is removed and who holds the port reads its end."""
        with self._lock:
            self.path.unlink(missing_ok=True)
            for descriptor in (self._master, self._slave):
                if descriptor is not None:
                    os.close(descriptor)
            self._master = self._slave = None
        self._wake()

    def close(self) -> None:
        """Vanish for good."""
        if self._closing:
            return
        self._closing = True
        self.unplug()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # --- What each kind of reader does.

    @abstractmethod
    def requests_in(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Split what was received into whole requests and the rest."""

    @abstractmethod
    def answer(self, request: bytes) -> Iterable[bytes]:
        """Return the frames that answer a request."""

    def announcement(self) -> bytes:
        """Return what it says by itself every `repeat_s`."""
        return b""

    def _power_on(self) -> None:
        """Remember nothing."""
        self._unread = b""

    @property
    def cards(self) -> tuple[bytes, ...]:
        """What is held before it."""
        return self._cards

    # --- The thread.

    def _run(self) -> None:
        while not self._closing:
            master = self._master
            watched = [self._wake_read] if master is None else [self._wake_read, master]
            try:
                ready, _, _ = select.select(watched, [], [], self.repeat_s)
            except (OSError, ValueError):
                continue  # unplugged at this moment
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            with self._lock:
                self._turn(hears=master in ready)

    def _turn(self, *, hears: bool) -> None:
        if self._master is None:
            return
        if hears:
            self._hear()
        elif self.repeat_s is not None and (said := self.announcement()):
            self._say(said)

    def _hear(self) -> None:
        assert self._master is not None
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return
        if self._trouble is Misbehaviour.ECHO:
            self._send(data)
            return
        requests, self._unread = self.requests_in(self._unread + data)
        for request in requests:
            self.heard.append(request)
            for frame in self.answer(request):
                self._say(frame)

    def _say(self, frame: bytes) -> None:
        match self._trouble:
            case Misbehaviour.SILENT | Misbehaviour.ECHO:
                return
            case Misbehaviour.GARBAGE:
                self._send(GARBAGE)
            case Misbehaviour.NOISE:
                self._send(b"\x8f" + frame)
            case Misbehaviour.SLOW:
                self._pause(self.slow_s)
                self._send(frame)
            case Misbehaviour.WRONG_DEVICE:
                self._send(b"$GPGGA,101520,5107.04,N,00843.12,E*5C\r\n")
            case Misbehaviour.NONE:
                self._send(frame)

    def _pause(self, seconds: float) -> None:
        """Wait; other threads may touch the reader meanwhile."""
        self._lock.release()
        try:
            time.sleep(seconds)
        finally:
            self._lock.acquire()

    def _send(self, data: bytes) -> None:
        """Send at the pace of the line; nobody reads, nobody waits."""
        bytes_each = len(data)
        if self._baudrate is not None:
            bytes_each = max(1, int(SLICE_S * self._baudrate / BITS_PER_BYTE))
        for start in range(0, len(data), max(1, bytes_each)):
            piece = data[start : start + bytes_each]
            if self._baudrate is not None:
                self._pause(len(piece) * BITS_PER_BYTE / self._baudrate)
            if self._master is None:
                return
            try:
                os.write(self._master, piece)
            except OSError:
                return

    def _wake(self) -> None:
        os.write(self._wake_write, b"\0")
