"""Correlation of CALLs and answers in both directions: the state of one OCPP-J connection.

No I/O and no clock: texts come in, events and texts come out, and time is passed in as seconds of
a monotonic clock. `Rpc` keeps one CALL of ours outstanding at a time, serves crossing CALLs, gives
a repeated CALL the answer that it got before, and drops answers that nobody waits for.
"""

import uuid
from collections.abc import Callable
from dataclasses import field
from typing import Final, assert_never

from agent.core.records import dataclass
from agent.ocpp.dialect import Dialect, RpcErrorCode
from agent.ocpp.framing import (
    ANSWER_TYPES,
    UNREADABLE_ID,
    BadFrame,
    CallErrorFrame,
    CallFrame,
    CallResultFrame,
    Flaw,
    FrameLimits,
    MessageType,
    Payload,
    SendFrame,
    UnencodableFrame,
    encode_frame,
    parse_frame,
)
from agent.ocpp.rpc_events import (
    ErrorReceived,
    IncomingCall,
    IncomingSend,
    ReplyReceived,
    ResultRejected,
    RpcEvent,
    StrayAnswer,
    TimedOut,
    Transmit,
    Violation,
)

__all__ = [
    "CallOutstanding",
    "CallRejected",
    "Dialect",
    "MessageTypeUnavailable",
    "Rpc",
    "RpcErrorCode",
    "RpcLimits",
]


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """What one connection accepts and remembers."""

    frame: FrameLimits = field(default_factory=FrameLimits)
    calls_in_progress: int = 64
    remembered_calls: int = 128
    remembered_s: float = 300.0


class CallOutstanding(RuntimeError):
    """A CALL of ours is still unanswered; wait for its answer or time-out."""


class MessageTypeUnavailable(RuntimeError):
    """The dialect has no such message type; use a CALL."""


