"""OCPP 1.6: the answers of the demo CSMS and the wording of its requests."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal

from agent.sim.csms_dialect import (
    ChargingLimit,
    Command,
    LimitPurpose,
    NotInThisVersion,
    RemoteStart,
    ResetKind,
)
from agent.sim.csms_ledger import enter, set_begin, set_end
from agent.sim.csms_metering import reading_v16
from agent.sim.csms_model import (
    TRANSACTION_BEGIN,
    AuthorizationStatus,
    BootFacts,
    EventType,
    Progress,
    Reading,
    Rule,
    SecurityEvent,
    SigningRequest,
    TransactionEvent,
    TransactionRecord,
    parse_timestamp,
)
from agent.sim.csms_office import CallRefused, Exchange
from agent.sim.frames import Call, Payload, Send

TRANSACTION_MESSAGES = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})

_STATUSES_OF_16 = {
    AuthorizationStatus.ACCEPTED,
    AuthorizationStatus.BLOCKED,
    AuthorizationStatus.CONCURRENT_TX,
    AuthorizationStatus.EXPIRED,
}
_PURPOSES = {LimitPurpose.STATION_MAXIMUM: "ChargePointMaxProfile"}
_RESETS = {ResetKind.IMMEDIATE: "Hard", ResetKind.ON_IDLE: "Soft"}
_EXTENDED_TRIGGERS = {
    "LogStatusNotification": "LogStatusNotification",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}


class Dialect16:
    """OCPP 1.6 with its security extension; one connector per EVSE, so connector n is EVSE n."""

    def answer(self, exchange: Exchange, call: Call) -> Payload:
        """Take over a CALL and answer it; raises CallRefused for a CALLERROR."""
        answer = _ANSWERS.get(call.action)
        if answer is None:
            exchange.fault(Rule.ACTION, f"{call.action} is not for a CSMS to receive")
            raise CallRefused("NotSupported", f"{call.action} is not for a CSMS to receive")
        return answer(exchange, call.payload)

    def note(self, exchange: Exchange, send: Send) -> None:
        """Record a fault: 1.6 has no SEND."""
        exchange.fault(Rule.FRAME, f"SEND {send.action} in 1.6, which has no SEND")

    def remote_start(self, request: RemoteStart) -> Command:
        """Word a RemoteStartTransaction."""
        payload: Payload = {"idTag": request.id_token}
        if request.evse_id is not None:
            payload["connectorId"] = request.evse_id
        if request.limit is not None:
            payload["chargingProfile"] = _profile(request.limit)
        return Command("RemoteStartTransaction", payload)

    def remote_stop(self, transaction_id: str) -> Command:
        """Word a RemoteStopTransaction."""
        return Command("RemoteStopTransaction", {"transactionId": int(transaction_id)})

    def set_charging_limit(self, limit: ChargingLimit) -> Command:
        """Word a SetChargingProfile with one period."""
        payload = {"connectorId": limit.evse_id, "csChargingProfiles": _profile(limit)}
        return Command("SetChargingProfile", payload)

    def clear_charging_profiles(self) -> Sequence[Command]:
        """Word a ClearChargingProfile without criteria, which clears all."""
        return [Command("ClearChargingProfile", {})]

    def reset(self, kind: ResetKind, evse_id: int | None) -> Command:
        """Word a Reset; raises NotInThisVersion for an EVSE or a resume."""
        if evse_id is not None or kind not in _RESETS:
            msg = "1.6 resets the whole station, Hard (Immediate) or Soft (OnIdle)"
            raise NotInThisVersion(msg)
        return Command("Reset", {"type": _RESETS[kind]})

    def change_availability(self, *, operative: bool, evse_id: int | None) -> Command:
        """Word a ChangeAvailability; connector 0 is the whole station."""
        kind = "Operative" if operative else "Inoperative"
        return Command("ChangeAvailability", {"connectorId": evse_id or 0, "type": kind})

    def trigger(self, message: str, evse_id: int | None) -> Command:
        """Word a TriggerMessage, or an ExtendedTriggerMessage where only that knows the message."""
        extended = _EXTENDED_TRIGGERS.get(message)
        payload: Payload = {"requestedMessage": extended or message}
        if evse_id is not None:
            payload["connectorId"] = evse_id
        return Command("ExtendedTriggerMessage" if extended else "TriggerMessage", payload)

    def unlock(self, evse_id: int) -> Command:
        """Word an UnlockConnector."""
        return Command("UnlockConnector", {"connectorId": evse_id})

    def change_password(self, password: str) -> Command:
        """Word the change of AuthorizationKey, whose value is the password's bytes in hex."""
        return change_configuration("AuthorizationKey", password.encode().hex().upper())


