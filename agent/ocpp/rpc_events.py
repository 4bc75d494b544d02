"""What happens on an OCPP-J connection, as `agent.ocpp.rpc` reports it."""

from typing import TypeAlias

from agent.core.records import dataclass
from agent.ocpp.dialect import RpcErrorCode
from agent.ocpp.framing import Flaw, Payload


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """The peer asks; exactly one of `answer` and `reject` is due for `message_id`."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class IncomingSend:
    """The peer tells; nothing is due."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The answer to our outstanding CALL."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class ErrorReceived:
    """Our outstanding CALL was refused with a CALLERROR, or its answer was unreadable.

    `reported_code` is the code as the peer wrote it; `code` is what it means.
    """

    message_id: str
    code: RpcErrorCode
    reported_code: str
    description: str
    details: Payload


@dataclass(frozen=True, slots=True)
class ResultRejected:
    """The peer cannot use our answer to its CALL `message_id` (CALLRESULTERROR)."""

    message_id: str | None
    code: RpcErrorCode
    description: str


@dataclass(frozen=True, slots=True)
class StrayAnswer:
    """An answer that nobody waits for (late, repeated or invented); it was dropped."""

    message_id: str | None


@dataclass(frozen=True, slots=True)
class Transmit:
    """A text to send now: an automatic refusal, or an answer that is repeated."""

    text: str


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer broke the rules of the framework; to be counted, and reported when it abounds."""

    flaw: Flaw


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Our CALL was not answered in time; it is no longer outstanding."""

    message_id: str
    action: str


RpcEvent: TypeAlias = (
    IncomingCall
    | IncomingSend
    | ReplyReceived
    | ErrorReceived
    | ResultRejected
    | StrayAnswer
    | Transmit
    | Violation
)
