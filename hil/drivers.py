"""What can be done with a bench: the roles that a driver may have.

A driver belongs to one resource and may have several roles. It lives as long as the session; each
test begins and finishes it. EVSEs are numbered from 1, as in the station's configuration.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hal.api import PilotState
from hil.resources import Resource

if TYPE_CHECKING:
    from hil.target import Target

Tables = Mapping[str, Mapping[str, object]]
"""Ports of an EVSE and the tables that the station's configuration gives them."""


class DriverFailed(Exception):
    """The bench itself does not do what it shall; the message says what to look at."""


class Driver:
    """Does something with one resource; `target` leads to the other drivers that it needs."""

    def __init__(self, resource: Resource, target: "Target") -> None:
        self.name = resource.name
        self.target = target

    async def begin(self, folder: Path) -> None:
        """Get ready for one test, which may leave files in `folder`. Raises `DriverFailed`."""

    async def finish(self) -> None:
        """Bring everything back as it was before the test, however the test ended."""

    def close(self) -> None:
        """Let go of the resource at the end of the session."""

    def tables(self, evse: int) -> Tables:
        """Return what an EVSE's part of the station's configuration must say of this resource."""
        del evse
        return {}


class Process(StrEnum):
    """The two processes of a station."""

    DAEMON = "daemon"
    GUARD = "guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPlan:
    """What a test wants of the station's configuration; the bench knows the rest."""

    csms_url: str
    versions: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    evses: int = 1
    cable: str = "socket"
    connector_types: Sequence[str] = ()
    grace_s: float = 60.0


class StationDriver(Driver, ABC):
    """The station under test: its processes, and what it says of itself."""

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether the daemon was started and not stopped since."""

    @abstractmethod
    async def configure(self, plan: StationPlan) -> None:
        """Write the configuration for the next start."""

    @abstractmethod
    async def start(self) -> None:
        """Start guard and daemon where they do not run; return when the daemon answers."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop the daemon as a service manager does; the guard goes on."""

    @abstractmethod
    async def kill(self, process: Process) -> None:
        """End a process without warning. A guard is started again as its service manager would."""

    @abstractmethod
    async def freeze(self, process: Process) -> None:
        """Stop a process from running (SIGSTOP), as if it hung."""

    @abstractmethod
    async def thaw(self, process: Process) -> None:
        """Let a frozen process go on."""

    @abstractmethod
    async def ask(self, op: str) -> Mapping[str, Any]:
        """Ask the local API; raises `ConnectionError` while nobody answers."""

    @abstractmethod
    async def command(self, *words: str) -> tuple[int, str]:
        """Run `stationd WORDS` on the station; return its exit code and what it printed."""

    @abstractmethod
    async def log(self) -> str:
        """Return what daemon and guard have logged so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletFacts:
    """What an observer with instruments sees at one outlet; None: this bench cannot see it.

    `duty` is None where nobody drives the pilot, and where `sees_pilot` is false.

    `coil` is the command at the contactor's line, `contactor_closed` where the contacts are.
    `delivered_wh` counts what the outlet has delivered since the test began, by an instrument that
    is not the station's meter or, where there is none, by that one.
    """

    contactor_closed: bool
    pilot_state: PilotState
    duty: float | None
    current_a: float
    delivered_wh: Decimal
    sees_pilot: bool = True
    coil: bool | None = None
    closings: int | None = None
    lock_engaged: bool | None = None
    cable_inserted: bool | None = None
    plugged: bool | None = None
    fault_to_open_ms: float | None = None
    leave_to_open_ms: float | None = None


class OutletDriver(Driver, ABC):
    """Instruments at the outlets, independent of the station."""

    @abstractmethod
    def facts(self, evse: int) -> OutletFacts:
        """Return what is seen now; quick enough to be called in a loop."""


class CarDriver(Driver, ABC):
    """A car, or what stands for one, at each outlet."""

    @abstractmethod
    async def plug_in(self, evse: int) -> None:
        """Plug the car in."""

    @abstractmethod
    async def unplug(self, evse: int) -> None:
        """Unplug the car, whatever the lock says."""

    @abstractmethod
    async def want(self, evse: int, *, energy: bool) -> None:
        """Let the car ask for energy (state C), or pause (state B)."""

    @abstractmethod
    async def fit(self, evse: int, *, max_a: float, phases: int) -> None:
        """Bring another car."""


class FaultDriver(Driver, ABC):
    """What can be broken at the lines of an outlet; faults have the names of `hal.api.Fault`."""

    @property
    @abstractmethod
    def faults(self) -> frozenset[str]:
        """What this bench can break."""

    @abstractmethod
    async def set_fault(self, evse: int, fault: str, *, on: bool) -> None:
        """Break something, or repair it."""


class CardDriver(Driver, ABC):
    """A card at a reader."""

    @property
    @abstractmethod
    def evses(self) -> tuple[int, ...]:
        """The EVSEs that the reader serves."""

    @abstractmethod
    async def present(self, token: str) -> None:
        """Hold a card before the reader until it was read, and take it away."""


class MeterDriver(Driver, ABC):
    """The energy meter of one EVSE."""

    @property
    @abstractmethod
    def evse(self) -> int:
        """The EVSE whose energy it measures."""


class ClockDriver(Driver, ABC):
    """The clock by which the station lives, where that is not this computer's."""

    @abstractmethod
    async def pass_s(self, seconds: float) -> None:
        """Return when so much time has passed there, or here while nothing lives there."""

    @abstractmethod
    def elapsed_s(self) -> float:
        """Return a time that goes on as that clock does, over resets as well."""


class Plug(ABC):
    """A serial port that can be unplugged; `port` is the path by which the station finds it."""

    port: Path

    @abstractmethod
    async def unplug(self) -> None:
        """Take the port away."""

    @abstractmethod
    async def plug(self) -> None:
        """Bring the port back, by the same name."""

    def held(self) -> AbstractContextManager[object]:
        """Hold the port as another program would; raises `NotOnBench`."""
        from hil.target import NotOnBench  # noqa: PLC0415 - which needs this module

        raise NotOnBench(f"nobody else can hold {self.port} on this bench")


class Wire(Plug):
    """A serial device's wire: what can go wrong between it and us while its port is there."""

    async def vanish(self, *, on: bool) -> None:
        """Let the device be out of reach: by its plug, where this bench can pull it."""
        await (self.unplug() if on else self.plug())

    @abstractmethod
    async def mute(self, *, on: bool) -> None:
        """Let the device be silent."""

    @abstractmethod
    async def babble(self, *, on: bool) -> None:
        """Let the device answer, or say, garbage."""

    @abstractmethod
    async def impersonate(self, *, on: bool) -> None:
        """Let another device be at the port: of another kind, or with another serial number."""


class SlowWire(Wire):
    """The wire of a device that answers."""

    @abstractmethod
    async def delay(self, seconds: float) -> None:
        """Let every answer come so much later; 0 ends that."""

    @abstractmethod
    async def disturb(self, late_s: float = 0.0) -> None:
        """Let one answer come late; without `late_s`, with a bit turned over."""


class PowerDriver(Driver, ABC):
    """The station's mains.

    `forgets_unwritten` says that a cut takes along what was not flushed to the disk, as it does on
    a device. A station may then tell the last message again whose acknowledgement it had heard.
    """

    forgets_unwritten = False

    @abstractmethod
    async def off(self) -> None:
        """Take the mains away from everything at once: nobody gets to say goodbye."""

    @abstractmethod
    async def on(self) -> None:
        """Give the mains back; the station is started afterwards, by `StationDriver.start`."""
