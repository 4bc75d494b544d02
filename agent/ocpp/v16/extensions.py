"""Messages that later application notes carry inside DataTransfer: JSON as text in its `data`.

An extension is a vendor id with its messages. Each message has a decoder of what is inside and an
encoder of what is answered inside, as any other message has. Nothing checks the inside before: the
readers below do, and whatever does not fit is answered with Rejected.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from agent.core.commands import Command, CommandOutcome, DataTransferStatus
from agent.core.records import dataclass
from agent.ocpp.codec import Answer, CodecContext, OutcomeEncoder, Payload

LONGEST_DATA = 64 * 1024


class Unreadable(ValueError):
    """What is inside a DataTransfer is not what its message says."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One message: how it is read, and how what came of it is told inside the answer.

    Without `encode` the status of the DataTransfer says it all.
    """

    decode: Callable[[Payload, CodecContext], Command]
    encode: OutcomeEncoder[Any] | None = None


Extensions = Mapping[str, Mapping[str, Extension]]
"""The messages by vendor id and message id."""


def decoded(
    extensions: Extensions, payload: Payload, context: CodecContext
) -> Command | Answer | None:
    """Read a message inside a DataTransfer; None for a vendor who has no extension here."""
    messages = extensions.get(payload["vendorId"])
    if messages is None:
        return None
    extension = messages.get(payload.get("messageId", ""))
    if extension is None:
        return Answer({"status": DataTransferStatus.UNKNOWN_MESSAGE_ID.value})
    try:
        return extension.decode(inside(payload), context)
    except Unreadable:
        return Answer({"status": DataTransferStatus.REJECTED.value})


def encoded(
    extensions: Extensions, outcome: CommandOutcome, request: Payload, context: CodecContext
) -> Payload | None:
    """Tell what came of a message inside a DataTransfer; None if none was."""
    messages = extensions.get(request.get("vendorId", ""), {})
    extension = messages.get(request.get("messageId", ""))
    if extension is None or extension.encode is None:
        return None
    answer = extension.encode(outcome, request, context)
    return {"status": DataTransferStatus.ACCEPTED.value, "data": wrapped(answer)}


def wrapped(payload: Payload) -> str:
    """Return a payload as DataTransfer carries it."""
    return json.dumps(payload, separators=(",", ":"))


def inside(payload: Payload) -> Payload:
    """Return what a DataTransfer carries; nothing is an empty object. Raises `Unreadable`.

    Numbers with a fraction are decimal numbers as they are written.
    """
    text = payload.get("data") or "{}"
    try:
        found = json.loads(text, parse_float=Decimal) if len(text) <= LONGEST_DATA else None
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Unreadable("the data is no JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("the data is no JSON object")
    return found


def text_of(payload: Payload, field: str, longest: int) -> str:
    """Return a field that must be a text of at most so many characters; raises `Unreadable`."""
    value = payload.get(field)
    if not isinstance(value, str) or len(value) > longest:
        raise Unreadable(f"{field} is no text of at most {longest} characters")
    return value


def object_of(payload: Payload, field: str) -> Payload:
    """Return a field that must be an object; raises `Unreadable`."""
    value = payload.get(field)
    if not isinstance(value, dict):
        raise Unreadable(f"{field} is no object")
    return value
