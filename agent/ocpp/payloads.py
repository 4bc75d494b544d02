"""How payloads are written and read, whatever the version: absent fields, field sizes, instants."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.ocpp.codec import CallRejected, Payload
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.timestamps import parse_datetime

logger = logging.getLogger(__name__)


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value: an absent field is left out, never sent as null."""
    return {name: value for name, value in fields.items() if value is not None}


def shorten(text: str, limit: int) -> str:
    """Return text for people in the length that its field may have.

    Not for identifiers: half a token or half a transaction id is another one.
    """
    return text[:limit]


def integer(payload: Payload, field: str) -> int | None:
    """Return a field that the schema calls an integer (JSON may write 1.0), None if absent."""
    number = payload.get(field)
    return None if number is None else int(number)


def instant(payload: Payload, field: str) -> datetime | None:
    """Return the instant in a CALL's field, None if absent; raises `CallRejected`."""
    text = payload.get(field)
    if text is None:
        return None
    try:
        return parse_datetime(text)
    except ValueError as error:
        code = RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION
        raise CallRejected(code, f"{field} is not a date and time: {error}") from error


def required_instant(payload: Payload, field: str) -> datetime:
    """Return the instant in a CALL's field that the schema requires; raises `CallRejected`."""
    found = instant(payload, field)
    if found is None:
        raise CallRejected(RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, f"{field} is missing")
    return found


def told_instant(reply: Payload, field: str) -> datetime | None:
    """Return the instant in a reply's field, None if absent or unreadable."""
    text = reply.get(field)
    if text is None:
        return None
    try:
        return parse_datetime(text)
    except ValueError:
        logger.warning("the CSMS sent an unreadable %s (%.40s): taken as absent", field, text)
        return None
