import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sim.csms_model import Version
from agent.sim.csms_reception import dialect_of
from agent.sim.frames import Direction, call_text
from agent.sim.frames_view import FramesView, describe
from agent.sim.frames_words import _REQUESTS, masked_token
from tests.unit.sim.test_csms_dialects import CASES, commands
from tests.unit.sim.test_frames import JSON

FROM, TO = Direction.FROM_STATION, Direction.TO_STATION
AT = "2026-01-01T10:00:00.000Z"


def call(action: str, payload: dict[str, object]) -> str:
    return call_text("m1", action, payload)


def test_a_transaction_event_tells_state_energy_and_current() -> None:
    sampled = [
        {"value": 512, "unitOfMeasure": {"unit": "Wh"}},
        {"value": 16, "measurand": "Current.Import", "phase": "L1"},
        {"value": 15, "measurand": "Current.Import", "phase": "L2"},
    ]
    payload = {
        "eventType": "Updated",
        "timestamp": AT,
        "triggerReason": "ChargingStateChanged",
        "seqNo": 3,
        "transactionInfo": {"transactionId": "T", "chargingState": "Charging"},
        "meterValue": [{"timestamp": AT, "sampledValue": sampled}],
    }
    line = describe(FROM, call("TransactionEvent", payload), "ocpp2.0.1")
    assert line == (
        "-> TransactionEvent Updated seq 3 ChargingStateChanged Charging 0.512 kWh, 16.0 A"
    )


def test_answers_are_matched_to_their_calls_in_both_directions() -> None:
    view = FramesView("ocpp1.6")
    assert view.describe("->", call("Authorize", {"idTag": "DEADBEEF"})) == "-> Authorize …BEEF"
    reset = view.describe("<-", call("Reset", {"type": "Hard"}))
    assert reset == "<- Reset Hard"
    answer = '[3,"m1",{"idTagInfo":{"status":"Accepted"}}]'
    assert view.describe("<-", answer) == "<- Authorize: Accepted"
    assert view.describe("->", '[3,"m1",{"status":"Rejected"}]') == "-> Reset: Rejected"
    assert view.describe("->", '[3,"m1",{}]') == "-> answer to m1"


@pytest.mark.parametrize(
    ("action", "payload", "line"),
    [
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "DEADBEEF", "meterStart": 1234, "timestamp": AT},
            "-> StartTransaction connector 1 …BEEF at 1.234 kWh",
        ),
        (
            "StopTransaction",
            {"transactionId": 5, "meterStop": 2000, "timestamp": AT, "reason": "Remote"},
            "-> StopTransaction transaction 5 at 2.000 kWh Remote",
        ),
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"},
            "-> StatusNotification connector 1 Faulted (GroundFailure)",
        ),
        (
            "BootNotification",
            {"chargePointVendor": "Example", "chargePointModel": "AC22"},
            "-> BootNotification Example AC22",
        ),
        (
            "RemoteStopTransaction",
            {"transactionId": 5},
            "-> RemoteStopTransaction transaction 5",
        ),
        (
            "UnlockConnector",
            {"evseId": 1, "connectorId": 1},
            "-> UnlockConnector EVSE 1",
        ),
        (
            "UpdateFirmware",
            {"location": "https://user:pass@host/a?b=c", "retrieveDate": AT},
            "-> UpdateFirmware https://host/a",
        ),
    ],
)
def test_messages_are_told_in_words(action: str, payload: dict[str, object], line: str) -> None:
    assert describe(FROM, call(action, payload), "ocpp1.6") == line


SECRET = "HunterTwo0123456789"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                        "attributeValue": SECRET,
                    }
                ]
            },
        ),
        ("SetNetworkProfile", {"connectionData": {"basicAuthPassword": SECRET}}),
        ("GetLog", {"log": {"remoteLocation": f"ftp://user:{SECRET}@host/x"}}),
        ("UpdateFirmware", {"firmware": {"location": f"https://host/x?token={SECRET}"}}),
        ("DataTransfer", {"vendorId": "a", "data": SECRET}),
        ("Authorize", {"idTag": SECRET}),
        ("Authorize", {"idToken": {"idToken": SECRET, "type": "Local"}}),
        ("Nonsense", {"password": SECRET}),
    ],
)
def test_secrets_are_not_shown(action: str, payload: dict[str, object]) -> None:
    view = FramesView("ocpp2.0.1")
    shown = view.describe(TO, call(action, payload))
    refused = json.dumps([4, "m1", "FormatViolation", f"bad value {SECRET}", {}])
    shown += view.describe(FROM, refused)
    assert SECRET not in shown
    assert SECRET[:-4] not in shown


