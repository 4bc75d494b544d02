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
from agent.core.smart_charging.profiles import ChargingProfile
from agent.core.vocabulary import IdToken, MessageTrigger, ProfilePurpose
from agent.ocpp.codec import CallRejected
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import TRANSACTION_ID, read
from tests.unit.ocpp.v201.test_smart_charging import PROFILE
from tests.wire.official_schemas import ONLINE, check_response

START: dict[str, Any] = {
    "idToken": {"idToken": "04A2B3C4", "type": "ISO14443"},
    "remoteStartId": 17,
}

OF_OTHER_VERSIONS = frozenset(
    {
        MessageTrigger.DIAGNOSTICS_STATUS_NOTIFICATION,
        MessageTrigger.SIGN_V2G_20_CERTIFICATE,
    }
)


def replied(action: str, outcome: Any) -> Any:
    return check_response(CODEC, action, CODEC.encode_outcome(action, outcome, {}, ONLINE))


@pytest.mark.requirement("F01.FR.06", "F01.FR.04")
def test_a_remote_start_may_leave_the_choice_of_evse_to_the_station() -> None:
    assert read("RequestStartTransaction", START) == RequestStart(
        id_token=IdToken("04A2B3C4"), remote_start_id=17
    )


def test_a_remote_start_may_name_evse_group_and_profile() -> None:
    tx_profile = PROFILE | {"chargingProfilePurpose": "TxProfile"}
    group = {"idToken": "FLEET", "type": "Central"}

    command = read(
        "RequestStartTransaction",
        START | {"evseId": 2, "groupIdToken": group, "chargingProfile": tx_profile},
    )

    assert isinstance(command, RequestStart)
    assert command.evse == 2
    assert command.group_id_token == IdToken("FLEET", "Central")
    assert isinstance(command.profile, ChargingProfile)
    assert command.profile.purpose is ProfilePurpose.TX


@pytest.mark.requirement("F01.FR.13")
def test_the_reply_to_a_remote_start_names_a_transaction_that_runs_already() -> None:
    action = "RequestStartTransaction"

    assert replied(action, StartOutcome(ACCEPTED)) == {"status": "Accepted"}
    assert replied(action, StartOutcome(ACCEPTED, TRANSACTION_ID)) == {
        "status": "Accepted",
        "transactionId": TRANSACTION_ID,
    }
    assert replied(action, StartOutcome(rejected("UnknownEvse"))) == {
        "status": "Rejected",
        "statusInfo": {"reasonCode": "UnknownEvse"},
    }


@pytest.mark.requirement("F03.FR.07", "F03.FR.08")
def test_a_remote_stop_names_the_transaction() -> None:
    payload = {"transactionId": TRANSACTION_ID}

    assert read("RequestStopTransaction", payload) == RequestStop(TRANSACTION_ID)
    assert replied("RequestStopTransaction", ACCEPTED) == {"status": "Accepted"}
    assert replied("RequestStopTransaction", rejected("TxNotFound"))["status"] == "Rejected"


@pytest.mark.requirement("F06.FR.01")
@pytest.mark.parametrize("trigger", [t for t in MessageTrigger if t not in OF_OTHER_VERSIONS])
def test_known_messages_can_be_triggered(trigger: MessageTrigger) -> None:
    payload = {"requestedMessage": trigger.value, "evse": {"id": 1, "connectorId": 2}}

    assert read("TriggerMessage", payload) == TriggerMessage(trigger, 1, 2)


@pytest.mark.requirement("F06.FR.08")
@pytest.mark.parametrize("message", ["PublishFirmwareStatusNotification"])
def test_a_message_that_the_station_does_not_send_has_no_trigger(message: str) -> None:
    assert read("TriggerMessage", {"requestedMessage": message}) == TriggerMessage(None)


@pytest.mark.requirement("F06.FR.05", "F06.FR.08")
@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.ACCEPTED, "Accepted"),
        (Verdict.REJECTED, "Rejected"),
        (Verdict.NOT_IMPLEMENTED, "NotImplemented"),
        (Verdict.SCHEDULED, "Rejected"),
    ],
)
def test_the_reply_to_a_trigger_tells_whether_it_will_be_sent(
    verdict: Verdict, status: str
) -> None:
    assert replied("TriggerMessage", Outcome(verdict)) == {"status": status}


@pytest.mark.requirement("F05.FR.01", "F05.FR.02", "F05.FR.03", "F05.FR.04", "F05.FR.05")
@pytest.mark.parametrize("status", [s for s in UnlockStatus if s is not UnlockStatus.NO_LOCK])
def test_the_reply_to_unlock_tells_how_it_went(status: UnlockStatus) -> None:
    payload = {"evseId": 1, "connectorId": 2}

    assert read("UnlockConnector", payload) == UnlockConnector(1, 2)
    assert replied("UnlockConnector", status) == {"status": status.value}


@pytest.mark.requirement("F05.FR.07")
def test_a_connector_without_lock_cannot_be_unlocked_at_all() -> None:
    with pytest.raises(CallRejected) as caught:
        CODEC.encode_outcome("UnlockConnector", UnlockStatus.NO_LOCK, {}, ONLINE)

    assert caught.value.code is RpcErrorCode.NOT_SUPPORTED
