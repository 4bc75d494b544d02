"""What a CSMS knows about its stations, in terms that no OCPP version owns.

Energies are in Wh. Everything is kept in memory for as long as the process lives: this is the
memory of a demonstration and test CSMS, not of a back office.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from agent.sim.frames import Direction

REGISTER = "Energy.Active.Import.Register"
TRANSACTION_BEGIN = "Transaction.Begin"
TRANSACTION_END = "Transaction.End"


class Version(StrEnum):
    """The WebSocket subprotocol names of the OCPP versions."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"


class AuthorizationStatus(StrEnum):
    """What a CSMS says about an idToken (1.6 knows only the first five)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class Rule(StrEnum):
    """The rules whose breach by a station is recorded as a fault."""

    FRAME = "frame"
    SCHEMA = "schema"
    ACTION = "action"
    TIMESTAMP = "timestamp"
    IDENTIFIER = "form of the idToken"
    ONE_CALL = "one call at a time"
    MESSAGE_ID = "message id"
    ANSWER = "answer"
    BEFORE_BOOT = "before boot"
    STATUS_FIRST = "status before start"
    SEQUENCE = "sequence number"
    TRANSACTION = "transaction order"
    METER = "meter"
    SIGNED_VALUE = "signed value"


@dataclass(frozen=True, slots=True)
class Fault:
    """One breach of one rule, with the frame that committed it."""

    identity: str
    rule: Rule
    message: str
    frame: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame as it went over the wire."""

    direction: Direction
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFacts:
    """What a BootNotification says of the station; 1.6 gives no reason."""

    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Boot:
    """One BootNotification and the registration status it was answered with."""

    at: datetime
    status: str
    facts: BootFacts


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One SecurityEventNotification; `at` is the station's own time stamp."""

    type: str
    at: datetime
    tech_info: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One firmware or log status notification."""

    action: str
    status: str
    request_id: int | None


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A certificate signing request (PEM) and the use it is for."""

    csr: str
    certificate_type: str | None


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """One entry of a NotifyEvent: a variable of the device model took a value."""

    component: str
    variable: str
    evse_id: int | None
    connector_id: int | None
    value: str
    trigger: str


@dataclass(slots=True)
class Report:
    """A device-model report as its parts come in; see `variable_payload` for the names."""

    request_id: int
    values: dict[str, str | None] = field(default_factory=dict)
    next_seq_no: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class MeterSample:
    """One sampled value in the base unit of its measurand (Wh, W, A, V, …)."""

    at: datetime
    measurand: str
    value: Decimal
    unit: str
    context: str
    phase: str | None
    location: str

    @property
    def is_total_register(self) -> bool:
        """True for the energy register that bills: all phases, at the outlet."""
        return self.measurand == REGISTER and self.phase is None and self.location == "Outlet"


@dataclass(frozen=True, slots=True)
class SignedValue:
    """A signed meter record, byte for byte, and the key text that came with it ("" if none)."""

    record: bytes
    context: str
    public_key: str
    method: str
    encoding: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything metered that one message carries."""

    samples: tuple[MeterSample, ...] = ()
    signed_values: tuple[SignedValue, ...] = ()


class EventType(StrEnum):
    """The place of an event in its transaction."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """One message of a transaction; 1.6 has neither seqNo nor trigger reason nor offline flag."""

    event_type: EventType
    at: datetime
    received_at: datetime
    seq_no: int | None = None
    trigger_reason: str | None = None
    offline: bool | None = None
    charging_state: str | None = None
    reading: Reading = Reading()


@dataclass(slots=True)
class TransactionRecord:
    """All that was received about one transaction.

    `transaction_id` is the station's own id in 2.x and the CSMS's number, as text, in 1.6.
    """

    transaction_id: str
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: str | None = None
    remote_start_id: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    begin_wh: Decimal | None = None
    end_wh: Decimal | None = None
    stopped_reason: str | None = None
    events: list[TransactionEvent] = field(default_factory=list)
    samples: list[MeterSample] = field(default_factory=list)
    signed_values: list[SignedValue] = field(default_factory=list)
    duplicates: int = 0
    next_seq_no: int = 0
    last_register: MeterSample | None = None
    fingerprints: dict[str, TransactionEvent] = field(default_factory=dict, repr=False)

    @property
    def energy_wh(self) -> Decimal | None:
        """What was charged, once both register values are known."""
        if self.begin_wh is None or self.end_wh is None:
            return None
        return self.end_wh - self.begin_wh

    @property
    def ended(self) -> bool:
        """True once the end was received."""
        return self.ended_at is not None


@dataclass(slots=True, eq=False)
class StationRecord:
    """What the CSMS knows of one station, over all its connections and reboots.

    `statuses` is keyed by (EVSE, connector); a 1.6 connector n is (n, 1), the whole station (0, 0).
    """

    identity: str
    faults: list[Fault] = field(repr=False)
    frames: deque[FrameRecord] = field(repr=False)
    version: Version | None = None
    connected: bool = False
    connections: int = 0
    registration: str | None = None
    boots: list[Boot] = field(default_factory=list)
    heartbeats: int = 0
    statuses: dict[tuple[int, int], str] = field(default_factory=dict)
    status_since_boot: set[tuple[int, int]] = field(default_factory=set)
    transactions: dict[str, TransactionRecord] = field(default_factory=dict)
    idle_samples: list[MeterSample] = field(default_factory=list)
    idle_signed_values: list[SignedValue] = field(default_factory=list)
    security_events: list[SecurityEvent] = field(default_factory=list)
    device_events: list[DeviceEvent] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    signing_requests: list[SigningRequest] = field(default_factory=list)
    reports: dict[int, Report] = field(default_factory=dict)
    asked_for: set[str] = field(default_factory=set)
    message_ids: set[str] = field(default_factory=set, repr=False)
    numbers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def last_transaction(self) -> TransactionRecord | None:
        """The transaction that was first heard of last."""
        return next(reversed(self.transactions.values()), None)

    def open_transaction(self, evse_id: int) -> TransactionRecord | None:
        """Return the transaction that runs on an EVSE, as far as the CSMS knows."""
        running = (t for t in self.transactions.values() if not t.ended and t.evse_id == evse_id)
        return next(running, None)

    def expect_boot(self) -> None:
        """Demand a BootNotification next, because the station is known to restart."""
        self.registration = None
        self.status_since_boot.clear()

    def note_status(self, evse_id: int, connector_id: int, status: str) -> None:
        """Take over a connector status, in the words of the station's version."""
        self.statuses[evse_id, connector_id] = status
        self.status_since_boot.add((evse_id, connector_id))


def parse_timestamp(text: str) -> datetime | None:
    """Read any ISO 8601 time stamp, a missing zone meaning UTC; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def format_timestamp(moment: datetime) -> str:
    """Write a time stamp as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )


def token_status(
    tokens: Mapping[str, AuthorizationStatus] | None, id_token: str
) -> AuthorizationStatus:
    """Look an idToken up without regard to case; no list accepts everything."""
    if tokens is None:
        return AuthorizationStatus.ACCEPTED
    folded = id_token.casefold()
    matches = (status for known, status in tokens.items() if known.casefold() == folded)
    return next(matches, AuthorizationStatus.UNKNOWN)
