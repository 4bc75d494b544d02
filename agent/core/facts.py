"""Facts that the CSMS's replies state, in the core's words."""

from datetime import datetime

from agent.core.certificate_status import CertificateStatusTold
from agent.core.certificates import SigningAnswered
from agent.core.records import dataclass
from agent.core.smart_charging.news import DynamicUpdateTold, NeedsAnswered
from agent.core.vehicle_certificates import VehicleCertificateTold
from agent.core.vocabulary import IdToken, IdTokenInfo, RegistrationStatus


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer to BootNotification; `interval_s` is the heartbeat or the retry interval."""

    status: RegistrationStatus
    current_time: datetime | None
    interval_s: int


@dataclass(frozen=True, slots=True)
class ClockTold:
    """The CSMS's time, from a heartbeat."""

    current_time: datetime


@dataclass(frozen=True, slots=True)
class TokenJudged:
    """The answer to Authorize."""

    info: IdTokenInfo


@dataclass(frozen=True, slots=True)
class TransactionAcknowledged:
    """The answer to a transaction message.

    `csms_id` is the number that 1.6 gives on start; `info` a verdict on the token, to be obeyed
    only if the acknowledged event carried a token; then `token` is that one. `priority` is the
    chargingPriority of this transaction (K03.FR.05).
    """

    transaction_id: str
    csms_id: int | None = None
    info: IdTokenInfo | None = None
    token: IdToken | None = None
    priority: int | None = None


Fact = (
    Registered
    | ClockTold
    | TokenJudged
    | TransactionAcknowledged
    | SigningAnswered
    | CertificateStatusTold
    | VehicleCertificateTold
    | NeedsAnswered
    | DynamicUpdateTold
)
