"""Domain events: what happened at the station, told once, in every version's superset of words.

The outbox stores the events of `StoredEvent`; each codec turns an event into the calls of its
version when it is sent, into none if its version has no word for it.
"""

from datetime import datetime
from decimal import Decimal

from agent.core.certificate_status import CertificateStatusAsked
from agent.core.certificates import SigningAsked
from agent.core.component_events import ComponentEvent
from agent.core.contracts import ContractEvidence
from agent.core.meter_values import MeterValue
from agent.core.progress import FirmwareProgress, LogUploadProgress
from agent.core.records import dataclass
from agent.core.reservation import ReservationEnded
from agent.core.smart_charging.news import ChargingNews
from agent.core.snapshot import EvseSnapshot
from agent.core.vehicle_certificates import VehicleCertificateAsked
from agent.core.vocabulary import (
    BootReason,
    ChargingState,
    IdToken,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent:
    """One step of a transaction (E-block; StartTransaction, MeterValues, StopTransaction of 1.6).

    `register_wh` is the meter's import register at this step. `id_token` appears in the first event
    after authorization, and in the last one when a token stopped the transaction. `starts_billing`
    marks the event from which token and EVSE are known: 1.6 can start its transaction only there;
    `billed_to` is that token if an earlier event has told it, and `evse` 0 is one not known yet.
    `meter_values` follow the sampling variables; those of an Ended event hold the whole series.
    `stands_in`: the meter was lost, `register_wh` is what is known of it (None is no).
    """

    phase: TransactionPhase
    at: datetime
    seq_no: int
    transaction_id: str
    trigger: TriggerReason
    evse: int
    connector: int = 1
    register_wh: Decimal
    offline: bool = False
    charging_state: ChargingState | None = None
    id_token: IdToken | None = None
    names_evse: bool = False
    starts_billing: bool = False
    billed_to: IdToken | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    stopped_reason: StoppedReason | None = None
    time_spent_charging_s: int | None = None
    cable_max_a: int | None = None
    phases_used: int | None = None
    stands_in: bool | None = None
    meter_values: tuple[MeterValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValuesEvent:
    """Readings outside a transaction, clock-aligned or triggered; EVSE 0 is the main meter."""

    at: datetime
    evse: int
    connector: int = 1
    meter_values: tuple[MeterValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorUnplugged:
    """The cable of a transaction that had ended before was unplugged: an idle fee ends with it."""

    at: datetime
    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """A security event (A04); `kind` is a name of the standard's list, `critical` ones are sent."""

    at: datetime
    kind: str
    technical_info: str | None = None
    critical: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseChanged:
    """Every change of a snapshot; each codec decides whether that is news in its words.

    Without `before` the present state is to be told whatever was told earlier (B01.FR.05).
    """

    at: datetime
    evse: int
    connector: int = 1
    before: EvseSnapshot | None = None
    after: EvseSnapshot
    vendor_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationChanged:
    """Availability or fault of the station as a whole (1.6's connector 0)."""

    at: datetime
    operative: bool
    faults: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalListConflict:
    """The CSMS judged a token otherwise than its own local list does (S16-LIST-09)."""

    at: datetime
    operative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StationIdentity:
    """What BootNotification tells."""

    vendor: str
    model: str
    serial_number: str
    firmware_version: str
    meter_serial_number: str | None = None
    meter_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """The station asks to be registered (B01)."""

    identity: StationIdentity
    reason: BootReason


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatDue:
    """Nothing was said for a heartbeat interval (G02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationAsked:
    """A token must be judged by the CSMS (C01); `contract` tells of a vehicle's chain (C07)."""

    id_token: IdToken
    evse: int | None = None
    contract: ContractEvidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPart:
    """One page of a device-model report (B07/B08)."""

    at: datetime
    request_id: int
    seq_no: int
    to_be_continued: bool
    entries: tuple["ReportEntry", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One variable in a report."""

    component: str
    component_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    variable: str
    variable_instance: str | None = None
    attribute: str = "Actual"
    value: str | None = None
    mutability: str = "ReadWrite"
    persistent: bool = True
    constant: bool = False
    data_type: str = "string"
    unit: str | None = None
    min_limit: Decimal | None = None
    max_limit: Decimal | None = None
    values_list: str | None = None
    supports_monitoring: bool = False


StoredEvent = (
    TransactionEvent
    | MeterValuesEvent
    | ConnectorUnplugged
    | SecurityEvent
    | ReservationEnded
    | ComponentEvent
    | FirmwareProgress
)
PassingEvent = (
    EvseChanged
    | StationChanged
    | LocalListConflict
    | Boot
    | HeartbeatDue
    | AuthorizationAsked
    | ReportPart
    | SigningAsked
    | CertificateStatusAsked
    | VehicleCertificateAsked
    | LogUploadProgress
    | FirmwareProgress
    | ChargingNews
)
DomainEvent = StoredEvent | PassingEvent
