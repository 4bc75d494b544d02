"""Whole conversations in 2.0.1 and 2.1 against golden files; their diff shows the differences."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from agent.core.commands import (
    ACCEPTED,
    CompositeSchedule,
    DataTransferStatus,
    Outcome,
    Refusal,
    ReportVerdict,
    StartOutcome,
    UnlockStatus,
    VariableName,
    VariableResult,
    VariableResults,
    Verdict,
    rejected,
)
from agent.core.reservation import ReserveOutcome, ReserveStatus
from agent.core.smart_charging.composite import CompositePeriod
from agent.ocpp.codec import Codec
from agent.ocpp.v21.codec import CODEC as V21
from agent.ocpp.v201.codec import CODEC as V201
from tests.wire import scenes
from tests.wire.official_schemas import ONLINE
from tests.wire.transcript import Asks, Scene, Tells, play

_TIME = "2025-05-17T06:30:00.000Z"
_HEARTBEAT = {
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "HeartbeatInterval"},
}
_HEARTBEAT_NAME = VariableName("OCPPCommCtrlr", "HeartbeatInterval")
_SCHEDULE = {
    "id": 1,
    "chargingRateUnit": "A",
    "startSchedule": "2025-05-17T06:30:00Z",
    "duration": 86400,
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.0},
        {"startPeriod": 3600, "limit": 6.5, "numberPhases": 3},
    ],
}
_PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [_SCHEDULE],
}
_TOKEN = {"idToken": scenes.TOKEN.value, "type": "ISO14443"}

SCENES: dict[str, Scene] = {
    "boot": (
        Tells(scenes.BOOT, reply={"status": "Pending", "currentTime": _TIME, "interval": 10}),
        Tells(scenes.BOOT, reply={"status": "Accepted", "currentTime": _TIME, "interval": 300}),
        *(Tells(event, reply={}) for event in scenes.AFTER_BOOT),
        Tells(scenes.HEARTBEAT, reply={"currentTime": "2025-05-17T06:35:00.500Z"}),
    ),
    "local_session": (
        Tells(scenes.PLUG_IN, reply={}),
        Tells(scenes.STARTED, reply={}),
        Tells(
            scenes.ASKED,
            reply={
                "idTokenInfo": {
                    "status": "Accepted",
                    "groupIdToken": {"idToken": "FLEET", "type": "Central"},
                    "cacheExpiryDateTime": "2025-06-01T00:00:00.000Z",
                    "evseId": [1],
                }
            },
        ),
        Tells(scenes.AUTHORIZED, reply={"idTokenInfo": {"status": "Accepted"}}),
        Tells(scenes.POWER_PATH_CLOSED),
        Tells(scenes.CHARGES, reply={"idTokenInfo": {"status": "Invalid"}}),
        Tells(scenes.PERIODIC, reply={}),
        Tells(scenes.ENDED, reply={"totalCost": 0.25, "idTokenInfo": {"status": "Accepted"}}),
        Tells(scenes.PLUG_OUT, reply={}),
        Tells(scenes.CLOCK_ALIGNED, reply={}),
        Tells(scenes.MAIN_METER, reply={}),
    ),
    "power_loss": (
        Tells(scenes.STARTED, offline=True, reply={}),
        Tells(scenes.PERIODIC, offline=True, reply={}),
        Tells(scenes.POWER_LOSS, reply={}),
    ),
    "remote_session": (
        Asks(
            "RequestStartTransaction",
            {"idToken": _TOKEN, "remoteStartId": 17, "evseId": 1},
            StartOutcome(ACCEPTED),
        ),
        Tells(scenes.REMOTE_STARTED, reply={"idTokenInfo": {"status": "Accepted"}}),
        Asks(
            "TriggerMessage",
            {"requestedMessage": "TransactionEvent", "evse": {"id": 1}},
            ACCEPTED,
        ),
        Asks(
            "TriggerMessage",
            {"requestedMessage": "SignChargingStationCertificate"},
            Outcome(Verdict.NOT_IMPLEMENTED),
        ),
        Asks("RequestStopTransaction", {"transactionId": scenes.TRANSACTION_ID}, ACCEPTED),
        Tells(scenes.REMOTE_STOPPED, reply={}),
        Asks(
            "RequestStopTransaction",
            {"transactionId": scenes.TRANSACTION_ID},
            rejected("TxNotFound", "no such transaction is running"),
        ),
    ),
    "device_model": (
        Asks(
            "GetVariables",
            {
                "getVariableData": [
                    _HEARTBEAT,
                    {
                        "component": {"name": "EVSE", "evse": {"id": 1}},
                        "variable": {"name": "Nothing"},
                        "attributeType": "Target",
                    },
                ]
            },
            VariableResults(
                (
                    VariableResult(_HEARTBEAT_NAME, "Accepted", value="300"),
                    VariableResult(
                        VariableName("EVSE", "Nothing", evse=1), "UnknownVariable", "Target"
                    ),
                )
            ),
        ),
        Asks(
            "SetVariables",
            {"setVariableData": [_HEARTBEAT | {"attributeValue": "-1"}]},
            VariableResults(
                (
                    VariableResult(
                        _HEARTBEAT_NAME, "Rejected", refusal=Refusal("ValueTooLow", "at least 1")
                    ),
                )
            ),
        ),
        Asks(
            "GetBaseReport",
            {"requestId": 3, "reportBase": "FullInventory"},
            ReportVerdict.ACCEPTED,
        ),
        Tells(scenes.REPORT, reply={}),
    ),
    "smart_charging": (
        Asks("SetChargingProfile", {"evseId": 0, "chargingProfile": _PROFILE}, ACCEPTED),
        Asks(
            "SetChargingProfile",
            {"evseId": 9, "chargingProfile": _PROFILE},
            rejected("InvalidValue", "there is no EVSE 9"),
        ),
        Asks(
            "SetChargingProfile",
            {
                "evseId": 0,
                "chargingProfile": _PROFILE | {"chargingSchedule": [_SCHEDULE, _SCHEDULE]},
            },
            rejected("InvalidSchedule"),
        ),
        Asks(
            "GetCompositeSchedule",
            {"evseId": 1, "duration": 7200, "chargingRateUnit": "A"},
            CompositeSchedule(
                evse=1,
                start=scenes.at(0),
                duration_s=7200,
                unit="A",
                periods=(
                    CompositePeriod(0, Decimal(16)),
                    CompositePeriod(3600, Decimal("6.5")),
                ),
            ),
        ),
        Asks(
            "GetCompositeSchedule",
            {"evseId": 9, "duration": 60},
            CompositeSchedule(evse=9, start=scenes.at(0), duration_s=60, unit="A", periods=None),
        ),
        Asks("ClearChargingProfile", {"chargingProfileId": 1}, ACCEPTED),
        Asks(
            "ClearChargingProfile",
            {"chargingProfileCriteria": {"chargingProfilePurpose": "TxProfile"}},
            Outcome(Verdict.UNKNOWN),
        ),
        Asks("ClearChargingProfile", {}),
    ),
    "reservation": (
        Asks(
            "ReserveNow",
            {
                "id": 7,
                "expiryDateTime": "2025-05-17T08:00:00.000Z",
                "idToken": _TOKEN,
                "connectorType": "sType2",
            },
            ReserveOutcome(ReserveStatus.ACCEPTED),
        ),
        Tells(scenes.RESERVED, reply={}),
        Asks(
            "ReserveNow",
            {"id": 8, "expiryDateTime": "2025-05-17T08:00:00Z", "idToken": _TOKEN, "evseId": 9},
            ReserveOutcome(ReserveStatus.REJECTED, "UnknownEvse", "there is no EVSE 9"),
        ),
        Tells(scenes.RESERVATION_USED, reply={"idTokenInfo": {"status": "Accepted"}}),
        Tells(scenes.RESERVATION_EXPIRED, reply={}),
        Tells(scenes.RESERVATION_UNUSED),
        Asks("CancelReservation", {"reservationId": 7}, rejected("NotFound")),
    ),
    "lock_failure": (Tells(scenes.LOCK_FAILED, reply={}),),
    "operation": (
        Asks(
            "ChangeAvailability",
            {"operationalStatus": "Inoperative", "evse": {"id": 1}},
            Outcome(Verdict.SCHEDULED),
        ),
        Asks("UnlockConnector", {"evseId": 1, "connectorId": 1}, UnlockStatus.UNLOCKED),
        Asks("UnlockConnector", {"evseId": 1, "connectorId": 1}, UnlockStatus.NO_LOCK),
        Asks("Reset", {"type": "OnIdle"}, Outcome(Verdict.SCHEDULED)),
        Asks("Reset", {"type": "Immediate", "evseId": 1}, rejected("UnsupportedRequest")),
        Asks("DataTransfer", {"vendorId": "org.example"}, DataTransferStatus.UNKNOWN_VENDOR_ID),
    ),
}


@pytest.mark.parametrize("codec", [V201, V21], ids=lambda codec: codec.schemas)
@pytest.mark.parametrize("name", SCENES)
def test_the_conversation_is_word_for_word_the_golden_one(
    name: str,
    codec: Codec,
    compare_with_golden: Callable[[str, str, list[dict[str, Any]]], None],
) -> None:
    compare_with_golden(codec.schemas, name, play(codec, SCENES[name], ONLINE))
