"""The frames of OCPP-J: bounded parsing of what a peer sends, and the text of what we send.

A frame is a JSON array whose first element is the message type. Everything here is total: any
text yields a frame or a `BadFrame`, within time linear in its length.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import Any, Final, TypeAlias, assert_never

from agent.core.records import dataclass
from agent.ocpp.dialect import RpcErrorCode

JsonObject: TypeAlias = dict[str, Any]
"""A payload as it was received; it goes no further than the codec that reads it."""

Payload: TypeAlias = Mapping[str, Any]
"""A payload to be sent."""

MESSAGE_ID_LENGTH: Final = 36
ACTION_LENGTH: Final = 64
ERROR_DESCRIPTION_LENGTH: Final = 255
ERROR_CODE_LENGTH: Final = 50
UNREADABLE_ID: Final = "-1"


class MessageType(IntEnum):
    """The message type numbers; 5 and 6 exist in some versions only."""

    CALL = 2
    CALL_RESULT = 3
    CALL_ERROR = 4
    CALL_RESULT_ERROR = 5
    SEND = 6


ANSWER_TYPES: Final = frozenset(
    {MessageType.CALL_RESULT, MessageType.CALL_ERROR, MessageType.CALL_RESULT_ERROR}
)


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a received frame may be at most.

    The longest that may be obeyed is a profile of three schedules with 1024 periods each, which
    2.1 can write with 100 bytes a period (PeriodsPerSchedule).
    """

    frame_bytes: int = 384 * 1024
    nesting_depth: int = 32
    integer_digits: int = 20


class Flaw(StrEnum):
    """What is wrong with a received frame."""

    BINARY = "binary frame"
    TOO_LARGE = "frame too large"
    NOT_UNICODE = "text with lone surrogates"
    TOO_DEEP = "nested too deeply"
    NOT_JSON = "not JSON"
    BAD_NUMBER = "number out of bounds"
    DUPLICATE_KEY = "duplicate key in an object"
    NOT_A_FRAME = "not an array that begins with a message type"
    UNKNOWN_MESSAGE_TYPE = "unknown message type"
    BAD_MESSAGE_ID = "unusable message id"
    BAD_CALL = "malformed CALL"
    BAD_SEND = "malformed SEND"
    BAD_ANSWER = "malformed answer"
    REUSED_MESSAGE_ID = "message id used for two different CALLs"
    TOO_MANY_CALLS = "too many CALLs in progress"


class BadFrame(Exception):
    """A received text is not a usable frame.

    `message_type` and `message_id` are what could be read of them nevertheless; `code` is the
    error that a CALL of this kind deserves.
    """

    def __init__(
        self,
        flaw: Flaw,
        message_type: int | None = None,
        message_id: str | None = None,
        code: RpcErrorCode = RpcErrorCode.RPC_FRAMEWORK_ERROR,
    ) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw
        self.message_type = message_type
        self.message_id = message_id
        self.code = code


@dataclass(frozen=True, slots=True)
class CallFrame:
    """The array [2, message id, action, payload]."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallResultFrame:
    """The array [3, message id, payload]."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallErrorFrame:
    """The array [4, message id, code, description, details], and the one of type 5, alike.

    `message_id` is None when the peer could not read ours: then it matches nothing.
    """

    message_id: str | None
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)
    message_type: MessageType = MessageType.CALL_ERROR


@dataclass(frozen=True, slots=True)
class SendFrame:
    """The array [6, message id, action, payload]: never answered."""

    message_id: str
    action: str
    payload: Payload


Frame: TypeAlias = CallFrame | CallResultFrame | CallErrorFrame | SendFrame


class UnencodableFrame(ValueError):
    """A payload of ours has no JSON text: a value that JSON does not know, or a lone surrogate."""


def parse_frame(
    received: str | bytes, limits: FrameLimits, known_types: Collection[int] = frozenset({2, 3, 4})
) -> Frame:
    """Return the frame in `received`; raise BadFrame for anything else.

    A number written with a fraction of zero (`1.0`) becomes an integer, since some peers write
    all their numbers so.
    """
    if not isinstance(received, str):
        raise BadFrame(Flaw.BINARY)
    try:
        elements = _parse_array(received, limits)
    except BadFrame as bad:
        bad.message_type, bad.message_id = _read_head(received)
        raise
    message_type = _message_type(received, elements)
    if message_type not in known_types:
        message_id = _usable_id(elements)
        code = RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED
        raise BadFrame(Flaw.UNKNOWN_MESSAGE_TYPE, message_type, message_id, code)
    if message_type in ANSWER_TYPES:
        return _read_answer(MessageType(message_type), elements)
    return _read_request(MessageType(message_type), elements)


def encode_frame(frame: Frame) -> str:
    """Return the text of `frame`; raise UnencodableFrame if its payload has none."""
    elements: list[object]
    match frame:
        case CallFrame():
            elements = [MessageType.CALL, frame.message_id, frame.action, frame.payload]
        case CallResultFrame():
            elements = [MessageType.CALL_RESULT, frame.message_id, frame.payload]
        case CallErrorFrame():
            description = _presentable(frame.description)
            error = [frame.code, description, frame.details]
            elements = [frame.message_type, frame.message_id, *error]
        case SendFrame():
            elements = [MessageType.SEND, frame.message_id, frame.action, frame.payload]
        case _:
            assert_never(frame)
    try:
        text = _ENCODER.encode(elements)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UnencodableFrame(f"payload cannot be written as JSON: {error}") from error
    return text


