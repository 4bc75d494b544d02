"""Block F: remote start and stop, triggered messages, unlocking."""

from agent.core.commands import (
    Command,
    RequestStart,
    RequestStop,
    StartOutcome,
    TriggerMessage,
    UnlockConnector,
    UnlockStatus,
    Verdict,
)
from agent.core.smart_charging.profiles import ProfileRules
from agent.core.vocabulary import MessageTrigger
from agent.ocpp.codec import Answer, CallRejected, CodecContext, Payload
from agent.ocpp.payloads import integer
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.v201.authorization import id_token
from agent.ocpp.v201.limits import TRANSACTION_ID_LENGTH
from agent.ocpp.v201.smart_charging import (
    RULES,
    ReadProfile,
    UnsupportedProfile,
    charging_profile,
)
from agent.ocpp.v201.status_info import accepted_or_rejected, refused, status_reply

trigger_message_reply = status_reply(
    Verdict.ACCEPTED, Verdict.NOT_IMPLEMENTED, otherwise=Verdict.REJECTED
)


def request_start(
    payload: Payload,
    _context: CodecContext,
    read_profile: ReadProfile = charging_profile,
    rules: ProfileRules = RULES,
) -> Command | Answer:
    """Read RequestStartTransaction; a profile beyond this station is refused (F01.FR.26)."""
    group = payload.get("groupIdToken")
    profile = payload.get("chargingProfile")
    try:
        return RequestStart(
            id_token=id_token(payload["idToken"]),
            group_id_token=None if group is None else id_token(group),
            evse=integer(payload, "evseId"),
            remote_start_id=int(payload["remoteStartId"]),
            profile=None if profile is None else read_profile(profile),
            rules=rules,
        )
    except UnsupportedProfile as unsupported:
        return Answer(refused("Rejected", unsupported.refusal))


def request_start_reply(outcome: StartOutcome, request: Payload, context: CodecContext) -> Payload:
    """Tell the verdict and, if one runs already, the transaction (F01.FR.13)."""
    reply = accepted_or_rejected(outcome.outcome, request, context)
    transaction_id = outcome.transaction_id
    if transaction_id is None or len(transaction_id) > TRANSACTION_ID_LENGTH:
        return reply
    return {**reply, "transactionId": transaction_id}


def request_stop(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read RequestStopTransaction (F03)."""
    return RequestStop(payload["transactionId"])


def trigger_message(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read TriggerMessage; a message that this station does not send has no trigger (F06.FR.08)."""
    evse = payload.get("evse", {})
    return TriggerMessage(
        trigger=_trigger(payload["requestedMessage"]),
        evse=integer(evse, "id"),
        connector=integer(evse, "connectorId"),
    )


def unlock_connector(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read UnlockConnector (F05)."""
    return UnlockConnector(int(payload["evseId"]), int(payload["connectorId"]))


def unlock_connector_reply(
    outcome: UnlockStatus, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell how unlocking went; a station without a lock raises `CallRejected` (F05.FR.07)."""
    if outcome is UnlockStatus.NO_LOCK:
        raise CallRejected(RpcErrorCode.NOT_SUPPORTED, "this connector has no lock")
    return {"status": outcome.value}


def _trigger(message: str) -> MessageTrigger | None:
    try:
        return MessageTrigger(message)
    except ValueError:
        return None
