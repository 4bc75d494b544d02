"""The decisions of the demo CSMS: who may charge, whom it accepts, what number comes next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.sim.csms_model import (
    AuthorizationStatus,
    Boot,
    BootFacts,
    Fault,
    Rule,
    StationRecord,
    format_timestamp,
    token_status,
)
from agent.sim.frames import Payload


@dataclass(slots=True)
class BackOffice:
    """The policy of one CSMS; it outlives the CSMS's restarts.

    `boot_script` holds the answers to a station's BootNotifications, the last one for ever.
    """

    tokens: Mapping[str, AuthorizationStatus] | None
    boot_script: tuple[str, ...]
    boot_interval_s: int
    now: Callable[[], datetime]
    next_number: int = 1

    def take_number(self) -> int:
        """Return a number never given before, for 1.6 transactions."""
        number = self.next_number
        self.next_number += 1
        return number


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message of one station while it is being dealt with."""

    office: BackOffice
    station: StationRecord
    frame: str
    received_at: datetime

    def fault(self, rule: Rule, message: str) -> None:
        """Record a breach of `rule` by the frame at hand."""
        station = self.station
        fault = Fault(station.identity, rule, message, self.frame, self.received_at)
        station.faults.append(fault)

    def authorize(self, id_token: str) -> AuthorizationStatus:
        """Ask the back office about an idToken."""
        return token_status(self.office.tokens, id_token)

    def register(self, facts: BootFacts) -> Payload:
        """Take over a BootNotification and answer it; the answer reads the same in all versions."""
        station, script = self.station, self.office.boot_script
        status = script[min(len(station.boots), len(script) - 1)]
        station.boots.append(Boot(self.received_at, status, facts))
        station.registration = status
        station.status_since_boot.clear()
        station.asked_for.clear()
        return {
            "status": status,
            "currentTime": format_timestamp(self.office.now()),
            "interval": self.office.boot_interval_s,
        }

    def heartbeat(self) -> Payload:
        """Count a Heartbeat and tell the time."""
        self.station.heartbeats += 1
        return {"currentTime": format_timestamp(self.office.now())}


class CallRefused(Exception):
    """The CALL has to be answered with a CALLERROR of this code."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
