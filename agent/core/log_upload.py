"""GetLog and GetDiagnostics: what the CSMS may ask for, and what it is answered (N01)."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from agent.core.progress import LogUploadStatus
from agent.core.records import dataclass

DEFAULT_RETRIES = 3
DEFAULT_RETRY_INTERVAL_S = 60
MOST_RETRIES = 20
LONGEST_RETRY_INTERVAL_S = 86_400


class LogType(StrEnum):
    """LogEnumType."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"
    DATA_COLLECTOR = "DataCollectorLog"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLog:
    """Upload a log; GetDiagnostics of 1.6 has no `request_id`.

    Without `oldest` or `latest` that end of the window is open; without `retries` or
    `retry_interval_s` the station decides.
    """

    type: LogType
    location: str = field(repr=False)
    request_id: int | None = None
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None

    @property
    def attempts(self) -> int:
        """How often the upload is tried at most."""
        retries = DEFAULT_RETRIES if self.retries is None else self.retries
        return 1 + min(max(0, retries), MOST_RETRIES)

    @property
    def pause_s(self) -> int:
        """How long to wait between two attempts."""
        wanted = self.retry_interval_s
        interval_s = DEFAULT_RETRY_INTERVAL_S if wanted is None else wanted
        return min(max(0, interval_s), LONGEST_RETRY_INTERVAL_S)

    def covers(self, at: datetime) -> bool:
        """Tell whether an instant is in the window."""
        is_old_enough = self.latest is None or at <= self.latest
        return is_old_enough and (self.oldest is None or at >= self.oldest)


class LogVerdict(StrEnum):
    """LogStatusEnumType."""

    ACCEPTED = "Accepted"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class LogOutcome:
    """The answer; `file_name` names the file that will be uploaded, `info` says why none is."""

    verdict: LogVerdict
    file_name: str | None = None
    reason_code: str = ""
    info: str = ""


class UploadFailed(Exception):
    """An attempt failed; `status` says how in the words of the standard, the message why.

    `for_good` says that another attempt would fail as well.
    """

    def __init__(
        self,
        why: str,
        status: LogUploadStatus = LogUploadStatus.UPLOAD_FAILURE,
        *,
        for_good: bool = False,
    ) -> None:
        super().__init__(why)
        self.status = status
        self.for_good = for_good
