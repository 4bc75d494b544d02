"""Blocks C and D: the authorization cache and the local authorization list."""

import json
from typing import Any

from agent.core.authorization_cache import ClearCache
from agent.core.commands import Verdict
from agent.core.local_authorization_list import (
    GetLocalListVersion,
    ListEntry,
    ListUpdate,
    LocalListVersion,
    SendLocalList,
)
from agent.ocpp.codec import CodecContext, Payload
from agent.ocpp.v201.authorization import id_token, id_token_info
from agent.ocpp.v201.limits import LIMITS, Limits
from agent.ocpp.v201.status_info import status_reply

send_local_list_reply = status_reply(
    Verdict.ACCEPTED, Verdict.VERSION_MISMATCH, otherwise=Verdict.FAILED
)


def clear_cache(_payload: Payload, _context: CodecContext) -> ClearCache:
    """Read ClearCache."""
    return ClearCache()


def send_local_list(
    payload: Payload, _context: CodecContext, limits: Limits = LIMITS
) -> SendLocalList:
    """Read SendLocalList."""
    return SendLocalList(
        version=int(payload["versionNumber"]),
        update=ListUpdate(payload["updateType"]),
        entries=tuple(_entry(data, limits) for data in payload.get("localAuthorizationList", ())),
        size_bytes=_size_bytes(payload),
    )


def get_local_list_version(_payload: Payload, _context: CodecContext) -> GetLocalListVersion:
    """Read GetLocalListVersion."""
    return GetLocalListVersion()


def get_local_list_version_reply(
    outcome: LocalListVersion, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell the version."""
    return {"versionNumber": outcome.number}


def _entry(data: dict[str, Any], limits: Limits) -> ListEntry:
    info = data.get("idTokenInfo")
    known = None if info is None else id_token_info(info, limits)
    return ListEntry(id_token(data["idToken"]), known)


def _size_bytes(payload: Payload) -> int:
    """Return the size that the message has at least, written without blanks."""
    return len(json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str).encode())
