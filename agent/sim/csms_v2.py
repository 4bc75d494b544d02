"""OCPP 2.0.1 and 2.1: the answers of the demo CSMS to a station's messages."""

import re
from collections.abc import Callable

from agent.sim.csms_ledger import enter, take_register_ends
from agent.sim.csms_metering import reading_v2
from agent.sim.csms_model import (
    AuthorizationStatus,
    BootFacts,
    DeviceEvent,
    EventType,
    Progress,
    Report,
    Rule,
    SecurityEvent,
    SigningRequest,
    TransactionEvent,
    TransactionRecord,
    Version,
    parse_timestamp,
)
from agent.sim.csms_office import CallRefused, Exchange
from agent.sim.csms_v2_requests import Requests2, variable_text
from agent.sim.frames import Call, Payload, Send

TRANSACTION_MESSAGES = frozenset({"TransactionEvent"})

_ISO14443 = re.compile(r"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}")
_NEVER_ASKED = frozenset({"Central", "NoAuthorization"})


class Dialect2(Requests2):
    """OCPP 2.0.1 or 2.1; the latter adds messages and changes none of those used here."""

    def __init__(self, version: Version) -> None:
        self._answers = _ANSWERS_21 if version is Version.V21 else _ANSWERS_201
        self._sends_allowed = version is Version.V21

    def answer(self, exchange: Exchange, call: Call) -> Payload:
        """Take over a CALL and answer it; raises CallRefused for a CALLERROR."""
        answer = self._answers.get(call.action)
        if answer is None:
            exchange.fault(Rule.ACTION, f"{call.action} is not for a CSMS to receive")
            raise CallRefused("NotSupported", f"{call.action} is not for a CSMS to receive")
        return answer(exchange, call.payload)

    def note(self, exchange: Exchange, send: Send) -> None:
        """Accept NotifyPeriodicEventStream, the only SEND there is (2.1)."""
        if not self._sends_allowed or send.action != "NotifyPeriodicEventStream":
            exchange.fault(Rule.FRAME, f"SEND {send.action} is not in this version")


def _authorize(exchange: Exchange, payload: Payload) -> Payload:
    id_token = payload["idToken"]
    if not _is_well_formed(exchange, id_token):
        raise CallRefused("PropertyConstraintViolation", "idToken is not 8 or 14 hex digits")
    return {"idTokenInfo": _id_token_info(exchange, id_token)}


def _is_well_formed(exchange: Exchange, id_token: Payload) -> bool:
    well_formed = id_token["type"] != "ISO14443" or _ISO14443.fullmatch(id_token["idToken"])
    if not well_formed:
        exchange.fault(Rule.IDENTIFIER, "an ISO14443 idToken is not 8 or 14 hex digits")
    return bool(well_formed)


def _id_token_info(exchange: Exchange, id_token: Payload) -> Payload:
    if id_token["type"] in _NEVER_ASKED:
        return {"status": AuthorizationStatus.ACCEPTED.value}
    return {"status": exchange.authorize(id_token["idToken"]).value}


def _boot_notification(exchange: Exchange, payload: Payload) -> Payload:
    station = payload["chargingStation"]
    facts = BootFacts(
        vendor=station["vendorName"],
        model=station["model"],
        serial_number=station.get("serialNumber"),
        firmware_version=station.get("firmwareVersion"),
        reason=payload["reason"],
    )
    return exchange.register(facts)


def _heartbeat(exchange: Exchange, payload: Payload) -> Payload:
    del payload
    return exchange.heartbeat()


def _status_notification(exchange: Exchange, payload: Payload) -> Payload:
    evse_id, connector_id = payload["evseId"], payload["connectorId"]
    exchange.station.note_status(evse_id, connector_id, payload["connectorStatus"])
    return {}


def _transaction_event(exchange: Exchange, payload: Payload) -> Payload:
    info = payload["transactionInfo"]
    transaction_id = info["transactionId"]
    transactions = exchange.station.transactions
    record = transactions.get(transaction_id)
    if record is None:
        record = transactions[transaction_id] = TransactionRecord(transaction_id)
    event = _event(exchange, payload)
    if enter(exchange, record, event, fingerprint=str(event.seq_no)):
        _take_facts(record, payload)
        take_register_ends(exchange, record, event.reading.samples)
        _check_end(exchange, record, event)
    if "idToken" not in payload:
        return {}
    _is_well_formed(exchange, payload["idToken"])
    return {"idTokenInfo": _id_token_info(exchange, payload["idToken"])}


def _event(exchange: Exchange, payload: Payload) -> TransactionEvent:
    return TransactionEvent(
        event_type=EventType(payload["eventType"]),
        at=parse_timestamp(payload["timestamp"]) or exchange.received_at,
        received_at=exchange.received_at,
        seq_no=payload["seqNo"],
        trigger_reason=payload["triggerReason"],
        offline=payload.get("offline", False),
        charging_state=payload["transactionInfo"].get("chargingState"),
        reading=reading_v2(exchange, payload.get("meterValue", ())),
    )


def _take_facts(record: TransactionRecord, payload: Payload) -> None:
    """EVSE, idToken and remoteStartId come once each, in whichever event knows them first."""
    evse, info = payload.get("evse"), payload["transactionInfo"]
    if evse is not None and record.evse_id is None:
        record.evse_id = evse["id"]
    if evse is not None and record.connector_id is None:
        record.connector_id = evse.get("connectorId")
    if "idToken" in payload and record.id_token is None:
        record.id_token = payload["idToken"]["idToken"]
    record.remote_start_id = info.get("remoteStartId", record.remote_start_id)
    record.stopped_reason = info.get("stoppedReason", record.stopped_reason)
    if payload["eventType"] == EventType.ENDED and record.stopped_reason is None:
        record.stopped_reason = "Local"


