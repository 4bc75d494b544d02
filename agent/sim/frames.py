"""OCPP-J frames: the JSON arrays of a CALL and its answers, read and written.

Message types 2 to 4 exist in every version; 5 (CALLRESULTERROR) and 6 (SEND) since OCPP 2.1.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeAlias

Payload: TypeAlias = dict[str, Any]

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6


class Direction(StrEnum):
    """Which side sent a frame, drawn with the station on the left."""

    FROM_STATION = "->"
    TO_STATION = "<-"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that wants an answer."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Send:
    """An OCPP 2.1 message that wants no answer."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to a CALL."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallError:
    """The refusal of a CALL; some CSMSs send it without a usable messageId."""

    message_id: str | None
    code: str
    description: str
    details: Payload


@dataclass(frozen=True, slots=True)
class CallResultError:
    """The refusal of an answer (OCPP 2.1)."""

    message_id: str | None
    code: str
    description: str
    details: Payload


Frame: TypeAlias = Call | Send | CallResult | CallError | CallResultError


class MalformedFrame(ValueError):
    """The text is no OCPP-J frame; `message_id` is set when it could still be read."""

    def __init__(self, reason: str, message_id: str | None = None) -> None:
        super().__init__(reason)
        self.message_id = message_id


class UnknownMessageType(MalformedFrame):
    """The frame's message type number is none of 2 to 6."""


def parse(text: str) -> Frame:
    """Read one frame; raises MalformedFrame, and nothing else, on whatever is not one."""
    items = _items(text)
    message_id = items[1] if len(items) > 1 and isinstance(items[1], str) else None
    match items:
        case [bool() | float(), *_]:
            raise MalformedFrame("the message type is not an integer", message_id)
        case [2 | 6 as kind, str(), str(action), dict(payload)] if message_id is not None:
            frame = Call if kind == CALL else Send
            return frame(message_id, action, payload)
        case [3, str(), dict(payload)] if message_id is not None:
            return CallResult(message_id, payload)
        case [4 | 5 as kind, str() | None, str(code), str(description), dict(details)]:
            refusal = CallError if kind == CALLERROR else CallResultError
            return refusal(message_id, code, description, details)
        case [2 | 3 | 4 | 5 | 6 as kind, *_]:
            raise MalformedFrame(f"wrong elements for message type {kind}", message_id)
        case [kind, *_]:
            shown = str(kind)[:9] if isinstance(kind, int) else type(kind).__name__
            raise UnknownMessageType(f"unknown message type {shown}", message_id)
        case _:
            raise MalformedFrame("an empty array")


def call_text(message_id: str, action: str, payload: Payload) -> str:
    """Write a CALL."""
    return _text([CALL, message_id, action, payload])


def result_text(message_id: str, payload: Payload) -> str:
    """Write a CALLRESULT."""
    return _text([CALLRESULT, message_id, payload])


def error_text(message_id: str | None, code: str, description: str = "") -> str:
    """Write a CALLERROR; descriptions are cut at the standard's 255 characters."""
    return _text([CALLERROR, message_id, code, description[:255], {}])


def _items(text: str) -> list[Any]:
    try:
        items = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedFrame(f"not JSON: {str(error)[:100]}") from None
    if not isinstance(items, list):
        raise MalformedFrame("not a JSON array")
    return items


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _text(items: list[Any]) -> str:
    return _ENCODER.encode(items)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
# Only ASCII, because a messageId to be echoed may hold half a surrogate pair, which is no UTF-8.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)