def test_the_value_of_a_harmless_key_is_shown_and_that_of_a_secret_one_read_back_is_not() -> None:
    view = FramesView("ocpp1.6")
    view.describe(TO, call("GetConfiguration", {}))
    entries = [
        {"key": "WebSocketPingInterval", "readonly": False, "value": "30"},
        {"key": "AuthorizationKey", "readonly": False, "value": SECRET},
    ]
    line = view.describe(FROM, json.dumps([3, "m1", {"configurationKey": entries}]))
    assert line == "-> GetConfiguration: WebSocketPingInterval=30, AuthorizationKey=***"


def test_tokens_show_four_characters_and_short_ones_none() -> None:
    assert masked_token("DEADBEEF") == "…BEEF"
    assert masked_token("1234") == "…"


def test_control_characters_are_escaped_and_long_lines_cut() -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "\x1b[31m\n\u202e"}
    line = describe(FROM, call("StatusNotification", status), "ocpp1.6")
    assert line == "-> StatusNotification connector 1 \\x1b[31m\\n\\u202e"
    long = describe(FROM, call("FirmwareStatusNotification", {"status": "x" * 900}), "ocpp1.6")
    assert len(long) == 160
    assert long.endswith("…")


def test_frames_that_are_none_are_described_without_their_content() -> None:
    assert describe(FROM, SECRET, "ocpp1.6") == "-> unreadable frame of 19 characters (not JSON)"
    odd = describe(FROM, json.dumps([SECRET, "x"]), "ocpp1.6")
    assert odd == "-> unreadable frame of 28 characters (unknown message type str)"
    assert describe(TO, b"\x00\x01", "ocpp1.6") == "<- a binary frame of 2 bytes"


def test_message_types_of_2_1_are_remarked_on_elsewhere() -> None:
    send = '[6,"m1","NotifyPeriodicEventStream",{"id":1}]'
    assert describe(FROM, send, "ocpp2.1") == "-> NotifyPeriodicEventStream (SEND)"
    assert "not in ocpp1.6" in describe(FROM, send, "ocpp1.6")
    assert "answer refused" in describe(FROM, '[5,"m1","FormatViolation","",{}]', "ocpp2.1")


@pytest.mark.parametrize(("version", "action", "payload"), CASES)
def test_every_valid_message_of_a_station_has_words(
    version: Version, action: str, payload: dict[str, object]
) -> None:
    line = describe(FROM, call(action, payload), version)
    assert line.startswith(f"-> {action}")
    assert "unexpected" not in line


@pytest.mark.parametrize("version", list(Version))
def test_every_valid_command_has_words(version: Version) -> None:
    for command in commands(dialect_of(version)):
        line = describe(TO, call(command.action, command.payload), version)
        assert line.startswith(f"<- {command.action} ") or not command.payload
        assert "unexpected" not in line


@given(
    st.sampled_from(sorted(_REQUESTS)),
    st.dictionaries(
        st.sampled_from(
            [
                "idToken",
                "meterValue",
                "chargingProfile",
                "evse",
                "status",
                "transactionInfo",
                "setVariableData",
                "configurationKey",
                "location",
                "key",
                "value",
                "connectorId",
                "idTagInfo",
                "statusInfo",
                "chargingSchedule",
                "meterStart",
                "firmware",
            ]
        ),
        JSON,
    ),
)
def test_no_content_however_odd_breaks_the_view(action: str, payload: dict[str, object]) -> None:
    view = FramesView("ocpp2.0.1")
    line = view.describe(FROM, call(action, payload))
    line += view.describe(TO, json.dumps([3, "m1", payload]))
    assert line.isprintable()


@given(st.text() | st.binary() | st.lists(JSON).map(json.dumps))
def test_no_frame_however_odd_breaks_the_view(text: str | bytes) -> None:
    line = describe(FROM, text, "ocpp2.1")
    assert line.isprintable()
    assert len(line) <= 160
