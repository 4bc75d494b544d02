"""The retention lock: a motor on an H-bridge, driven by a pulse in either direction.

The pulse moves the bolt, the brake then stops the motor, and nothing is driven while the lock
rests. A bolt that has not arrived after its pulse gets another one, since a plug that is not quite
in blocks it. A lock that moves on the charge of capacitors waits until they are ready.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from hal.gpio.adc import AnalogueInput
from hal.gpio.lines import Input, Output


class LockPhase(StrEnum):
    """What the drive does."""

    REST = "rest"
    WAIT = "wait"  # for the capacitors
    DRIVE = "drive"
    BRAKE = "brake"
    SETTLE = "settle"  # the feedback may still follow


@dataclass(frozen=True, slots=True)
class LockTiming:
    """Lengths of pulse, brake and pause in seconds, and how often a pulse is tried."""

    pulse_s: float = 0.6
    brake_s: float = 0.1
    pause_s: float = 0.4
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class LockDrive:
    """The drive's state; `target` None is a lock that nobody has commanded yet."""

    timing: LockTiming
    target: bool | None = None
    phase: LockPhase = LockPhase.REST
    since_s: float = 0.0
    attempt: int = 0

    @property
    def forward(self) -> bool:
        """Whether the half bridge that engages is on."""
        return self._driving(engaging=True) or self.phase is LockPhase.BRAKE

    @property
    def backward(self) -> bool:
        """Whether the half bridge that releases is on; both together are the brake."""
        return self._driving(engaging=False) or self.phase is LockPhase.BRAKE

    @property
    def due_s(self) -> float | None:
        """When the phase ends by itself, None if it does not."""
        lasts_s = {
            LockPhase.DRIVE: self.timing.pulse_s,
            LockPhase.BRAKE: self.timing.brake_s,
            LockPhase.SETTLE: self.timing.pause_s,
        }.get(self.phase)
        return None if lasts_s is None else self.since_s + lasts_s

    def command(self, *, engaged: bool, is_engaged: bool, now_s: float) -> "LockDrive":
        """Take a command; one that repeats the last, or what the first one finds, moves nothing."""
        if engaged is self.target:
            return self
        if self.target is None and engaged is is_engaged:
            return replace(self, target=engaged)
        if self.phase is LockPhase.DRIVE:  # the other way round: stop the motor first
            return replace(self, target=engaged, phase=LockPhase.BRAKE, since_s=now_s, attempt=0)
        return replace(self, target=engaged, phase=LockPhase.WAIT, since_s=now_s, attempt=1)

    def advance(self, *, is_engaged: bool, ready: bool, now_s: float) -> "LockDrive":
        """Go on to the next phase if it is time."""
        if self.phase is LockPhase.WAIT and ready:
            return self._enter(LockPhase.DRIVE, now_s)
        due_s = self.due_s
        if due_s is None or now_s < due_s:
            return self
        match self.phase:
            case LockPhase.DRIVE:
                return self._enter(LockPhase.BRAKE, now_s)
            case LockPhase.BRAKE:
                return self._enter(LockPhase.SETTLE, now_s)
            case LockPhase.SETTLE if self._shall_drive(is_engaged=is_engaged):
                return self._enter(LockPhase.WAIT, now_s, self.attempt + 1)
            case _:
                return self._enter(LockPhase.REST, now_s)

    def _shall_drive(self, *, is_engaged: bool) -> bool:
        if self.attempt == 0:
            return True
        return is_engaged is not self.target and self.attempt < self.timing.attempts

    def _driving(self, *, engaging: bool) -> bool:
        return self.phase is LockPhase.DRIVE and self.target is engaging

    def _enter(self, phase: LockPhase, now_s: float, attempt: int | None = None) -> "LockDrive":
        counted = self.attempt if attempt is None else attempt
        return replace(self, phase=phase, since_s=now_s, attempt=counted)


class LockFeedback(Protocol):
    """What tells whether the bolt is engaged."""

    def refresh(self) -> None:
        """Measure, where that takes a conversion; raises `HardwareLost`."""

    def is_engaged(self) -> bool: ...


class FeedbackLine:
    """A switch at the bolt; its line is on while the bolt is engaged."""

    def __init__(self, line: Input) -> None:
        self._line = line

    def refresh(self) -> None:
        """Do nothing: the board reads its lines itself."""

    def is_engaged(self) -> bool:
        """Tell whether the bolt was engaged at the last refresh."""
        return self._line.is_on


class FeedbackVoltage:
    """A switch at the bolt that changes a voltage; engaged is a range of it, and nothing else."""

    def __init__(self, source: AnalogueInput, engaged_v: tuple[float, float]) -> None:
        self._source = source
        self._engaged_v = engaged_v
        self._engaged = False

    def refresh(self) -> None:
        """Measure; raises `HardwareLost`."""
        low_v, high_v = self._engaged_v
        self._engaged = low_v <= self._source.read_v() <= high_v

    def is_engaged(self) -> bool:
        """Tell whether the bolt was engaged at the last refresh."""
        return self._engaged


class GpioLock:
    """The lock of one EVSE."""

    def __init__(
        self,
        bridge: tuple[Output, Output],
        feedback: LockFeedback,
        ready: Input | None,
        timing: LockTiming,
        clock: Callable[[], float],
    ) -> None:
        self._forward, self._backward = bridge
        self._feedback = feedback
        self._ready = ready
        self._clock = clock
        self._drive = LockDrive(timing)

    @property
    def due_s(self) -> float | None:
        """When the drive goes on by itself."""
        return self._drive.due_s

    def command(self, *, engaged: bool) -> None:
        """Drive the lock from the next flush on."""
        is_engaged = self._feedback.is_engaged()
        self._drive = self._drive.command(
            engaged=engaged, is_engaged=is_engaged, now_s=self._clock()
        )

    def is_engaged(self) -> bool:
        """Return the feedback of the last refresh."""
        return self._feedback.is_engaged()

    def refresh(self) -> None:
        """Read the feedback; raises `HardwareLost`."""
        self._feedback.refresh()

    def advance(self, now_s: float) -> None:
        """Let the drive go on, and set its outputs for the next flush."""
        self._drive = self._drive.advance(
            is_engaged=self._feedback.is_engaged(),
            ready=self._ready is None or self._ready.is_on,
            now_s=now_s,
        )
        self._forward.set(on=self._drive.forward)
        self._backward.set(on=self._drive.backward)
