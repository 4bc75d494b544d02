"""Commands of the CSMS and their outcomes, free of any version's wording.

A codec decodes a CALL into one of these commands, a service carries it out and returns the outcome,
the codec encodes the reply. A command that a service refuses is an outcome, not an exception.
"""

from dataclasses import field
from enum import StrEnum

from agent.core.authorization_cache import ClearCache
from agent.core.certificates import (
    CertificateOutcome,
    CertificateSigned,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    InstalledCertificates,
)
from agent.core.cost import CostTold, PriceTold
from agent.core.firmware_order import FirmwareOrder, UpdateAnswer
from agent.core.local_authorization_list import (
    GetLocalListVersion,
    LocalListVersion,
    SendLocalList,
)
from agent.core.log_upload import GetLog, LogOutcome
from agent.core.network_profiles import SetNetworkProfile
from agent.core.records import dataclass
from agent.core.report_request import GetReport
from agent.core.reservation import CancelReservation, ReserveNow, ReserveOutcome
from agent.core.smart_charging.orders import (
    ClearChargingProfile,
    CompositeSchedule,
    GetChargingProfiles,
    GetCompositeSchedule,
    SetChargingProfile,
    UpdateDynamicSchedule,
    UsePriorityCharging,
)
from agent.core.smart_charging.profiles import ChargingProfile, ProfileRules
from agent.core.transaction_status import GetTransactionStatus, TransactionStatus
from agent.core.vocabulary import IdToken, MessageTrigger, ResetKind


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not accepted: a reason code of the standard (2.x) and words."""

    reason_code: str
    info: str = ""


class Verdict(StrEnum):
    """The outcomes that most commands share."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"
    SCHEDULED = "Scheduled"
    NOT_IMPLEMENTED = "NotImplemented"
    UNKNOWN = "Unknown"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict with, where refused, the reason."""

    verdict: Verdict
    refusal: Refusal | None = None


ACCEPTED = Outcome(Verdict.ACCEPTED)


def rejected(reason_code: str, info: str = "") -> Outcome:
    """Refuse with a reason code of the standard."""
    return Outcome(Verdict.REJECTED, Refusal(reason_code, info))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStart:
    """RequestStartTransaction, RemoteStartTransaction (F01, F02); no EVSE: the station chooses.

    `group_untold`: the message has no place for a group; the token may belong to one all the same.
    """

    id_token: IdToken
    group_id_token: IdToken | None = None
    evse: int | None = None
    remote_start_id: int | None = None
    profile: ChargingProfile | None = None
    rules: ProfileRules = ProfileRules()
    group_untold: bool = False


@dataclass(frozen=True, slots=True)
class StartOutcome:
    """`transaction_id` names a transaction that was already running (F01.FR.13)."""

    outcome: Outcome
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class RequestStop:
    """RequestStopTransaction, RemoteStopTransaction (F03)."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset (B11, B12); `evse` None is the whole station."""

    kind: ResetKind
    evse: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeAvailability:
    """ChangeAvailability (G03, G04); no EVSE means the station, no connector the whole EVSE."""

    operative: bool
    evse: int | None = None
    connector: int | None = None


@dataclass(frozen=True, slots=True)
class TriggerMessage:
    """TriggerMessage (F06); `trigger` None is a message that this station does not know.

    Without `extended` a version that has two messages of one kind means the older one.
    """

    trigger: MessageTrigger | None
    evse: int | None = None
    connector: int | None = None
    extended: bool = field(default=True, repr=False)


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """UnlockConnector (F05)."""

    evse: int
    connector: int = 1


class UnlockStatus(StrEnum):
    """UnlockStatusEnumType, plus the station without a lock."""

    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    ONGOING_AUTHORIZED_TRANSACTION = "OngoingAuthorizedTransaction"
    UNKNOWN_CONNECTOR = "UnknownConnector"
    NO_LOCK = "NoLock"


@dataclass(frozen=True, slots=True)
class DataTransfer:
    """DataTransfer from the CSMS (P01)."""

    vendor_id: str
    message_id: str | None = None


class DataTransferStatus(StrEnum):
    """DataTransferStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"


@dataclass(frozen=True, slots=True)
class VariableName:
    """A component, its variable, and where both are."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None


@dataclass(frozen=True, slots=True)
class VariableQuery:
    """One element of GetVariables."""

    name: VariableName
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class VariableAssignment:
    """One element of SetVariables."""

    name: VariableName
    value: str
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class VariableResult:
    """One answer; `status` is a name of Get- or SetVariableStatusEnumType."""

    name: VariableName
    status: str
    attribute: str | None = None
    value: str | None = None
    refusal: Refusal | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class GetVariables:
    """GetVariables (B06), GetConfiguration."""

    queries: tuple[VariableQuery, ...]


@dataclass(frozen=True, slots=True)
class SetVariables:
    """SetVariables (B05), ChangeConfiguration.

    `access_judged` says that the codec has judged who may write, so that only values are judged:
    a 1.6 key may write what 2.x shows as read-only.
    """

    assignments: tuple[VariableAssignment, ...]
    access_judged: bool = False


@dataclass(frozen=True, slots=True)
class VariableResults:
    """The answers, in the order asked."""

    results: tuple[VariableResult, ...]


class ReportBase(StrEnum):
    """ReportBaseEnumType."""

    CONFIGURATION_INVENTORY = "ConfigurationInventory"
    FULL_INVENTORY = "FullInventory"
    SUMMARY_INVENTORY = "SummaryInventory"


@dataclass(frozen=True, slots=True)
class GetBaseReport:
    """GetBaseReport (B07); `base` None is one that this station does not know."""

    request_id: int
    base: ReportBase | None


class ReportVerdict(StrEnum):
    """GenericDeviceModelStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"
    EMPTY_RESULT_SET = "EmptyResultSet"


Command = (
    RequestStart
    | RequestStop
    | Reset
    | ChangeAvailability
    | TriggerMessage
    | UnlockConnector
    | DataTransfer
    | GetVariables
    | SetVariables
    | GetBaseReport
    | GetReport
    | SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | GetChargingProfiles
    | UpdateDynamicSchedule
    | UsePriorityCharging
    | GetTransactionStatus
    | CertificateSigned
    | InstallCertificate
    | DeleteCertificate
    | GetInstalledCertificateIds
    | SetNetworkProfile
    | ClearCache
    | SendLocalList
    | GetLocalListVersion
    | ReserveNow
    | CancelReservation
    | GetLog
    | PriceTold
    | CostTold
    | FirmwareOrder
)
CommandOutcome = (
    Outcome
    | StartOutcome
    | UnlockStatus
    | DataTransferStatus
    | VariableResults
    | ReportVerdict
    | CompositeSchedule
    | TransactionStatus
    | CertificateOutcome
    | InstalledCertificates
    | LocalListVersion
    | ReserveOutcome
    | LogOutcome
    | UpdateAnswer
)