def get_configuration(keys: Sequence[str]) -> Command:
    """Word a GetConfiguration; no keys means all."""
    return Command("GetConfiguration", {"key": list(keys)} if keys else {})


def change_configuration(key: str, value: str) -> Command:
    """Word a ChangeConfiguration."""
    return Command("ChangeConfiguration", {"key": key, "value": value})


def _profile(limit: ChargingLimit) -> Payload:
    period = {"startPeriod": 0, "limit": round(float(limit.limit_a), 1)}
    profile: Payload = {
        "chargingProfileId": limit.profile_id,
        "stackLevel": limit.stack_level,
        "chargingProfilePurpose": _PURPOSES.get(limit.purpose, limit.purpose.value),
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": limit.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [period],
        },
    }
    if limit.transaction_id is not None:
        profile["transactionId"] = int(limit.transaction_id)
    return profile


def _authorize(exchange: Exchange, payload: Payload) -> Payload:
    return {"idTagInfo": _id_tag_info(exchange, payload["idTag"])}


def _id_tag_info(exchange: Exchange, id_tag: str) -> Payload:
    status = exchange.authorize(id_tag)
    known = status if status in _STATUSES_OF_16 else AuthorizationStatus.INVALID
    return {"status": known.value}


def _boot_notification(exchange: Exchange, payload: Payload) -> Payload:
    facts = BootFacts(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial_number=payload.get("chargePointSerialNumber"),
        firmware_version=payload.get("firmwareVersion"),
    )
    return exchange.register(facts)


def _heartbeat(exchange: Exchange, payload: Payload) -> Payload:
    del payload
    return exchange.heartbeat()


def _status_notification(exchange: Exchange, payload: Payload) -> Payload:
    key = _connector(payload["connectorId"])
    exchange.station.note_status(*key, payload["status"])
    return {}


def _start_transaction(exchange: Exchange, payload: Payload) -> Payload:
    """Give a number; a resent StartTransaction gets the number of the first copy."""
    station = exchange.station
    key = _connector(payload["connectorId"])
    if key not in station.status_since_boot:
        message = f"StartTransaction before any StatusNotification for connector {key[0]}"
        exchange.fault(Rule.STATUS_FIRST, message)
    same = f"{payload['connectorId']} {payload['timestamp']} {payload['meterStart']}"
    number = station.numbers.get(same) or str(exchange.office.take_number())
    station.numbers[same] = number
    record = station.transactions.setdefault(number, TransactionRecord(number, *key))
    record.id_token = payload["idTag"]
    event = _event(exchange, EventType.STARTED, payload["timestamp"])
    if enter(exchange, record, event, fingerprint="Started"):
        set_begin(exchange, record, Decimal(payload["meterStart"]))
    info = _id_tag_info(exchange, payload["idTag"])
    return {"transactionId": int(number), "idTagInfo": info}


