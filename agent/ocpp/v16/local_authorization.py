"""1.6's ClearCache, SendLocalList and GetLocalListVersion."""

import json
from typing import Any

from agent.core.authorization_cache import ClearCache
from agent.core.commands import Outcome, Verdict
from agent.core.local_authorization_list import (
    GetLocalListVersion,
    ListEntry,
    ListUpdate,
    LocalListVersion,
    SendLocalList,
)
from agent.ocpp.codec import CodecContext, Payload
from agent.ocpp.v16.authorization import id_tag_info, id_token
from agent.ocpp.v16.verdicts import NOT_SUPPORTED, status_reply

_reply = status_reply(Verdict.ACCEPTED, Verdict.VERSION_MISMATCH, otherwise=Verdict.FAILED)
_SWITCHED_OFF = "NotEnabled"


def clear_cache(_payload: Payload, _context: CodecContext) -> ClearCache:
    """Read ClearCache."""
    return ClearCache()


def send_local_list(payload: Payload, context: CodecContext) -> SendLocalList:
    """Read SendLocalList."""
    entries = payload.get("localAuthorizationList", ())
    return SendLocalList(
        version=int(payload["listVersion"]),
        update=ListUpdate(payload["updateType"]),
        entries=tuple(_entry(data, context.tag_kind) for data in entries),
        size_bytes=len(json.dumps(payload, ensure_ascii=False, default=str).encode()),
    )


def send_local_list_reply(outcome: Outcome, request: Payload, context: CodecContext) -> Payload:
    """Tell what came of an update; a list that is switched off is not supported (S16-LIST-07)."""
    if outcome.refusal is not None and outcome.refusal.reason_code == _SWITCHED_OFF:
        return NOT_SUPPORTED.payload
    return _reply(outcome, request, context)


def get_local_list_version(_payload: Payload, _context: CodecContext) -> GetLocalListVersion:
    """Read GetLocalListVersion."""
    return GetLocalListVersion()


def get_local_list_version_reply(
    outcome: LocalListVersion, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell the version."""
    return {"listVersion": outcome.number}


def _entry(data: dict[str, Any], kind: str) -> ListEntry:
    info = data.get("idTagInfo")
    return ListEntry(id_token(data["idTag"], kind), None if info is None else id_tag_info(info))
