"""A safety board in memory that obeys electrical rules at once, and can be lost."""

import os
from collections.abc import Mapping
from contextlib import suppress

from hal.api import EvseLines, Fault, Feed, HardwareLost, PilotSample
from hal.guard.duty import STEADY_NEGATIVE, is_pwm
from tests.unit.hal.guard.rig import LEVELS


class Lines:
    """Every device of one EVSE in one object."""

    def __init__(self) -> None:
        self.vehicle = "A"
        self.duty: float | None = None
        self.coil = False
        self.contact = False
        self.welded = False
        self.on = False
        self.locked = False
        self.trip = False
        self.tests = 0
        self.phases: Feed | None = None
        self.cut = False
        self.lid_open = False

    def set_duty(self, fraction: float) -> None:
        self.duty = fraction

    def sample(self) -> PilotSample:
        if self.duty is None:
            return PilotSample(0.0, 0.0)
        if self.duty == STEADY_NEGATIVE:
            return PilotSample(-12.0, -12.0)
        high = LEVELS[self.vehicle]
        return PilotSample(high, -12.0 if is_pwm(self.duty) else high)

    def is_closed(self) -> bool:
        return self.contact

    def is_on(self) -> bool:
        return self.on

    def cable_rating_a(self) -> int | None:
        return 32

    def tripped(self) -> bool:
        return self.trip

    def start_self_test(self) -> None:
        self.tests += 1

    def self_test_passed(self) -> bool | None:
        return True if self.tests else None

    def is_engaged(self) -> bool:
        return self.locked


class Coil:
    """The contactor's command (its name collides with the lock's)."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def command(self, *, closed: bool) -> None:
        self._lines.coil = closed

    def is_closed(self) -> bool:
        return self._lines.contact

    def closed_contactors(self) -> tuple[str, ...]:
        return ("coil",) if self._lines.contact else ()

    def select_phases(self, feed: Feed) -> None:
        self._lines.phases = feed


class Bolt:
    """The lock's command."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def command(self, *, engaged: bool) -> None:
        self._lines.locked = engaged

    def is_engaged(self) -> bool:
        return self._lines.locked


class Cut:
    """The second shut-off."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def command(self, *, tripped: bool) -> None:
        self._lines.cut = tripped


class Lid:
    """The contact of the housing's lid."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def is_on(self) -> bool:
        return self._lines.lid_open


class MemoryBoard:
    """A `SafetyBoard`; `edge` makes its descriptor readable, `lost` makes it raise."""

    def __init__(self, evses: tuple[int, ...] = (1,), *, full: bool = False) -> None:
        self.lines = {evse: Lines() for evse in evses}
        self.full = full
        self.lost = False
        self.closed = False
        self.opened = 0
        self.refreshes = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)

    @property
    def evses(self) -> Mapping[int, EvseLines]:
        return {evse: self._ports(lines) for evse, lines in self.lines.items()}

    def open(self) -> "MemoryBoard":
        self._check()
        self.opened += 1
        self.closed = False
        return self

    def fileno(self) -> int:
        return self._reader

    def edge(self) -> None:
        os.write(self._writer, b"!")

    def refresh(self) -> None:
        self._check()
        self.refreshes += 1
        with suppress(BlockingIOError):
            os.read(self._reader, 64)

    def flush(self) -> None:
        self._check()
        for lines in self.lines.values():
            lines.contact = lines.coil or lines.welded

    def close(self) -> None:
        self.closed = True

    def dispose(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def _check(self) -> None:
        if self.lost:
            raise HardwareLost("the board is unplugged")

    def _ports(self, lines: Lines) -> EvseLines:
        if not self.full:
            return EvseLines(pilot=lines, contactor=Coil(lines))
        return EvseLines(
            lines,
            Coil(lines),
            lines,
            lines,
            Bolt(lines),
            {Fault.EMERGENCY_STOP: lines},
            Cut(lines),
            Lid(lines),
        )
