"""Ports of the hardware: what the guard and the services may ask of a board.

Two families. *Safety lines* (pilot, contactor, proximity, residual current, lock, emergency stop)
are synchronous and non-blocking: the guard process owns them. *Instruments* (energy meter, token
reader) are asynchronous: the station's services own them. `GuardLink` is how the services reach
the guard. Units are part of every name.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class HardwareError(Exception):
    """A device does not do what it is asked; the message names the device and the remedy."""


class HardwareLost(HardwareError):
    """A device no longer answers; asking again later may work."""


class PilotState(StrEnum):
    """Vehicle states of IEC 61851-1 as seen at the EVSE (A.4)."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class Fault(StrEnum):
    """Why an EVSE may not or cannot deliver energy."""

    RCD = "rcd"
    DIODE = "diode"
    PILOT_SHORT = "cp_short"
    PROTECTIVE_EARTH = "pe"
    OVER_TEMPERATURE = "over_temperature"
    OVER_CURRENT = "over_current"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR_STUCK_OPEN = "contactor_stuck_open"
    LOCK = "lock"
    EMERGENCY_STOP = "estop"
    METER_LOST = "meter_lost"
    READER_LOST = "reader_lost"
    UNDER_VOLTAGE = "under_voltage"
    VENTILATION = "ventilation"
    OTHER = "other"
    LINES_LOST = "lines_lost"
    GUARD_LOST = "guard_lost"


# --- Safety lines: synchronous, non-blocking, owned by the guard.


@dataclass(frozen=True, slots=True)
class PilotSample:
    """Plateau voltages of the control pilot; both are equal while the level is steady."""

    high_v: float
    low_v: float


class Pilot(Protocol):
    """The control pilot generator and its sampler."""

    def set_duty(self, fraction: float) -> None:
        """Drive a 1 kHz duty of 0..1; 1.0 is steady +12 V, 0.0 steady -12 V (state F)."""

    def sample(self) -> PilotSample:
        """Return the latest plateau voltages."""


class Contactor(Protocol):
    """The mains contactor with its mirror contact."""

    def command(self, *, closed: bool) -> None:
        """Drive the coil."""

    def is_closed(self) -> bool:
        """Read the mirror contact back."""


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
    """The safety lines of one EVSE; `fault_inputs` open the contactor while on."""

    pilot: Pilot
    contactor: Contactor
    proximity: ProximityPilot | None = None
    residual_current: ResidualCurrentMonitor | None = None
    lock: Lock | None = None
    fault_inputs: Mapping[Fault, BinaryInput] = field(default_factory=dict)


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


# --- The guard as the services see it.


class PilotMode(StrEnum):
    """What the services want the pilot to say."""

    UNAVAILABLE = "F"
    STANDBY = "X1"
    OFFER = "X2"


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission for one EVSE, valid for `valid_s` (at most 1 s) after the guard received it."""

    evse: int
    mode: PilotMode
    limit_a: float = 0.0
    lock: bool = False
    valid_s: float = 1.0


class LeaseState(StrEnum):
    """What the guard thinks of the services' permission."""

    NONE = "None"
    LIVE = "Live"
    FALLBACK = "Fallback"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True)
class GuardStatus:
    """One EVSE as the guard measures and drives it.

    `connection` numbers the plug-ins: its low 16 bits count them, the bits above are a number of
    this guard process, so that a car that was swapped unseen is noticed.
    """

    evse: int
    pilot_state: PilotState
    duty: float
    offered_a: float
    contactor_commanded: bool
    contactor_closed: bool
    lease: LeaseState
    faults: frozenset[Fault] = frozenset()
    lock_engaged: bool | None = None
    cable_rating_a: int | None = None
    pilot_high_v: float = 12.0
    pilot_low_v: float = 12.0
    real_time: bool = True
    connection: int = 0


@dataclass(frozen=True, slots=True)
class GuardGone:
    """The link to the guard broke; nothing is known until the next status."""

    reason: str


class GuardLink(Protocol):
    """The services' connection to the guard; it reconnects by itself."""

    async def grant(self, lease: Lease) -> None:
        """Renew or withdraw a permission; without effect while the guard is away."""

    async def unlock(self, evse: int) -> None:
        """Ask for the retention lock to be released once, if the guard considers it safe."""

    def statuses(self) -> AsyncIterator[GuardStatus | GuardGone]:
        """Yield every change, and each EVSE's state at least every second."""


# --- Instruments: asynchronous, owned by the services.


@dataclass(frozen=True, slots=True)
class MeterIdentity:
    """What the meter says of itself; `serial_number` must not change during a transaction."""

    vendor: str
    model: str
    serial_number: str
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One instant of a meter; the register only grows, per-phase tuples are L1, L2, L3."""

    energy_import_wh: Decimal
    power_w: float
    voltage_v: tuple[float, ...] = ()
    current_a: tuple[float, ...] = ()
    frequency_hz: float | None = None


class EnergyMeter(Protocol):
    """An energy meter; raises `HardwareLost` when it does not answer."""

    async def identity(self) -> MeterIdentity: ...

    async def read(self) -> MeterReading: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Presentation:
    """A token newly held before a reader, or a contract that a vehicle presents (ISO 15118).

    `token` is upper-case hex for ISO 14443 and ISO 15693, `token_type` OCPP's word for its kind,
    `evses` the EVSEs that the reader serves. Of a contract the token is its eMAID, and
    `contract_chain` the certificates in PEM, leaf first.
    """

    token: str
    token_type: str
    evses: tuple[int, ...]
    contract_chain: str | None = field(default=None, repr=False)


class TokenReader(Protocol):
    """A token reader; one `Presentation` each time a token newly appears."""

    def presentations(self) -> AsyncIterator[Presentation]: ...

    async def close(self) -> None: ...
