"""All real safety lines of a station behind the guard's board port.

Opening requests the GPIO lines first, so that every output is at its idle level before anything
else can fail. A refresh reads lines, then converters, then lets the devices that take time go on;
a flush drives the lines, then the pilots. When something fails the lines are lost for good: close
the board and open another.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hal.api import EvseLines, HardwareError, HardwareLost
from hal.gpio import native_safe
from hal.gpio.adc import AnalogueInput
from hal.gpio.chips import CharacterDevices, GpioKernel
from hal.gpio.lines import LineBank
from hal.gpio.pilot import GpioPilot
from hal.gpio.pwm import PwmChannel
from hal.gpio.shut_off import ShuntTrip
from hal.gpio.spi_adc import SpiBus
from hal.gpio.wake import Wake
from hal.sysfs.files import KernelSysfs, Sysfs

LONGEST_PULSE_S = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the lines are reached through, and the time; tests put a kernel of their own here."""

    gpio: GpioKernel = field(default_factory=CharacterDevices)
    sysfs: Sysfs = field(default_factory=KernelSysfs)
    spi: SpiBus = field(default_factory=SpiBus)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Measured(Protocol):
    """A device that takes a conversion with each refresh."""

    def refresh(self) -> None: ...


class Timed(Protocol):
    """A device that goes on by itself: a pulse ends, an answer is late, an edge is due."""

    @property
    def due_s(self) -> float | None: ...

    def advance(self, now_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that one board is made of, claimed but not yet opened."""

    bank: LineBank
    evses: Mapping[int, EvseLines]
    pilots: Sequence[GpioPilot]
    channels: Sequence[PwmChannel]
    inputs: Sequence[AnalogueInput]
    measured: Sequence[Measured]
    timed: Sequence[Timed]
    trips: Sequence[ShuntTrip]


class GpioSafetyBoard:
    """The lines of a station; owns them until it is closed."""

    def __init__(self, machine: Machine, parts: Parts) -> None:
        self._machine = machine
        self._parts = parts
        self._wake: Wake | None = None
        try:
            self._open()
        except HardwareError:
            self.close()
            raise

    @property
    def evses(self) -> Mapping[int, EvseLines]:
        """The lines of each EVSE."""
        return self._parts.evses

    def fileno(self) -> int:
        """Return a descriptor that is readable when an input has changed or a pulse is to end."""
        return self._opened_wake().fileno()

    def refresh(self) -> None:
        """Sample every input; raises `HardwareLost`."""
        self._opened_wake().clear()
        self._parts.bank.refresh()
        for device in self._parts.measured:
            device.refresh()
        for pilot in self._parts.pilots:
            pilot.refresh(self._machine.clock())

    def flush(self) -> None:
        """Drive every output that has changed; raises `HardwareLost`."""
        wake = self._opened_wake()
        now_s = self._machine.clock()
        for device in self._parts.timed:
            device.advance(now_s)
        self._parts.bank.flush()
        for pilot in self._parts.pilots:
            pilot.flush()
        due_s = [device.due_s for device in self._parts.timed]
        wake.arm(min((one_s for one_s in due_s if one_s is not None), default=None))

    def close(self) -> None:
        """Open every contactor, show state F, and let go of the lines.

        A pulse that trips the mains is not cut short: this takes as long as it still lasts.
        """
        self._make_lines_safe()
        for pilot in self._parts.pilots:
            try:
                pilot.make_safe()
            except HardwareError as error:
                _log.error("%s", error)
        for source in self._parts.inputs:
            source.close()
        self._machine.spi.close()
        self._parts.bank.release()
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    def _make_lines_safe(self) -> None:
        bank, now_s = self._parts.bank, self._machine.clock()
        under_way = {trip.output: trip.due_s for trip in self._parts.trips}
        pulses = {output: due_s for output, due_s in under_way.items() if due_s is not None}
        if pulses and self._wake is not None:
            bank.make_safe(spared=pulses.keys())
            self._machine.sleep(min(LONGEST_PULSE_S, max(0.0, max(pulses.values()) - now_s)))
        bank.make_safe()

    def _open(self) -> None:
        self._parts.bank.open()
        self._open_generators()
        for source in self._parts.inputs:
            source.open()
        self._wake = Wake(self._parts.bank.filenos)
        native_safe.leave_behind(
            self._parts.bank.idle_levels, [channel.duty_file for channel in self._parts.channels]
        )

    def _open_generators(self) -> None:
        """Open every pilot's generator; two pilots on one would tell each other's offers."""
        driven: set[Path | None] = set()
        for channel in self._parts.channels:
            channel.open()
            if channel.duty_file in driven:
                raise HardwareError(f"{channel.place}: drives two pilots; give each its own")
            driven.add(channel.duty_file)

    def _opened_wake(self) -> Wake:
        if self._wake is None:
            raise HardwareLost("the lines of this board were given back; open it again")
        return self._wake
