from typing import Any

import pytest

from agent.core.commands import (
    ACCEPTED,
    Outcome,
    RequestStart,
    RequestStop,
    StartOutcome,
    TriggerMessage,
    UnlockConnector,
    UnlockStatus,
    Verdict,
    rejected,
)
from agent.core.vocabulary import IdToken, MessageTrigger, ProfilePurpose
from agent.ocpp.codec import Answer
from agent.ocpp.v16.codec import CODEC
from agent.ocpp.v16.smart_charging import RULES
from tests.unit.ocpp.v16.instances import (
    KNOWN,
    NUMBER,
    TRANSACTION_ID,
    UNKNOWN,
    numbered,
    read,
)
from tests.wire.official_schemas import check_response

REJECTED = Answer({"status": "Rejected"})
PROFILE = {
    "chargingProfileId": 8,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.3}],
    },
}


def replied(action: str, outcome: Any) -> Any:
    return check_response(CODEC, action, CODEC.encode_outcome(action, outcome, {}, UNKNOWN))


def test_a_remote_start_names_token_and_connector() -> None:
    payload = {"idTag": "ABC", "connectorId": 2}
    assert read("RemoteStartTransaction", payload) == RequestStart(
        id_token=IdToken("ABC"), evse=2, rules=RULES, group_untold=True
    )


def test_without_connector_the_station_chooses() -> None:
    assert read("RemoteStartTransaction", {"idTag": "ABC"}).evse is None


@pytest.mark.requirement("S16-RTX-03")
@pytest.mark.parametrize("connector", [0, 3, -1])
def test_connector_0_and_connectors_that_are_not_there_are_refused(connector: int) -> None:
    payload = {"idTag": "ABC", "connectorId": connector}
    assert read("RemoteStartTransaction", payload) == REJECTED


def test_a_profile_is_attached_with_its_purpose_for_the_core_to_judge() -> None:
    for word, purpose in (
        ("TxProfile", ProfilePurpose.TX),
        ("TxDefaultProfile", ProfilePurpose.TX_DEFAULT),
    ):
        profile = PROFILE | {"chargingProfilePurpose": word}
        command = read("RemoteStartTransaction", {"idTag": "ABC", "chargingProfile": profile})
        assert command.profile.purpose is purpose
        assert command.profile.transaction_id is None


def test_a_profile_for_an_unknown_transaction_is_refused() -> None:
    profile = PROFILE | {"transactionId": NUMBER}
    payload = {"idTag": "ABC", "chargingProfile": profile}
    assert read("RemoteStartTransaction", payload, UNKNOWN) == REJECTED


@pytest.mark.parametrize(
    ("outcome", "status"), [(ACCEPTED, "Accepted"), (rejected("TxInProgress"), "Rejected")]
)
def test_the_reply_to_a_remote_start_is_its_verdict(outcome: Outcome, status: str) -> None:
    started = StartOutcome(outcome, TRANSACTION_ID)
    assert replied("RemoteStartTransaction", started) == {"status": status}


@pytest.mark.parametrize("number", [NUMBER, 0])
def test_a_remote_stop_finds_the_transaction_by_the_number_of_the_csms(number: int) -> None:
    command = read("RemoteStopTransaction", {"transactionId": number}, numbered(number))
    assert command == RequestStop(TRANSACTION_ID)


def test_a_remote_stop_of_an_unknown_number_is_refused() -> None:
    assert read("RemoteStopTransaction", {"transactionId": 1}, KNOWN) == REJECTED


def test_minus_1_names_no_transaction_though_dropped_starts_have_it() -> None:
    assert read("RemoteStopTransaction", {"transactionId": -1}, numbered(-1)) == REJECTED


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
@pytest.mark.parametrize(
    ("message", "trigger"),
    [
        ("BootNotification", MessageTrigger.BOOT_NOTIFICATION),
        ("Heartbeat", MessageTrigger.HEARTBEAT),
        ("MeterValues", MessageTrigger.METER_VALUES),
        ("StatusNotification", MessageTrigger.STATUS_NOTIFICATION),
        ("FirmwareStatusNotification", MessageTrigger.FIRMWARE_STATUS_NOTIFICATION),
    ],
)
def test_a_trigger_is_one_that_the_station_knows_or_none(
    action: str, message: str, trigger: MessageTrigger | None
) -> None:
    assert read(action, {"requestedMessage": message}) == TriggerMessage(
        trigger, extended=action == "ExtendedTriggerMessage"
    )


def test_a_connector_counts_only_where_it_matters() -> None:
    def trigger(message: str, connector: int) -> Any:
        return read("TriggerMessage", {"requestedMessage": message, "connectorId": connector})

    assert trigger("MeterValues", 2) == TriggerMessage(
        MessageTrigger.METER_VALUES, 2, 1, extended=False
    )
    assert trigger("StatusNotification", 0) == TriggerMessage(
        MessageTrigger.STATUS_NOTIFICATION, extended=False
    )
    assert trigger("StatusNotification", 3) == REJECTED
    assert trigger("Heartbeat", 3) == TriggerMessage(MessageTrigger.HEARTBEAT, extended=False)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ACCEPTED, "Accepted"),
        (Outcome(Verdict.NOT_IMPLEMENTED), "NotImplemented"),
        (rejected("NotEnabled"), "Rejected"),
    ],
)
def test_the_reply_to_a_trigger_has_three_words(outcome: Outcome, status: str) -> None:
    assert replied("TriggerMessage", outcome) == {"status": status}


def test_a_connector_is_unlocked_by_its_place() -> None:
    assert read("UnlockConnector", {"connectorId": 2}) == UnlockConnector(2, 1)


@pytest.mark.requirement("S16-UNL-01")
@pytest.mark.parametrize("connector", [0, 3])
def test_what_is_no_connector_cannot_be_unlocked(connector: int) -> None:
    answer = read("UnlockConnector", {"connectorId": connector})
    assert answer == Answer({"status": "NotSupported"})


@pytest.mark.requirement("S16-UNL-01")
@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (UnlockStatus.UNLOCKED, "Unlocked"),
        (UnlockStatus.UNLOCK_FAILED, "UnlockFailed"),
        (UnlockStatus.ONGOING_AUTHORIZED_TRANSACTION, "UnlockFailed"),
        (UnlockStatus.NO_LOCK, "NotSupported"),
        (UnlockStatus.UNKNOWN_CONNECTOR, "NotSupported"),
    ],
)
def test_the_reply_to_unlock_has_three_words(outcome: UnlockStatus, status: str) -> None:
    assert replied("UnlockConnector", outcome) == {"status": status}
