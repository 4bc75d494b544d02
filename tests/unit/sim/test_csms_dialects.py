"""Whatever the CSMS says, in whichever version, keeps to the official schemas."""

import pytest

from agent.sim import csms_schemas, csms_v2, csms_v2_requests, csms_v16
from agent.sim.csms_dialect import (
    ChargingLimit,
    Command,
    Dialect,
    LimitPurpose,
    NotInThisVersion,
    RemoteStart,
    ResetKind,
    data_transfer,
)
from agent.sim.csms_model import Rule, Version
from agent.sim.csms_office import CallRefused
from agent.sim.csms_reception import dialect_of
from agent.sim.csms_schemas import Kind, is_known
from agent.sim.frames import Call, Payload, Send
from tests.unit.sim.stations import NOW, exchange

AT = "2026-01-01T10:00:00.000Z"
HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "00",
    "issuerKeyHash": "00",
    "serialNumber": "1",
}
SAMPLE = {"timestamp": AT, "sampledValue": [{"value": 1}]}
VARIABLE = {"component": {"name": "Connector"}, "variable": {"name": "AvailabilityState"}}
REQUESTS_2: dict[str, Payload] = {
    "Authorize": {"idToken": {"idToken": "DEADBEEF", "type": "ISO14443"}},
    "BootNotification": {
        "reason": "PowerUp",
        "chargingStation": {"vendorName": "a", "model": "b"},
    },
    "ClearedChargingLimit": {"chargingLimitSource": "EMS"},
    "DataTransfer": {"vendorId": "a"},
    "FirmwareStatusNotification": {"status": "Idle"},
    "Get15118EVCertificate": {
        "iso15118SchemaVersion": "a",
        "action": "Install",
        "exiRequest": "a",
    },
    "GetCertificateStatus": {"ocspRequestData": {**HASH, "responderURL": "http://a"}},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle"},
    "MeterValues": {"evseId": 1, "meterValue": [SAMPLE]},
    "NotifyCustomerInformation": {"data": "a", "seqNo": 0, "generatedAt": AT, "requestId": 1},
    "NotifyDisplayMessages": {"requestId": 1},
    "NotifyEvent": {
        "generatedAt": AT,
        "seqNo": 0,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": AT,
                "trigger": "Delta",
                "actualValue": "Occupied",
                "eventNotificationType": "CustomMonitor",
                **VARIABLE,
            }
        ],
    },
    "NotifyMonitoringReport": {"requestId": 1, "seqNo": 0, "generatedAt": AT},
    "NotifyReport": {"requestId": 1, "seqNo": 0, "generatedAt": AT},
    "PublishFirmwareStatusNotification": {"status": "Idle"},
    "ReservationStatusUpdate": {"reservationId": 1, "reservationUpdateStatus": "Expired"},
    "SecurityEventNotification": {"type": "SettingSystemTime", "timestamp": AT},
    "SignCertificate": {"csr": "a"},
    "StatusNotification": {
        "timestamp": AT,
        "connectorStatus": "Occupied",
        "evseId": 2,
        "connectorId": 1,
    },
    "TransactionEvent": {
        "eventType": "Started",
        "timestamp": AT,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T"},
        "idToken": {"idToken": "", "type": "NoAuthorization"},
    },
}
REQUESTS_21: dict[str, Payload] = {
    **REQUESTS_2,
    "ClosePeriodicEventStream": {"id": 1},
    "GetCertificateChainStatus": {
        "certificateStatusRequests": [
            {"certificateHashData": HASH, "source": "OCSP", "urls": ["http://a"]}
        ]
    },
    "NotifyDERStartStop": {"controlId": "a", "started": True, "timestamp": AT},
    "NotifyPriorityCharging": {"transactionId": "T", "activated": True},
    "OpenPeriodicEventStream": {
        "constantStreamData": {"id": 1, "params": {}, "variableMonitoringId": 1}
    },
    "PullDynamicScheduleUpdate": {"chargingProfileId": 1},
    "VatNumberValidation": {"vatNumber": "DE1"},
}
REQUESTS_16: dict[str, Payload] = {
    "Authorize": {"idTag": "DEADBEEF"},
    "BootNotification": {"chargePointVendor": "a", "chargePointModel": "b"},
    "DataTransfer": {"vendorId": "a"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle", "requestId": 1},
    "MeterValues": {"connectorId": 0, "meterValue": [{**SAMPLE, "sampledValue": [{"value": "1"}]}]},
    "SecurityEventNotification": {"type": "SettingSystemTime", "timestamp": AT},
    "SignCertificate": {"csr": "a"},
    "SignedFirmwareStatusNotification": {"status": "Idle", "requestId": 1},
    "StartTransaction": {"connectorId": 1, "idTag": "a", "meterStart": 1, "timestamp": AT},
    "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "StopTransaction": {"transactionId": 1, "meterStop": 2, "timestamp": AT, "idTag": "a"},
}
CASES = [
    (version, action, payload)
    for version, requests in [
        (Version.V16, REQUESTS_16),
        (Version.V201, REQUESTS_2),
        (Version.V21, REQUESTS_21),
    ]
    for action, payload in requests.items()
]


@pytest.mark.parametrize(("version", "action", "payload"), CASES)
def test_every_answer_keeps_to_its_schema(version: Version, action: str, payload: Payload) -> None:
    csms_schemas.check(version, action, Kind.REQUEST, payload)
    answer = dialect_of(version).answer(exchange(), Call("1", action, payload))
    csms_schemas.check(version, action, Kind.RESPONSE, answer)


@pytest.mark.parametrize(
    ("version", "known"), [(Version.V201, csms_v2._ANSWERS_201), (Version.V21, csms_v2._ANSWERS_21)]
)
def test_every_message_that_is_answered_exists_in_its_version(
    version: Version, known: dict[str, object]
) -> None:
    assert all(is_known(version, action) for action in known)
    assert all(is_known(Version.V16, action) for action in csms_v16._ANSWERS)


@pytest.mark.parametrize(
    ("version", "answers", "covered"),
    [
        (Version.V201, csms_v2._ANSWERS_201, REQUESTS_2),
        (Version.V21, csms_v2._ANSWERS_21, REQUESTS_21),
        (Version.V16, csms_v16._ANSWERS, REQUESTS_16),
    ],
)
def test_the_answers_that_are_always_the_same_keep_to_their_schemas_too(
    version: Version, answers: dict[str, object], covered: dict[str, Payload]
) -> None:
    for action in answers.keys() - covered.keys():
        answer = dialect_of(version).answer(exchange(), Call("1", action, {}))
        csms_schemas.check(version, action, Kind.RESPONSE, answer)


def commands(dialect: Dialect) -> list[Command]:
    limit = ChargingLimit(16.04, LimitPurpose.TRANSACTION, 1, NOW, 1, "7")
    start = ChargingLimit(6, LimitPurpose.TRANSACTION, 2, NOW)
    maximum = ChargingLimit(32, LimitPurpose.STATION_MAXIMUM, 3, NOW)
    return [
        dialect.remote_start(RemoteStart("DEADBEEF", 1, 5, start)),
        dialect.remote_start(RemoteStart("DEADBEEF", None, 6)),
        dialect.remote_stop("7"),
        dialect.set_charging_limit(limit),
        dialect.set_charging_limit(maximum),
        *dialect.clear_charging_profiles(),
        dialect.reset(ResetKind.IMMEDIATE, None),
        dialect.reset(ResetKind.ON_IDLE, None),
        dialect.change_availability(operative=False, evse_id=None),
        dialect.change_availability(operative=True, evse_id=1),
        dialect.trigger("StatusNotification", 1),
        dialect.trigger("MeterValues", 1),
        dialect.trigger("LogStatusNotification", None),
        dialect.trigger("SignChargingStationCertificate", None),
        dialect.unlock(1),
        dialect.change_password("0123456789abcdef"),
        data_transfer("a", "b", "c"),
        data_transfer("a", None, None),
    ]


@pytest.mark.parametrize("version", list(Version))
def test_every_request_keeps_to_its_schema(version: Version) -> None:
    for command in commands(dialect_of(version)):
        csms_schemas.check(version, command.action, Kind.REQUEST, command.payload)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_every_request_of_2x_alone_keeps_to_its_schema(version: Version) -> None:
    names = ["OCPPCommCtrlr.HeartbeatInterval", "EVSE@1:2.Power[L1]"]
    for command in [
        csms_v2_requests.get_variables(names),
        csms_v2_requests.set_variables(dict.fromkeys(names, "1")),
        csms_v2_requests.get_base_report(1, "FullInventory"),
        dialect_of(version).reset(ResetKind.IMMEDIATE, 1),
    ]:
        csms_schemas.check(version, command.action, Kind.REQUEST, command.payload)


def test_every_request_of_16_alone_keeps_to_its_schema() -> None:
    for command in [
        csms_v16.get_configuration([]),
        csms_v16.get_configuration(["HeartbeatInterval"]),
        csms_v16.change_configuration("HeartbeatInterval", "300"),
    ]:
        csms_schemas.check(Version.V16, command.action, Kind.REQUEST, command.payload)


def test_16_says_so_when_it_cannot_reset_an_evse() -> None:
    with pytest.raises(NotInThisVersion):
        dialect_of(Version.V16).reset(ResetKind.IMMEDIATE, 1)
    with pytest.raises(NotInThisVersion):
        dialect_of(Version.V16).reset(ResetKind.IMMEDIATE_AND_RESUME, None)


@pytest.mark.parametrize("name", ["A.B", "A[x].B", "A.B[y]", "A[x]@1.B[y]", "A@1:2.B", "A[a.b].B"])
def test_variable_names_read_back_as_they_were_written(name: str) -> None:
    payload = csms_v2_requests.variable_payload(name)
    assert csms_v2_requests.variable_text(**payload) == name


@pytest.mark.parametrize("name", ["", "A", "A.", ".B", "A.B.C", "A@x.B"])
def test_a_bad_variable_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        csms_v2_requests.variable_payload(name)


@pytest.mark.parametrize("version", list(Version))
def test_a_request_in_the_wrong_direction_is_not_supported_and_a_fault(version: Version) -> None:
    hand = exchange()
    with pytest.raises(CallRefused) as caught:
        dialect_of(version).answer(hand, Call("1", "Reset", {"type": "Hard"}))
    assert caught.value.code == "NotSupported"
    assert [fault.rule for fault in hand.station.faults] == [Rule.ACTION]


def test_a_send_is_at_home_in_2_1_only() -> None:
    send = Send("1", "NotifyPeriodicEventStream", {})
    for version, faults in [(Version.V16, 1), (Version.V201, 1), (Version.V21, 0)]:
        hand = exchange()
        dialect_of(version).note(hand, send)
        assert len(hand.station.faults) == faults


def test_availability_reported_by_notify_event_is_a_status() -> None:
    hand = exchange()
    payload = REQUESTS_2["NotifyEvent"]
    entry = payload["eventData"][0]
    component = {"name": "Connector", "evse": {"id": 2, "connectorId": 1}}
    changed = {**payload, "eventData": [{**entry, "component": component}]}
    dialect_of(Version.V21).answer(hand, Call("1", "NotifyEvent", changed))
    assert hand.station.statuses == {(2, 1): "Occupied"}


def test_a_report_part_out_of_turn_is_a_fault() -> None:
    hand = exchange()
    part = {**REQUESTS_2["NotifyReport"], "seqNo": 1}
    dialect_of(Version.V201).answer(hand, Call("1", "NotifyReport", part))
    assert [fault.rule for fault in hand.station.faults] == [Rule.SEQUENCE]


@pytest.mark.parametrize("number", [0, -1, 99])
def test_a_16_stop_of_an_unknown_transaction_is_acknowledged_and_a_fault(number: int) -> None:
    hand = exchange()
    stop = {"transactionId": number, "meterStop": 2, "timestamp": AT}
    assert dialect_of(Version.V16).answer(hand, Call("1", "StopTransaction", stop)) == {}
    assert [fault.rule for fault in hand.station.faults] == [Rule.TRANSACTION]


def test_a_16_begin_register_that_contradicts_meter_start_is_a_fault() -> None:
    hand, dialect = exchange(), dialect_of(Version.V16)
    hand.station.note_status(1, 1, "Preparing")
    dialect.answer(hand, Call("1", "StartTransaction", REQUESTS_16["StartTransaction"]))
    sampled = [{"value": "5", "unit": "Wh", "context": "Transaction.Begin"}]
    data = [{"timestamp": AT, "sampledValue": sampled}]
    stop = {**REQUESTS_16["StopTransaction"], "meterStop": 9, "transactionData": data}
    dialect.answer(hand, Call("2", "StopTransaction", stop))
    assert [fault.rule for fault in hand.station.faults] == [Rule.METER]
