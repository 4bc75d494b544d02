"""RemoteStartTransaction, RemoteStopTransaction, TriggerMessage and UnlockConnector."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

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
from agent.core.vocabulary import MessageTrigger
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.v16.authorization import id_token
from agent.ocpp.v16.connectors import UnknownConnector, place
from agent.ocpp.v16.smart_charging import RULES, charging_profile
from agent.ocpp.v16.transaction_numbers import UnknownTransaction, transaction_id_of
from agent.ocpp.v16.verdicts import NOT_SUPPORTED, REJECTED, accepted_or_rejected, status_reply

trigger_message_reply = status_reply(
    Verdict.ACCEPTED, Verdict.NOT_IMPLEMENTED, otherwise=Verdict.REJECTED
)

_TRIGGERS: Final = MappingProxyType(
    {
        "BootNotification": MessageTrigger.BOOT_NOTIFICATION,
        "DiagnosticsStatusNotification": MessageTrigger.DIAGNOSTICS_STATUS_NOTIFICATION,
        "FirmwareStatusNotification": MessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
        "Heartbeat": MessageTrigger.HEARTBEAT,
        "LogStatusNotification": MessageTrigger.LOG_STATUS_NOTIFICATION,
        "MeterValues": MessageTrigger.METER_VALUES,
        "SignChargePointCertificate": MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE,
        "StatusNotification": MessageTrigger.STATUS_NOTIFICATION,
    }
)
_ABOUT_A_CONNECTOR: Final = frozenset(
    {MessageTrigger.METER_VALUES, MessageTrigger.STATUS_NOTIFICATION}
)
_UNLOCK_STATUSES: Final = MappingProxyType(
    {
        UnlockStatus.UNLOCKED: "Unlocked",
        UnlockStatus.UNLOCK_FAILED: "UnlockFailed",
        UnlockStatus.ONGOING_AUTHORIZED_TRANSACTION: "UnlockFailed",
        UnlockStatus.UNKNOWN_CONNECTOR: "NotSupported",
        UnlockStatus.NO_LOCK: "NotSupported",
    }
)


def remote_start(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read RemoteStartTransaction; without connector the station chooses.

    Connector 0 is refused (S16-RTX-03), and so is a profile for a transaction that exists already:
    one can only be attached to the transaction to be started (S16-RTX-05).
    """
    profile = payload.get("chargingProfile")
    try:
        found = place(payload, context)
        if found == (0, 0):
            return REJECTED
        return RequestStart(
            id_token=id_token(payload["idTag"], context.tag_kind),
            evse=None if found is None else found[0],
            profile=None if profile is None else charging_profile(profile, context),
            rules=RULES,
            group_untold=True,
        )
    except (UnknownConnector, UnknownTransaction):
        return REJECTED


def remote_start_reply(outcome: StartOutcome, request: Payload, context: CodecContext) -> Payload:
    """Tell the verdict; a transaction that runs already has no place in the reply."""
    return accepted_or_rejected(outcome.outcome, request, context)


def remote_stop(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read RemoteStopTransaction; a number that the CSMS never gave is refused (S16-RTX-07)."""
    try:
        return RequestStop(transaction_id_of(int(payload["transactionId"]), context))
    except UnknownTransaction:
        return REJECTED


def extended_trigger_message(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read ExtendedTriggerMessage, which asks for the messages of the security extension."""
    command = trigger_message(payload, context)
    return replace(command, extended=True) if isinstance(command, TriggerMessage) else command


def trigger_message(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read TriggerMessage.

    A connector that the message does not need is ignored, and connector 0 means what no connector
    means: the station and all its connectors (S16-TRIG-02).
    """
    trigger = _TRIGGERS.get(payload["requestedMessage"])
    if trigger not in _ABOUT_A_CONNECTOR:
        return TriggerMessage(trigger, extended=False)
    try:
        evse, connector = place(payload, context) or (0, 0)
    except UnknownConnector:
        return REJECTED
    return TriggerMessage(trigger, evse or None, connector or None, extended=False)


def unlock_connector(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read UnlockConnector; the station as a whole and unknown connectors have no lock."""
    try:
        evse, connector = place(payload, context) or (0, 0)
    except UnknownConnector:
        return NOT_SUPPORTED
    return UnlockConnector(evse, connector) if evse else NOT_SUPPORTED


def unlock_connector_reply(
    outcome: UnlockStatus, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell how unlocking went (S16-UNL-01)."""
    return {"status": _UNLOCK_STATUSES[outcome]}
