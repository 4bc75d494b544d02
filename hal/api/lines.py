"""Safety lines: synchronous, non-blocking, owned by the guard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hal.api.vocabulary import Fault


@dataclass(frozen=True, slots=True)
class PilotSample:
    """Plateau voltages of the control pilot; both are equal while the level is steady."""

    high_v: float
    low_v: float


PER_PHASE = "per_phase"
"""The `strategy` of contactors that can connect a single phase of choice, in a board's table."""


class Feed(NamedTuple):
    """The phases that an outlet is fed with: all three, or one, which `phase` says (1 is L1).

    `phase` is 1 where there are three, so that equal feeds are equal.
    """

    phases: int = 3
    phase: int = 1


class Pilot(Protocol):
    """The control pilot generator and its sampler."""

    def set_duty(self, fraction: float) -> None:
        """Drive a 1 kHz duty of 0..1; 1.0 is steady +12 V, 0.0 steady -12 V (state F)."""

    def sample(self) -> PilotSample:
        """Return the latest plateau voltages."""


class Contactor(Protocol):
    """The mains contactor with its mirror contact."""

    def command(self, *, closed: bool) -> None:
        """Drive the coil, or the coils of the selected phases."""

    def is_closed(self) -> bool:
        """Read the mirror contact back; with several contactors, tell whether any is closed."""

    def closed_contactors(self) -> tuple[str, ...]:
        """Return the names of the coils whose mirror contacts say closed, for people."""

    def select_phases(self, feed: Feed) -> None:
        """Choose the phases of the next closing; asked for only while proven open."""


class ShutOff(Protocol):
    """The second shut-off path (shunt trip, series relay), for a contactor that welds."""

    def command(self, *, tripped: bool) -> None:
        """Cut the mains, or release the path after it was set by hand."""


class ProximityPilot(Protocol):
    """Cable coding of a socket outlet."""

    def cable_rating_a(self) -> int | None:
        """Return 13, 20, 32 or 63, or None without a (valid) cable."""


class ResidualCurrentMonitor(Protocol):
    """Residual direct current detection (IEC 62955) or a full RCM."""

    def tripped(self) -> bool:
        """Tell whether the monitor reports a residual current now."""

    def start_self_test(self) -> None:
        """Ask for the self test that must precede each session."""

    def self_test_passed(self) -> bool | None:
        """Return the last verdict, None while the test runs or none was asked for."""


class Lock(Protocol):
    """The retention lock of a socket outlet."""

    def command(self, *, engaged: bool) -> None:
        """Drive the lock."""

    def is_engaged(self) -> bool:
        """Read the lock's feedback."""


class BinaryInput(Protocol):
    """A line that is on or off: emergency stop, earth monitor, over-temperature switch ..."""

    def is_on(self) -> bool:
        """Return the level, already freed from inversion by the board file."""


@dataclass(frozen=True, slots=True)
class EvseLines:
    """The safety lines of one EVSE.

    `fault_inputs` open the contactor while on; `tamper` is only reported.
    """

    pilot: Pilot
    contactor: Contactor
    proximity: ProximityPilot | None = None
    residual_current: ResidualCurrentMonitor | None = None
    lock: Lock | None = None
    fault_inputs: Mapping[Fault, BinaryInput] = field(default_factory=dict)
    shut_off: ShutOff | None = None
    tamper: BinaryInput | None = None


class SafetyBoard(Protocol):
    """All safety lines of a station.

    `refresh` samples every input at one instant, `flush` drives every output; both raise
    `HardwareLost` when the lines are out of reach. `fileno` becomes readable when an input has
    changed, so that the guard need not wait for its tick.
    """

    @property
    def evses(self) -> Mapping[int, EvseLines]: ...

    def fileno(self) -> int: ...

    def refresh(self) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...