def _check_end(exchange: Exchange, record: TransactionRecord, event: TransactionEvent) -> None:
    """Demand both register values at the end, or none."""
    if event.event_type is not EventType.ENDED:
        return
    if (record.begin_wh is None) != (record.end_wh is None):
        missing = "Transaction.Begin" if record.begin_wh is None else "Transaction.End"
        message = f"transaction {record.transaction_id} ended without a {missing} register value"
        exchange.fault(Rule.METER, message)


def _meter_values(exchange: Exchange, payload: Payload) -> Payload:
    reading = reading_v2(exchange, payload["meterValue"])
    exchange.station.idle_samples.extend(reading.samples)
    exchange.station.idle_signed_values.extend(reading.signed_values)
    return {}


def _notify_event(exchange: Exchange, payload: Payload) -> Payload:
    for entry in payload["eventData"]:
        component, variable = entry["component"], entry["variable"]
        evse = component.get("evse", {})
        event = DeviceEvent(
            component=component["name"],
            variable=variable["name"],
            evse_id=evse.get("id"),
            connector_id=evse.get("connectorId"),
            value=entry["actualValue"],
            trigger=entry["trigger"],
        )
        exchange.station.device_events.append(event)
        if event.variable == "AvailabilityState":
            key = (event.evse_id or 0, event.connector_id or 0)
            exchange.station.note_status(*key, event.value)
    return {}


def _notify_report(exchange: Exchange, payload: Payload) -> Payload:
    request_id, seq_no = payload["requestId"], payload["seqNo"]
    report = exchange.station.reports.setdefault(request_id, Report(request_id))
    if seq_no != report.next_seq_no:
        message = f"report {request_id}: seqNo {seq_no} came where {report.next_seq_no} was due"
        exchange.fault(Rule.SEQUENCE, message)
    report.next_seq_no = seq_no + 1
    for entry in payload.get("reportData", ()):
        name = variable_text(entry["component"], entry["variable"])
        for attribute in entry["variableAttribute"]:
            kind = attribute.get("type", "Actual")
            full_name = name if kind == "Actual" else f"{name}/{kind}"
            report.values[full_name] = attribute.get("value")
    report.complete = not payload.get("tbc", False)
    return {}


def _security_event(exchange: Exchange, payload: Payload) -> Payload:
    at = parse_timestamp(payload["timestamp"]) or exchange.received_at
    event = SecurityEvent(payload["type"], at, payload.get("techInfo"))
    exchange.station.security_events.append(event)
    return {}


def _sign_certificate(exchange: Exchange, payload: Payload) -> Payload:
    request = SigningRequest(payload["csr"], payload.get("certificateType"))
    exchange.station.signing_requests.append(request)
    return {"status": "Accepted"}


def _progress(action: str) -> Callable[[Exchange, Payload], Payload]:
    def note(exchange: Exchange, payload: Payload) -> Payload:
        progress = Progress(action, payload["status"], payload.get("requestId"))
        exchange.station.progress.append(progress)
        return {}

    return note


def _certificate_chain_status(exchange: Exchange, payload: Payload) -> Payload:
    del exchange
    statuses = [
        {
            "certificateHashData": request["certificateHashData"],
            "source": request["source"],
            "status": "Unknown",
            "nextUpdate": "2030-01-01T00:00:00Z",
        }
        for request in payload["certificateStatusRequests"]
    ]
    return {"certificateStatus": statuses}


def _vat_number(exchange: Exchange, payload: Payload) -> Payload:
    del exchange
    return {"vatNumber": payload["vatNumber"], "status": "Rejected"}


def _always(**answer: str) -> Callable[[Exchange, Payload], Payload]:
    def reply(exchange: Exchange, payload: Payload) -> Payload:
        del exchange, payload
        return dict(answer)

    return reply


_ANSWERS_201: dict[str, Callable[[Exchange, Payload], Payload]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "ClearedChargingLimit": _always(),
    "DataTransfer": _always(status="UnknownVendorId"),
    "FirmwareStatusNotification": _progress("FirmwareStatusNotification"),
    "Get15118EVCertificate": _always(status="Failed", exiResponse=""),
    "GetCertificateStatus": _always(status="Failed"),
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _progress("LogStatusNotification"),
    "MeterValues": _meter_values,
    "NotifyChargingLimit": _always(),
    "NotifyCustomerInformation": _always(),
    "NotifyDisplayMessages": _always(),
    "NotifyEVChargingNeeds": _always(status="Rejected"),
    "NotifyEVChargingSchedule": _always(status="Accepted"),
    "NotifyEvent": _notify_event,
    "NotifyMonitoringReport": _always(),
    "NotifyReport": _notify_report,
    "PublishFirmwareStatusNotification": _progress("PublishFirmwareStatusNotification"),
    "ReportChargingProfiles": _always(),
    "ReservationStatusUpdate": _always(),
    "SecurityEventNotification": _security_event,
    "SignCertificate": _sign_certificate,
    "StatusNotification": _status_notification,
    "TransactionEvent": _transaction_event,
}
_ANSWERS_21 = {
    **_ANSWERS_201,
    "BatterySwap": _always(),
    "ClosePeriodicEventStream": _always(),
    "GetCertificateChainStatus": _certificate_chain_status,
    "NotifyDERAlarm": _always(),
    "NotifyDERStartStop": _always(),
    "NotifyPriorityCharging": _always(),
    "NotifySettlement": _always(),
    "OpenPeriodicEventStream": _always(status="Accepted"),
    "PullDynamicScheduleUpdate": _always(status="Rejected"),
    "ReportDERControl": _always(),
    "VatNumberValidation": _vat_number,
}
