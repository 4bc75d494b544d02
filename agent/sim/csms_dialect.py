"""What a CSMS can ask of a station in every version, and the contract of a version's dialect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agent.sim.csms_office import Exchange
from agent.sim.frames import Call, Payload, Send


class NotInThisVersion(RuntimeError):
    """The connected station's OCPP version has no such request; choose one that it has."""


class LimitPurpose(StrEnum):
    """What a charging limit applies to, in the words of 2.x."""

    TRANSACTION = "TxProfile"
    TRANSACTION_DEFAULT = "TxDefaultProfile"
    STATION_MAXIMUM = "ChargingStationMaxProfile"


class ResetKind(StrEnum):
    """How to reset, in the words of 2.x; `Immediate` is 1.6's Hard, `OnIdle` its Soft."""

    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"
    IMMEDIATE_AND_RESUME = "ImmediateAndResume"


@dataclass(frozen=True, slots=True)
class Command:
    """A request for the station, ready to be sent as a CALL."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class ChargingLimit:
    """A constant current limit per phase from `starts_at` on, as one charging profile."""

    limit_a: float
    purpose: LimitPurpose
    profile_id: int
    starts_at: datetime
    evse_id: int = 0
    transaction_id: str | None = None
    stack_level: int = 0


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """A request to start charging; `limit` travels along as the transaction's profile."""

    id_token: str
    evse_id: int | None
    remote_start_id: int
    limit: ChargingLimit | None = None
    token_type: str = "Central"  # noqa: S105 - a kind of idToken of the standard, no password


class Dialect(Protocol):
    """How one version answers a station's messages and words the CSMS's requests."""

    def answer(self, exchange: Exchange, call: Call) -> Payload:
        """Take over a CALL and answer it; raises CallRefused for a CALLERROR."""
        ...

    def note(self, exchange: Exchange, send: Send) -> None:
        """Take over a SEND."""
        ...

    def remote_start(self, request: RemoteStart) -> Command:
        """Word a remote start."""
        ...

    def remote_stop(self, transaction_id: str) -> Command:
        """Word a remote stop."""
        ...

    def set_charging_limit(self, limit: ChargingLimit) -> Command:
        """Word a charging profile with one period."""
        ...

    def clear_charging_profiles(self) -> Sequence[Command]:
        """Word the requests that together clear every profile a CSMS may clear."""
        ...

    def reset(self, kind: ResetKind, evse_id: int | None) -> Command:
        """Word a reset."""
        ...

    def change_availability(self, *, operative: bool, evse_id: int | None) -> Command:
        """Word a change to operative or inoperative."""
        ...

    def trigger(self, message: str, evse_id: int | None) -> Command:
        """Word the request for a message, named as in 2.x."""
        ...

    def unlock(self, evse_id: int) -> Command:
        """Word the unlocking of an EVSE's (first) connector."""
        ...

    def change_password(self, password: str) -> Command:
        """Word the change of the Basic authentication password."""
        ...


def data_transfer(vendor_id: str, message_id: str | None, data: str | None) -> Command:
    """Word a DataTransfer, which is the same in all versions."""
    optional = {"messageId": message_id, "data": data}
    present = {name: value for name, value in optional.items() if value is not None}
    return Command("DataTransfer", {"vendorId": vendor_id, **present})
