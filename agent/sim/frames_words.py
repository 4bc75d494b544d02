"""The essential fields of each OCPP message in a few words, for whichever version."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from urllib.parse import urlsplit

from agent.sim.frames import Payload

_REGISTER = "Energy.Active.Import.Register"
_SECRETS = ("password", "authorizationkey", "secret", "token", "psk")


def request_words(action: str, payload: Payload) -> str:
    """Word a request; raises the usual errors when the payload is not what its schema says."""
    word = _REQUESTS.get(action)
    return "" if word is None else word(payload)


def answer_words(action: str, payload: Payload) -> str:
    """Word an answer; "" when there is nothing in it to be told."""
    special = _ANSWERS.get(action)
    if special is not None:
        return special(payload)
    info = payload.get("idTokenInfo") or payload.get("idTagInfo") or payload
    reason = payload.get("statusInfo", {}).get("reasonCode", "")
    return _join(str(info.get("status", "")), reason)


def masked_token(id_token: object) -> str:
    """Show the last four characters of an idToken, nothing of a short one."""
    text = str(id_token)
    return f"…{text[-4:]}" if len(text) > 4 else "…"


def _boot(payload: Payload) -> str:
    station = payload.get("chargingStation", payload)
    vendor = station.get("vendorName", station.get("chargePointVendor", ""))
    model = station.get("model", station.get("chargePointModel", ""))
    firmware = station.get("firmwareVersion")
    version = f"firmware {firmware}" if firmware else ""
    return _join(str(vendor), str(model), version, str(payload.get("reason", "")))


def _boot_answer(payload: Payload) -> str:
    return _join(str(payload["status"]), f"interval {payload['interval']} s")


def _status(payload: Payload) -> str:
    if "connectorStatus" in payload:
        return f"EVSE {payload['evseId']}/{payload['connectorId']} {payload['connectorStatus']}"
    error = payload["errorCode"]
    problem = "" if error == "NoError" else f"({error})"
    return _join(f"connector {payload['connectorId']}", str(payload["status"]), problem)


def _token(payload: Payload) -> str:
    id_token = payload.get("idToken")
    if isinstance(id_token, dict):
        return f"{masked_token(id_token['idToken'])} ({id_token['type']})"
    return masked_token(payload["idTag"]) if "idTag" in payload else ""


def _transaction_event(payload: Payload) -> str:
    info = payload["transactionInfo"]
    evse = f"EVSE {payload['evse']['id']}" if "evse" in payload else ""
    return _join(
        str(payload["eventType"]),
        f"seq {payload['seqNo']}",
        str(payload["triggerReason"]),
        str(info.get("chargingState", "")),
        evse,
        _token(payload),
        str(info.get("stoppedReason", "")),
        "offline" if payload.get("offline") else "",
        _measured(payload.get("meterValue", ())),
    )


def _start(payload: Payload) -> str:
    return f"connector {payload['connectorId']} {_token(payload)} at {_kwh(payload['meterStart'])}"


def _start_answer(payload: Payload) -> str:
    return f"{payload['idTagInfo']['status']}, transaction {payload['transactionId']}"


def _stop(payload: Payload) -> str:
    reason, stop = str(payload.get("reason", "")), _kwh(payload["meterStop"])
    return _join(f"transaction {payload['transactionId']} at {stop}", _token(payload), reason)


def _meter_values(payload: Payload) -> str:
    place = payload.get("evseId", payload.get("connectorId"))
    number = payload.get("transactionId")
    transaction = "" if number is None else f"transaction {number}"
    return _join(f"EVSE {place}", transaction, _measured(payload["meterValue"]))


def _measured(meter_values: Iterable[Payload]) -> str:
    """Tell the newest register, power, current and state of charge, and whether it is signed."""
    words: dict[str, str] = {}
    for meter_value in meter_values:
        for sampled in meter_value["sampledValue"]:
            _take_sample(words, sampled)
    return ", ".join(words.values())


def _take_sample(words: dict[str, str], sampled: Payload) -> None:
    if "signedMeterValue" in sampled or sampled.get("format") == "SignedData":
        words["signed"] = "signed"
    measurand = sampled.get("measurand", _REGISTER)
    word = _MEASURANDS.get(measurand)
    phase = str(sampled.get("phase", ""))
    if sampled.get("format") == "SignedData" or word is None or phase not in {"", "L1", "L1-N"}:
        return
    words[measurand] = word(_in_base_unit(sampled))


def _in_base_unit(sampled: Payload) -> Decimal:
    unit_of_measure = sampled.get("unitOfMeasure", {})
    unit = sampled.get("unit", unit_of_measure.get("unit", ""))
    kilo = 3 if str(unit).startswith("k") else 0
    return Decimal(str(sampled["value"])).scaleb(kilo + int(unit_of_measure.get("multiplier", 0)))


def _kwh(energy_wh: Decimal | int) -> str:
    return f"{Decimal(energy_wh) / 1000:.3f} kWh"


def _plain(*names: str) -> Callable[[Payload], str]:
    """Show these fields as they are."""

    def words(payload: Payload) -> str:
        return _join(*(str(payload[name]) for name in names if name in payload))

    return words


def _evse(name: str, label: str = "EVSE") -> Callable[[Payload], str]:
    def words(payload: Payload) -> str:
        return f"{label} {payload[name]}" if name in payload else ""

    return words


def _remote_start(payload: Payload) -> str:
    place = payload.get("evseId", payload.get("connectorId"))
    where = "" if place is None else f"EVSE {place}"
    return _join(_token(payload), where, _profile(payload.get("chargingProfile")))


def _set_charging_profile(payload: Payload) -> str:
    place = payload.get("evseId", payload.get("connectorId"))
    profile = payload["chargingProfile" if "chargingProfile" in payload else "csChargingProfiles"]
    return f"EVSE {place} {_profile(profile)}"


def _profile(profile: Payload | None) -> str:
    if profile is None:
        return ""
    schedules = profile["chargingSchedule"]
    schedule = schedules[0] if isinstance(schedules, list) else schedules
    limits = [period.get("limit") for period in schedule["chargingSchedulePeriod"]]
    unit = schedule["chargingRateUnit"]
    shown = f"{limits[0]} {unit}" + (f" and {len(limits) - 1} more" if len(limits) > 1 else "")
    level = f"level {profile['stackLevel']}"
    return _join(str(profile["chargingProfilePurpose"]), level, shown)


def _variables(list_name: str) -> Callable[[Payload], str]:
    def words(payload: Payload) -> str:
        entries = payload[list_name]
        shown = ", ".join(_variable(entry) for entry in entries[:3])
        return shown + (f" and {len(entries) - 3} more" if len(entries) > 3 else "")

    return words


def _variable(entry: Payload) -> str:
    """Name a variable and its value, or its refusal; the value of a secret is never shown."""
    component, variable = entry["component"], entry["variable"]
    instance = f"[{variable['instance']}]" if "instance" in variable else ""
    name = f"{component['name']}.{variable['name']}{instance}"
    status = str(entry.get("attributeStatus", ""))
    value = entry.get("attributeValue", entry.get("actualValue"))
    if value is None:
        return _join(name, status)
    return f"{name}={_value(name, value)}"


def _change_configuration(payload: Payload) -> str:
    return f"{payload['key']}={_value(str(payload['key']), payload['value'])}"


def _configuration(payload: Payload) -> str:
    entries = payload.get("configurationKey", [])
    shown = ", ".join(
        f"{entry['key']}={_value(str(entry['key']), entry.get('value', ''))}"
        for entry in entries[:3]
    )
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    unknown = payload.get("unknownKey", [])
    return _join(shown + more, f"{len(unknown)} unknown" if unknown else "")


def _value(name: str, value: object) -> str:
    secret = any(word in name.lower() for word in _SECRETS)
    return "***" if secret else str(value)[:40]


def _location(name: str) -> Callable[[Payload], str]:
    """Show where to, without the user name, password and query of the URL."""

    def words(payload: Payload) -> str:
        holder = next((key for key in ("firmware", "log") if key in payload), None)
        parts = urlsplit(str((payload[holder] if holder else payload)[name]))
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"

    return words


def _change_availability(payload: Payload) -> str:
    """Name the EVSE; 0 and none are the whole station."""
    evse_id = payload.get("connectorId") or payload.get("evse", {}).get("id")
    where = f"EVSE {evse_id}" if evse_id else "station"
    return _join(where, str(payload.get("type", payload.get("operationalStatus", ""))))


def _clear_charging_profile(payload: Payload) -> str:
    number = payload.get("id", payload.get("chargingProfileId"))
    criteria = payload.get("chargingProfileCriteria", payload)
    purpose = str(criteria.get("chargingProfilePurpose", ""))
    return _join("" if number is None else f"profile {number}", purpose) or "all"


def _notify_report(payload: Payload) -> str:
    entries = payload.get("reportData", ())
    more = "" if payload.get("tbc") else "last part"
    return _join(f"request {payload['requestId']} part {payload['seqNo']}: {len(entries)}", more)


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


_MEASURANDS: dict[str, Callable[[Decimal], str]] = {
    _REGISTER: _kwh,
    "Power.Active.Import": lambda power_w: f"{power_w / 1000:.1f} kW",
    "Current.Import": lambda current_a: f"{current_a:.1f} A",
    "SoC": lambda percent: f"{percent:.0f} %",
}
_REQUESTS: dict[str, Callable[[Payload], str]] = {
    "Authorize": _token,
    "BootNotification": _boot,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearChargingProfile": _clear_charging_profile,
    "DataTransfer": _plain("vendorId", "messageId"),
    "DiagnosticsStatusNotification": _plain("status"),
    "ExtendedTriggerMessage": _plain("requestedMessage"),
    "FirmwareStatusNotification": _plain("status"),
    "GetBaseReport": _plain("reportBase"),
    "GetConfiguration": lambda payload: ", ".join(payload.get("key", [])) or "all keys",
    "GetDiagnostics": _location("location"),
    "GetLog": _location("remoteLocation"),
    "GetVariables": _variables("getVariableData"),
    "LogStatusNotification": _plain("status"),
    "MeterValues": _meter_values,
    "NotifyEvent": _variables("eventData"),
    "NotifyReport": _notify_report,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _evse("transactionId", "transaction"),
    "RequestStartTransaction": _remote_start,
    "RequestStopTransaction": _evse("transactionId", "transaction"),
    "ReserveNow": _token,
    "Reset": _plain("type"),
    "SecurityEventNotification": _plain("type"),
    "SendLocalList": _plain("updateType", "listVersion", "versionNumber"),
    "SetChargingProfile": _set_charging_profile,
    "SetVariables": _variables("setVariableData"),
    "SignCertificate": _plain("certificateType"),
    "SignedFirmwareStatusNotification": _plain("status"),
    "SignedUpdateFirmware": _location("location"),
    "StartTransaction": _start,
    "StatusNotification": _status,
    "StopTransaction": _stop,
    "TransactionEvent": _transaction_event,
    "TriggerMessage": _plain("requestedMessage"),
    "UnlockConnector": lambda payload: f"EVSE {payload.get('evseId', payload['connectorId'])}",
    "UpdateFirmware": _location("location"),
}
_ANSWERS: dict[str, Callable[[Payload], str]] = {
    "BootNotification": _boot_answer,
    "GetConfiguration": _configuration,
    "GetVariables": _variables("getVariableResult"),
    "Heartbeat": _plain("currentTime"),
    "SetVariables": _variables("setVariableResult"),
    "StartTransaction": _start_answer,
}
