"""How calls and connections end."""

from enum import StrEnum

from agent.core.records import dataclass
from agent.ocpp.framing import Payload
from agent.ocpp.rpc_events import ErrorReceived


class CloseCause(StrEnum):
    """Why a connection ended."""

    CLOSED_BY_US = "closed by the station"
    ABORTED = "aborted by the station"
    CLOSED_BY_PEER = "closed by the CSMS"
    LOST = "lost"
    CALL_TIMEOUT = "a CALL was not answered in time"
    PING_UNANSWERED = "a ping was not answered in time"
    PEER_NOT_READING = "the CSMS does not read"


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of a connection; `code` is the WebSocket close code of the CSMS, if it sent one."""

    cause: CloseCause
    code: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """The payload of a CALLRESULT, with the id that `reject_result` needs."""

    message_id: str
    payload: Payload


class CallFailed(Exception):
    """A CALL has no result."""


class CallError(CallFailed):
    """The CSMS answered with CALLERROR (or unreadably); repeating the CALL may not help."""

    def __init__(self, error: ErrorReceived) -> None:
        super().__init__(f"{error.code}: {error.description!r}")
        self.code = error.code
        self.reported_code = error.reported_code
        self.description = error.description
        self.details = error.details


class CallTimeout(CallFailed):
    """No answer in time; the connection has been given up. Repeat the CALL on the next one."""


class ConnectionLost(CallFailed):
    """The connection ended before the answer came. Repeat the CALL on the next one."""
