"""Whole conversations in 1.6 against golden files: the scenes of 2.x, and what only 1.6 asks."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.config.components import Capability, StationSupport
from agent.config.initial_values import device_model_for
from agent.config.load import load
from agent.core.commands import (
    ACCEPTED,
    CompositeSchedule,
    DataTransferStatus,
    Outcome,
    StartOutcome,
    UnlockStatus,
    VariableName,
    VariableResult,
    VariableResults,
    Verdict,
    rejected,
)
from agent.core.events import TransactionEvent
from agent.core.smart_charging.composite import CompositePeriod
from agent.ocpp.codec import Codec, CodecContext
from agent.ocpp.directory import StationDirectory
from agent.ocpp.v16.codec import with_keys
from tests.wire import scenes
from tests.wire.transcript import Asks, Scene, Tells, play

EXAMPLE = Path(__file__).parents[2] / "config" / "station.toml"
PLACES = ((1, 1), (2, 1))
_TIME = "2025-05-17T06:30:00.000Z"
_ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
_SCHEDULE = {
    "chargingRateUnit": "A",
    "startSchedule": "2025-05-17T06:30:00Z",
    "duration": 86400,
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.3},
        {"startPeriod": 3600, "limit": 6.5, "numberPhases": 3},
    ],
}
_PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": _SCHEDULE,
}
_TX_PROFILE = _PROFILE | {"chargingProfilePurpose": "TxProfile"}
_HEARTBEAT = VariableName("OCPPCommCtrlr", "HeartbeatInterval")

SCENES: dict[str, Scene] = {
    "boot": (
        Tells(scenes.BOOT, reply={"status": "Pending", "currentTime": _TIME, "interval": 10}),
        Tells(scenes.BOOT, reply={"status": "Accepted", "currentTime": _TIME, "interval": 300}),
        *(Tells(event, reply={}) for event in scenes.AFTER_BOOT),
        Tells(scenes.HEARTBEAT, reply={"currentTime": "2025-05-17T06:35:00.500Z"}),
    ),
    "local_session": (
        Tells(scenes.PLUG_IN, reply={}),
        Tells(scenes.STARTED),
        Tells(
            scenes.ASKED,
            reply={
                "idTagInfo": {
                    "status": "Accepted",
                    "parentIdTag": "FLEET",
                    "expiryDate": "2025-06-01T00:00:00.000Z",
                }
            },
        ),
        Tells(scenes.AUTHORIZED, reply={"transactionId": 0, **_ACCEPTED}),
        Tells(scenes.POWER_PATH_CLOSED, reply={}),
        Tells(scenes.CHARGES),
        Tells(scenes.PERIODIC, reply={}),
        Tells(scenes.LIMIT_CHANGED),
        Tells(scenes.ENDED, reply=_ACCEPTED),
        Tells(scenes.PLUG_OUT, reply={}),
        Tells(scenes.CLOCK_ALIGNED, reply={}),
        Tells(scenes.MAIN_METER, reply={}),
    ),
    "power_loss": (
        Tells(scenes.REMOTE_STARTED, offline=True, reply={"transactionId": 4711, **_ACCEPTED}),
        Tells(scenes.PERIODIC, offline=True, reply={}),
        Tells(scenes.POWER_LOSS, reply={}),
    ),
    "remote_session": (
        Asks("RemoteStartTransaction", {"idTag": scenes.TOKEN.value, "connectorId": 0}),
        Asks(
            "RemoteStartTransaction",
            {"idTag": scenes.TOKEN.value, "connectorId": 1, "chargingProfile": _TX_PROFILE},
            StartOutcome(ACCEPTED),
        ),
        Asks("RemoteStopTransaction", {"transactionId": 4711}),
        Tells(scenes.REMOTE_STARTED, reply={"transactionId": 4711, **_ACCEPTED}),
        Asks("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}, ACCEPTED),
        Asks(
            "TriggerMessage",
            {"requestedMessage": "DiagnosticsStatusNotification"},
            Outcome(Verdict.NOT_IMPLEMENTED),
        ),
        Asks("RemoteStopTransaction", {"transactionId": 4711}, ACCEPTED),
        Tells(scenes.REMOTE_STOPPED, reply={}),
        Asks("RemoteStopTransaction", {"transactionId": 4711}, rejected("TxNotFound")),
    ),
    "configuration": (
        Asks("GetConfiguration", {"key": ["HeartbeatInterval", "AuthorizationKey", "Nonsense"]}),
        Asks(
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "value": "60"},
            VariableResults((VariableResult(_HEARTBEAT, "Accepted"),)),
        ),
        Asks("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "-1"}),
        Asks("ChangeConfiguration", {"key": "Nonsense", "value": "1"}),
    ),
    "smart_charging": (
        Asks("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": _PROFILE}, ACCEPTED),
        Asks(
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": _TX_PROFILE | {"transactionId": 12}},
        ),
        Asks(
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": _TX_PROFILE},
            rejected("TxNotFound"),
        ),
        Asks(
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 7200, "chargingRateUnit": "A"},
            CompositeSchedule(
                evse=1,
                start=scenes.at(0),
                duration_s=7200,
                unit="A",
                periods=(
                    CompositePeriod(0, Decimal("16.3")),
                    CompositePeriod(3600, Decimal("6.5")),
                ),
            ),
        ),
        Asks("ClearChargingProfile", {"id": 1}, ACCEPTED),
        Asks("ClearChargingProfile", {}, Outcome(Verdict.UNKNOWN)),
    ),
    "operation": (
        Asks(
            "ChangeAvailability",
            {"connectorId": 1, "type": "Inoperative"},
            Outcome(Verdict.SCHEDULED),
        ),
        Asks("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, ACCEPTED),
        Asks("ChangeAvailability", {"connectorId": 9, "type": "Operative"}),
        Asks("UnlockConnector", {"connectorId": 1}, UnlockStatus.UNLOCKED),
        Asks("UnlockConnector", {"connectorId": 2}, UnlockStatus.NO_LOCK),
        Asks("UnlockConnector", {"connectorId": 9}),
        Asks("Reset", {"type": "Soft"}, ACCEPTED),
        Asks("DataTransfer", {"vendorId": "org.example"}, DataTransferStatus.UNKNOWN_VENDOR_ID),
    ),
}


class Numbers:
    """The numbers that the CSMS gave."""

    def __init__(self) -> None:
        self.given: dict[str, int] = {}

    def number_of(self, transaction_id: str) -> int | None:
        return self.given.get(transaction_id)

    def transaction_of(self, number: int) -> str | None:
        return next((ours for ours, theirs in self.given.items() if theirs == number), None)

    async def remember(self, transaction_id: str, number: int) -> None:
        self.given[transaction_id] = number


def codec_of_a_station() -> Codec:
    support = StationSupport(firmware_version="1.0.0", capabilities=frozenset(Capability))
    return with_keys(device_model_for(load(EXAMPLE), support))


def played(codec: Codec, scene: Scene) -> list[dict[str, Any]]:
    """Play step by step: the answer to StartTransaction counts from the next step on."""
    numbers, transcript = Numbers(), []
    context = CodecContext(directory=StationDirectory(PLACES, numbers))
    for step in scene:
        transcript += play(codec, [step], context)
        if isinstance(step, Tells) and isinstance(step.event, TransactionEvent):
            number = (step.reply or {}).get("transactionId")
            if number is not None:
                numbers.given[step.event.transaction_id] = number
    return transcript


@pytest.mark.parametrize("name", SCENES)
def test_the_conversation_is_word_for_word_the_golden_one(
    name: str, compare_with_golden: Callable[[str, str, list[dict[str, Any]]], None]
) -> None:
    compare_with_golden("v16", name, played(codec_of_a_station(), SCENES[name]))