# The first two elements of a frame. Possessive, so that no input makes it backtrack.
_HEAD = re.compile(r'[ \t\n\r]*+\[[ \t\n\r]*+([0-9]{1,9}+)[ \t\n\r]*+,[ \t\n\r]*+"([^"\\]{1,36})"')
# An integer literal in the first place: `2.0` and `2e0` are numbers, but not message types.
_INTEGER_FIRST = re.compile(r"[ \t\n\r]*+\[[ \t\n\r]*+[0-9]++[ \t\n\r]*+[,\]]")
# A string, up to the end of the text if it is not closed.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_A_BRACKET = re.compile(r"[^\[\]{}]++")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EXACT_INTEGERS: Final = 2**53


def _as_dict(value: object) -> JsonObject:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_dict
)


def _parse_array(received: str, limits: FrameLimits) -> list[Any]:
    _check_size(received, limits.frame_bytes)
    _check_depth(received, limits.nesting_depth)
    value = _decode(received, limits.integer_digits)
    if _SURROGATE_ESCAPE.search(received) and not _is_unicode(_ENCODER.encode(value)):
        raise BadFrame(Flaw.NOT_UNICODE)
    if not isinstance(value, list):
        raise BadFrame(Flaw.NOT_A_FRAME)
    return value


def _check_size(text: str, frame_bytes: int) -> None:
    if len(text) > frame_bytes:
        raise BadFrame(Flaw.TOO_LARGE)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BadFrame(Flaw.NOT_UNICODE) from None
    if size > frame_bytes:
        raise BadFrame(Flaw.TOO_LARGE)


def _check_depth(text: str, limit: int) -> None:
    depth = 0
    for bracket in _NOT_A_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > limit:
            raise BadFrame(Flaw.TOO_DEEP)


def _decode(text: str, integer_digits: int) -> Any:
    def parse_int(literal: str) -> int:
        if len(literal.lstrip("-")) > integer_digits:
            raise BadFrame(Flaw.BAD_NUMBER)
        return int(literal)

    decoder = json.JSONDecoder(
        object_pairs_hook=_unique_pairs,
        parse_int=parse_int,
        parse_float=_parse_float,
        parse_constant=_refuse_constant,
    )
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError):
        raise BadFrame(Flaw.NOT_JSON) from None


def _unique_pairs(pairs: list[tuple[str, Any]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadFrame(Flaw.DUPLICATE_KEY)
    return result


def _parse_float(literal: str) -> float | int:
    value = float(literal)
    if not math.isfinite(value):
        raise BadFrame(Flaw.BAD_NUMBER)
    if value.is_integer() and abs(value) <= _EXACT_INTEGERS:
        return int(value)
    return value


def _refuse_constant(_literal: str) -> None:
    raise BadFrame(Flaw.BAD_NUMBER)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_head(text: str) -> tuple[int | None, str | None]:
    """Read what can be read of message type and id in a text that is no frame."""
    head = _HEAD.match(text)
    if head is None:
        return None, None
    return int(head[1]), head[2] if _is_usable_id(head[2]) else None


def _message_type(received: str, elements: list[Any]) -> int:
    if not _INTEGER_FIRST.match(received):
        raise BadFrame(Flaw.NOT_A_FRAME, None, _usable_id(elements))
    return int(elements[0])


def _usable_id(elements: list[Any]) -> str | None:
    return elements[1] if len(elements) > 1 and _is_usable_id(elements[1]) else None


def _is_usable_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= MESSAGE_ID_LENGTH
        and not _CONTROL.search(value)
        and _is_unicode(value)
    )


def _read_request(message_type: MessageType, elements: list[Any]) -> CallFrame | SendFrame:
    flaw = Flaw.BAD_CALL if message_type is MessageType.CALL else Flaw.BAD_SEND
    message_id = _usable_id(elements)
    if message_id is None:
        raise BadFrame(Flaw.BAD_MESSAGE_ID, message_type)
    if len(elements) != 4 or not isinstance(elements[2], str):
        raise BadFrame(flaw, message_type, message_id)
    action, payload = elements[2:]
    if len(action) > ACTION_LENGTH:
        raise BadFrame(flaw, message_type, message_id, RpcErrorCode.NOT_IMPLEMENTED)
    if not isinstance(payload, dict):
        raise BadFrame(flaw, message_type, message_id, RpcErrorCode.FORMAT_VIOLATION)
    if message_type is MessageType.CALL:
        return CallFrame(message_id, action, payload)
    return SendFrame(message_id, action, payload)


def _read_answer(
    message_type: MessageType, elements: list[Any]
) -> CallResultFrame | CallErrorFrame:
    message_id = _usable_id(elements)
    if message_type is not MessageType.CALL_RESULT:
        return _read_error(message_type, message_id, elements[2:])
    if message_id is None:
        raise BadFrame(Flaw.BAD_MESSAGE_ID, message_type)
    if len(elements) != 3 or not isinstance(elements[2], dict):
        raise BadFrame(Flaw.BAD_ANSWER, message_type, message_id)
    return CallResultFrame(message_id, elements[2])


def _read_error(
    message_type: MessageType, message_id: str | None, rest: list[Any]
) -> CallErrorFrame:
    """Read an error as far as it goes: even an incomplete one says that the CALL failed."""
    code, description, details = (*rest[:3], None, None, None)[:3]
    return CallErrorFrame(
        message_id,
        code[:ERROR_CODE_LENGTH] if isinstance(code, str) else "",
        description[:ERROR_DESCRIPTION_LENGTH] if isinstance(description, str) else "",
        details if isinstance(details, dict) else {},
        message_type,
    )


def _presentable(description: str) -> str:
    return description[:ERROR_DESCRIPTION_LENGTH].encode(errors="replace").decode()
