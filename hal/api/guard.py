"""The guard as the services see it: leases go to it, statuses come from it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hal.api.vocabulary import Fault, Hindrance, PilotState


class PilotMode(StrEnum):
    """What the services want the pilot to say."""

    UNAVAILABLE = "F"
    STANDBY = "X1"
    OFFER = "X2"


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission for one EVSE, valid for `valid_s` (at most 1 s) after the guard received it.

    `phases` is 1 or 3; an EVSE that cannot switch phases ignores it. `phase` is which one a single
    phase shall be, 1 to 3 for L1 to L3: other than L1 only where the board can connect it,
    elsewhere such a lease permits nothing.
    """

    evse: int
    mode: PilotMode
    limit_a: float = 0.0
    lock: bool = False
    valid_s: float = 1.0
    phases: int = 3
    phase: int = 1


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
    this guard process, so that a car that was swapped unseen is noticed. `phases` are those that
    are or will next be connected, and `phase` is which one, if it is one. `hindrances` is empty
    exactly while the contactor is commanded closed. `trouble` says why the lines are lost, where
    they are and it is known.
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
    phases: int = 3
    phase: int = 1
    tampered: bool = False
    shut_off: bool = False
    hindrances: frozenset[Hindrance] = frozenset()
    trouble: str = ""


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
