"""Block N as far as it is told: events of components, log uploads."""

from typing import Any

from agent.core.commands import Refusal
from agent.core.component_events import ComponentEvent
from agent.core.log_upload import LogOutcome
from agent.core.progress import LogUploadProgress, LogUploadStatus
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.payloads import present, shorten
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v201.limits import (
    IDENTIFIER_LENGTH,
    TRANSACTION_ID_LENGTH,
    VARIABLE_VALUE_LENGTH,
)
from agent.ocpp.v201.status_info import status_info

_TECH_CODE_LENGTH = 50
_TECH_INFO_LENGTH = 500
_INT32_MAX = 2**31 - 1


def notify_event(
    event: ComponentEvent, _context: CodecContext, *, tells_severity: bool = False
) -> tuple[Call, ...]:
    """Tell an event of a component, each in a message of its own (G05.FR.02, N07)."""
    at, transaction_id = format_datetime(event.at), event.transaction_id
    named = transaction_id is not None and len(transaction_id) <= TRANSACTION_ID_LENGTH
    data = {
        "eventId": event.event_id % _INT32_MAX,
        "timestamp": at,
        "trigger": event.trigger.value,
        "cause": None if event.cause is None else event.cause % _INT32_MAX,
        "actualValue": shorten(event.value, VARIABLE_VALUE_LENGTH),
        "techCode": _shortened(event.tech_code, _TECH_CODE_LENGTH),
        "techInfo": _shortened(event.tech_info, _TECH_INFO_LENGTH),
        "cleared": event.cleared,
        "transactionId": transaction_id if named else None,
        "component": _component(event),
        "variableMonitoringId": event.monitoring_id,
        "eventNotificationType": event.notification.value,
        "variable": _named(event.variable, event.variable_instance),
        "severity": event.severity if tells_severity else None,
    }
    payload = {"generatedAt": at, "seqNo": 0, "eventData": [present(data)]}
    return (Call("NotifyEvent", payload),)


def log_status_notification(event: LogUploadProgress, _context: CodecContext) -> tuple[Call, ...]:
    """Tell how far a log upload has come; without one there is no request id (F06.FR.15).

    One that was ordered in another version, without request id, cannot be told (N01.FR.13).
    """
    if event.request_id is None and event.status is not LogUploadStatus.IDLE:
        return ()
    payload = {"status": event.status.value, "requestId": event.request_id}
    return (Call("LogStatusNotification", present(payload)),)


def get_log_reply(outcome: LogOutcome, _request: Payload, _context: CodecContext) -> Payload:
    """Tell what will be uploaded under which name, or why nothing (N01.FR.01, FR.05, FR.12)."""
    refusal = Refusal(outcome.reason_code, outcome.info) if outcome.reason_code else None
    payload = {
        "status": outcome.verdict.value,
        "filename": outcome.file_name,
        "statusInfo": status_info(refusal),
    }
    return present(payload)


def _component(event: ComponentEvent) -> dict[str, Any]:
    place = present({"id": event.evse, "connectorId": event.connector})
    named = _named(event.component, event.component_instance)
    return named if event.evse is None else {**named, "evse": place}


def _named(name: str, instance: str | None) -> dict[str, Any]:
    """Return ComponentType or VariableType."""
    told = {
        "name": shorten(name, IDENTIFIER_LENGTH),
        "instance": _shortened(instance, IDENTIFIER_LENGTH),
    }
    return present(told)


def _shortened(text: str | None, limit: int) -> str | None:
    return None if text is None else shorten(text, limit)