def _stop_transaction(exchange: Exchange, payload: Payload) -> Payload:
    answer = {}
    if "idTag" in payload:
        answer["idTagInfo"] = _id_tag_info(exchange, payload["idTag"])
    record = _transaction(exchange, "StopTransaction", payload["transactionId"])
    if record is None:
        return answer
    reading = reading_v16(exchange, payload.get("transactionData", ()))
    event = _event(exchange, EventType.ENDED, payload["timestamp"], reading)
    if enter(exchange, record, event, fingerprint="Ended"):
        record.stopped_reason = payload.get("reason", "Local")
        set_end(exchange, record, Decimal(payload["meterStop"]))
        _check_begin(exchange, record, reading)
    return answer


def _meter_values(exchange: Exchange, payload: Payload) -> Payload:
    reading = reading_v16(exchange, payload["meterValue"])
    if "transactionId" not in payload:
        exchange.station.idle_samples.extend(reading.samples)
        exchange.station.idle_signed_values.extend(reading.signed_values)
        return {}
    record = _transaction(exchange, "MeterValues", payload["transactionId"])
    if record is not None:
        timestamp = payload["meterValue"][-1]["timestamp"]
        event = _event(exchange, EventType.UPDATED, timestamp, reading)
        enter(exchange, record, event, fingerprint=json.dumps(payload, sort_keys=True))
        _check_begin(exchange, record, reading)
    return {}


def _check_begin(exchange: Exchange, record: TransactionRecord, reading: Reading) -> None:
    """Compare a Transaction.Begin register with meterStart, which is in whole Wh."""
    begins = (s for s in reading.samples if s.context == TRANSACTION_BEGIN and s.is_total_register)
    for sample in begins:
        if record.begin_wh is not None and abs(sample.value - record.begin_wh) >= 1:
            message = f"Transaction.Begin says {sample.value} Wh, meterStart {record.begin_wh} Wh"
            exchange.fault(Rule.METER, f"transaction {record.transaction_id}: {message}")


def _transaction(exchange: Exchange, action: str, number: int) -> TransactionRecord | None:
    record = exchange.station.transactions.get(str(number))
    if record is None:
        exchange.fault(Rule.TRANSACTION, f"{action} for transaction {number}, never started here")
    return record


def _event(
    exchange: Exchange, event_type: EventType, timestamp: str, reading: Reading | None = None
) -> TransactionEvent:
    return TransactionEvent(
        event_type=event_type,
        at=parse_timestamp(timestamp) or exchange.received_at,
        received_at=exchange.received_at,
        reading=reading or Reading(),
    )


def _security_event(exchange: Exchange, payload: Payload) -> Payload:
    at = parse_timestamp(payload["timestamp"]) or exchange.received_at
    event = SecurityEvent(payload["type"], at, payload.get("techInfo"))
    exchange.station.security_events.append(event)
    return {}


def _sign_certificate(exchange: Exchange, payload: Payload) -> Payload:
    request = SigningRequest(payload["csr"], certificate_type=None)
    exchange.station.signing_requests.append(request)
    return {"status": "Accepted"}


def _progress(action: str) -> Callable[[Exchange, Payload], Payload]:
    def note(exchange: Exchange, payload: Payload) -> Payload:
        progress = Progress(action, payload["status"], payload.get("requestId"))
        exchange.station.progress.append(progress)
        return {}

    return note


def _data_transfer(exchange: Exchange, payload: Payload) -> Payload:
    del exchange, payload
    return {"status": "UnknownVendorId"}


def _connector(connector_id: int) -> tuple[int, int]:
    return (connector_id, 1 if connector_id else 0)


_PROGRESS_ACTIONS = (
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SignedFirmwareStatusNotification",
)
_ANSWERS: dict[str, Callable[[Exchange, Payload], Payload]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "DataTransfer": _data_transfer,
    "Heartbeat": _heartbeat,
    "MeterValues": _meter_values,
    "SecurityEventNotification": _security_event,
    "SignCertificate": _sign_certificate,
    "StartTransaction": _start_transaction,
    "StatusNotification": _status_notification,
    "StopTransaction": _stop_transaction,
    **{action: _progress(action) for action in _PROGRESS_ACTIONS},
}
