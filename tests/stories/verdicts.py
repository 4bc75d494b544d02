"""What the CSMS of a story says of each token, in every field, and how it sends its local list."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from agent.sim.csms_model import format_timestamp
from agent.sim.frames import Call, Payload, result_text
from agent.sim.misbehaviour import CallHook, Plan
from tests.stories.desk import Desk
from tests.stories.words import V21, V201
from tests.virtual_time import utc_now

BOTH_2X: Final = (V201, V21)
EAGER: Final = {"AuthCtrlr.LocalPreAuthorize": "true"}
FRIEND: Final = "0B0B0B0B"
SERVICE: Final = "5E5E5E5E"
FAMILY: Final = "FAMILY-1"
MASTERS: Final = "MASTERS"


@dataclass(frozen=True)
class Told:
    """An idTokenInfo to be told; `on` are the messages whose answer carries it."""

    info: Mapping[str, Any]
    on: frozenset[str]


class Verdicts:
    """Scripts the answers to Authorize and TransactionEvent by token (2.x)."""

    def __init__(self, csms: Desk) -> None:
        self._csms = csms
        self._told: dict[tuple[str, str], Mapping[str, Any]] = {}
        csms.csms.misbehave(CallHook(self._answer, {"Authorize", "TransactionEvent"}))

    def say(self, token: str, status: str = "Accepted", on: str = "", **fields: Any) -> None:
        """From now on say this of a token, in answers to one message or to both."""
        for action in (on,) if on else ("Authorize", "TransactionEvent"):
            self._told[token, action] = {"status": status, **fields}

    def asked_for(self, token: str) -> int:
        """Return how often Authorize asked for a token."""
        calls = self._csms.calls("Authorize")
        return len([c for c in calls if c.payload["idToken"]["idToken"] == token])

    def _answer(self, call: Call, plan: Plan) -> Plan:
        token = call.payload.get("idToken", {}).get("idToken")
        info = self._told.get((token, call.action))
        if info is None:
            return plan
        return replace(plan, answer=result_text(call.message_id, {"idTokenInfo": info}))


def group(name: str = FAMILY) -> Payload:
    return {"idToken": name, "type": "Central"}


def ends_in(seconds: float) -> str:
    return format_timestamp(utc_now() + timedelta(seconds=seconds))


def listed(token: str, status: str | None = "Accepted", **fields: Any) -> Payload:
    """Word one AuthorizationData; without status the token is to be removed."""
    data: Payload = {"idToken": {"idToken": token, "type": "ISO14443"}}
    return data if status is None else {**data, "idTokenInfo": {"status": status, **fields}}


async def send_list(
    csms: Desk, version: int, *entries: Payload, update: str = "Full"
) -> tuple[str, str | None]:
    """Send a local list; return the status, and the reason if there is one."""
    payload: Payload = {"versionNumber": version, "updateType": update}
    if entries:
        payload["localAuthorizationList"] = list(entries)
    answer = await csms.call("SendLocalList", payload)
    return answer["status"], answer.get("statusInfo", {}).get("reasonCode")


async def list_version(csms: Desk) -> int:
    return int((await csms.call("GetLocalListVersion", {}))["versionNumber"])


async def clear_cache(csms: Desk) -> str:
    return str((await csms.call("ClearCache", {}))["status"])


async def cache_size(csms: Desk) -> int:
    return int(await csms.gets("AuthCacheCtrlr.Storage") or "")