class CallRejected(Exception):
    """A CALL of the peer is to be answered with a CALLERROR."""

    def __init__(
        self, code: RpcErrorCode, description: str = "", details: Payload | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.details = details


class Rpc:
    """Both directions of one connection, in one dialect."""

    def __init__(
        self,
        dialect: Dialect,
        limits: RpcLimits | None = None,
        new_message_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """`new_message_id` must never repeat itself, not even after a restart."""
        self.dialect: Final = dialect
        self._limits = limits or RpcLimits()
        self._new_message_id = new_message_id
        self._known_types = _known_types(dialect)
        self._outstanding: _Outstanding | None = None
        self._in_progress: dict[str, _Received] = {}
        self._answered: dict[str, _Answered] = {}

    @property
    def is_waiting(self) -> bool:
        """A CALL of ours is outstanding."""
        return self._outstanding is not None

    def receive(self, received: str | bytes, now: float) -> list[RpcEvent]:
        """Take in one frame; return what it means, in order. Never raises for any input."""
        try:
            frame = parse_frame(received, self._limits.frame, self._known_types)
        except BadFrame as bad:
            return [Violation(bad.flaw), *self._refuse(bad)]
        match frame:
            case CallFrame():
                return self._take_call(frame, _Received(hash(received), now))
            case SendFrame():
                return [IncomingSend(frame.message_id, frame.action, frame.payload)]
            case CallResultFrame():
                return self._take_result(frame)
            case CallErrorFrame():
                return self._take_error(frame)
            case _:
                assert_never(frame)

    def call(self, action: str, payload: Payload, now: float, timeout_s: float) -> tuple[str, str]:
        """Begin a CALL; return its message id and the text to send.

        Raises CallOutstanding, and UnencodableFrame if `payload` is not JSON.
        """
        if self._outstanding is not None:
            raise CallOutstanding(f"{self._outstanding.action} is not answered yet")
        message_id = self._new_message_id()
        text = encode_frame(CallFrame(message_id, action, payload))
        self._outstanding = _Outstanding(message_id, action, now + timeout_s)
        return message_id, text

    def send(self, action: str, payload: Payload) -> str:
        """Return the text of a SEND; allowed while a CALL is outstanding.

        Raises MessageTypeUnavailable in a version without SEND, and UnencodableFrame.
        """
        if not self.dialect.has_send:
            raise MessageTypeUnavailable(f"{action}: this version has no SEND")
        return encode_frame(SendFrame(self._new_message_id(), action, payload))

    def answer(self, message_id: str, payload: Payload) -> str | None:
        """Return the CALLRESULT to send; None if no answer is due for that id (any more).

        Raises UnencodableFrame; the answer is then still due.
        """
        if message_id not in self._in_progress:
            return None
        return self._finish(message_id, encode_frame(CallResultFrame(message_id, payload)))

    def reject(
        self,
        message_id: str,
        code: RpcErrorCode,
        description: str = "",
        details: Payload | None = None,
    ) -> str | None:
        """Return the CALLERROR to send; None if no answer is due for that id (any more).

        Details that are not JSON are left out: a refusal never fails.
        """
        if message_id not in self._in_progress:
            return None
        return self._finish(message_id, self._error(message_id, code, description, details))

    def ignore(self, message_id: str) -> None:
        """Leave a CALL unanswered; the same id may come again."""
        self._in_progress.pop(message_id, None)

    def reject_result(
        self, message_id: str, code: RpcErrorCode, description: str = ""
    ) -> str | None:
        """Return the CALLRESULTERROR for an answer we cannot use; None if the version has none."""
        if not self.dialect.has_call_result_error:
            return None
        return self._error(
            message_id, code, description, message_type=MessageType.CALL_RESULT_ERROR
        )

    def expire(self, now: float) -> list[TimedOut]:
        """Give up our CALL if its time is over; a later answer to it is a stray one."""
        waiting = self._outstanding
        if waiting is None or now < waiting.deadline:
            return []
        self._outstanding = None
        return [TimedOut(waiting.message_id, waiting.action)]

    def reset(self) -> None:
        """Forget everything: a new connection begins."""
        self._outstanding = None
        self._in_progress.clear()
        self._answered.clear()

    def _take_call(self, frame: CallFrame, received: "_Received") -> list[RpcEvent]:
        self._forget_old_answers(received.at)
        message_id = frame.message_id
        if message_id in self._in_progress:
            same = self._in_progress[message_id].fingerprint == received.fingerprint
            # The answer that is coming serves the repetition, too.
            return [] if same else [Violation(Flaw.REUSED_MESSAGE_ID)]
        if message_id in self._answered:
            return self._repeat(message_id, received.fingerprint)
        if len(self._in_progress) >= self._limits.calls_in_progress:
            text = self._error(message_id, RpcErrorCode.GENERIC_ERROR, Flaw.TOO_MANY_CALLS)
            return [Violation(Flaw.TOO_MANY_CALLS), Transmit(text)]
        self._in_progress[message_id] = received
        return [IncomingCall(message_id, frame.action, frame.payload)]

    def _repeat(self, message_id: str, fingerprint: int) -> list[RpcEvent]:
        """Answer a CALL id that was answered before, without a second execution."""
        before = self._answered[message_id]
        if before.call.fingerprint == fingerprint:
            return [Transmit(before.text)]
        code = RpcErrorCode.RPC_FRAMEWORK_ERROR
        text = self._error(message_id, code, Flaw.REUSED_MESSAGE_ID)
        return [Violation(Flaw.REUSED_MESSAGE_ID), Transmit(text)]

    def _take_result(self, frame: CallResultFrame) -> list[RpcEvent]:
        if not self._settle(frame.message_id):
            return [StrayAnswer(frame.message_id)]
        return [ReplyReceived(frame.message_id, frame.payload)]

    def _take_error(self, frame: CallErrorFrame) -> list[RpcEvent]:
        message_id, code = frame.message_id, self.dialect.read_error_code(frame.code)
        if frame.message_type is MessageType.CALL_RESULT_ERROR:
            return [ResultRejected(message_id, code, frame.description)]
        if message_id is None or not self._settle(message_id):
            return [StrayAnswer(message_id)]
        return [ErrorReceived(message_id, code, frame.code, frame.description, frame.details)]

    def _refuse(self, bad: BadFrame) -> list[RpcEvent]:
        """Answer a frame that cannot be used, if the dialect has an answer for its kind."""
        if bad.message_type in ANSWER_TYPES & self._known_types:
            return self._take_unusable_answer(bad)
        if bad.message_type == MessageType.SEND and self.dialect.has_send:
            return []
        if bad.message_id in self._in_progress or not self._deserves_refusal(bad):
            return []
        return [Transmit(self._error(bad.message_id or UNREADABLE_ID, bad.code, bad.flaw))]

    def _take_unusable_answer(self, bad: BadFrame) -> list[RpcEvent]:
        """Answer nothing, but do not let our CALL wait for its time-out."""
        message_id = bad.message_id
        if bad.message_type == MessageType.CALL_RESULT_ERROR:
            return []
        if message_id is None or not self._settle(message_id):
            return [StrayAnswer(message_id)]
        code = RpcErrorCode.FORMAT_VIOLATION
        events: list[RpcEvent] = [ErrorReceived(message_id, code, "", bad.flaw, {})]
        complaint = self.reject_result(message_id, code, bad.flaw)
        if bad.message_type == MessageType.CALL_RESULT and complaint is not None:
            events.append(Transmit(complaint))
        return events

    def _deserves_refusal(self, bad: BadFrame) -> bool:
        if bad.flaw is Flaw.UNKNOWN_MESSAGE_TYPE:
            return self.dialect.rejects_unknown_message_types
        if bad.message_type == MessageType.CALL and bad.message_id is not None:
            return True
        return self.dialect.answers_unreadable_frames

    def _settle(self, message_id: str) -> bool:
        """End the outstanding CALL if it has that id."""
        if self._outstanding is None or self._outstanding.message_id != message_id:
            return False
        self._outstanding = None
        return True

    def _finish(self, message_id: str, text: str) -> str:
        self._answered[message_id] = _Answered(self._in_progress.pop(message_id), text)
        return text

    def _forget_old_answers(self, now: float) -> None:
        """Dictionaries keep their order: the oldest answers come first."""
        excess = len(self._answered) - self._limits.remembered_calls
        for index, (message_id, answered) in enumerate(list(self._answered.items())):
            if index >= excess and now - answered.call.at <= self._limits.remembered_s:
                break
            del self._answered[message_id]

    def _error(
        self,
        message_id: str,
        code: RpcErrorCode,
        description: str,
        details: Payload | None = None,
        message_type: MessageType = MessageType.CALL_ERROR,
    ) -> str:
        def encode(details: Payload) -> str:
            spelled = self.dialect.spell(code)
            return encode_frame(
                CallErrorFrame(message_id, spelled, description, details, message_type)
            )

        try:
            return encode(details or {})
        except UnencodableFrame:
            return encode({})


@dataclass(frozen=True, slots=True)
class _Outstanding:
    message_id: str
    action: str
    deadline: float


@dataclass(frozen=True, slots=True)
class _Received:
    fingerprint: int
    at: float


@dataclass(frozen=True, slots=True)
class _Answered:
    call: _Received
    text: str


def _known_types(dialect: Dialect) -> frozenset[int]:
    types = {MessageType.CALL, MessageType.CALL_RESULT, MessageType.CALL_ERROR}
    if dialect.has_call_result_error:
        types.add(MessageType.CALL_RESULT_ERROR)
    if dialect.has_send:
        types.add(MessageType.SEND)
    return frozenset(types)
