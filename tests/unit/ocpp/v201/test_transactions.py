import logging
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.core.events import HeartbeatDue
from agent.core.facts import TransactionAcknowledged
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.transaction_status import GetTransactionStatus, TransactionStatus
from agent.core.vocabulary import (
    AuthorizationStatus,
    ChargingState,
    IdToken,
    IdTokenInfo,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
)
from agent.ocpp.codec import Call
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import (
    ENDED,
    NOW,
    SENT_NOW,
    TRANSACTION_ID,
    UPDATED,
    read,
    told,
)
from tests.wire.official_schemas import OFFLINE, ONLINE, check_response

TOKEN = IdToken("DEADBEEF")


@pytest.mark.requirement("E01.FR.15", "E01.FR.07")
def test_a_bare_event_tells_nothing_that_it_does_not_have() -> None:
    assert told(UPDATED) == {
        "eventType": "Updated",
        "timestamp": SENT_NOW,
        "triggerReason": "ChargingStateChanged",
        "seqNo": 3,
        "transactionInfo": {"transactionId": TRANSACTION_ID},
    }


@pytest.mark.requirement("E01.FR.16", "E02.FR.01", "E01.FR.13", "F01.FR.25", "E02.FR.18")
def test_a_full_event_tells_everything_that_it_has() -> None:
    event = replace(
        UPDATED,
        phase=TransactionPhase.STARTED,
        names_evse=True,
        evse=2,
        connector=1,
        id_token=TOKEN,
        charging_state=ChargingState.CHARGING,
        remote_start_id=0,
        reservation_id=0,
        cable_max_a=32,
        phases_used=3,
        time_spent_charging_s=0,
        meter_values=(MeterValue(NOW, (SampledValue(Decimal("1.5")),)),),
    )

    payload = told(event)

    assert payload["evse"] == {"id": 2, "connectorId": 1}
    assert payload["idToken"] == {"idToken": "DEADBEEF", "type": "ISO14443"}
    assert payload["reservationId"] == 0
    assert payload["cableMaxCurrent"] == 32
    assert payload["numberOfPhasesUsed"] == 3
    assert payload["meterValue"][0]["sampledValue"][0]["value"] == 1.5
    assert payload["transactionInfo"] == {
        "transactionId": TRANSACTION_ID,
        "chargingState": "Charging",
        "remoteStartId": 0,
        "timeSpentCharging": 0,
    }


@pytest.mark.requirement("E04.FR.03", "E11.FR.02", "E11.FR.07")
def test_an_event_that_happened_or_waited_offline_says_so() -> None:
    assert told(replace(UPDATED, offline=True))["offline"] is True
    assert told(UPDATED, OFFLINE)["offline"] is True
    assert "offline" not in told(UPDATED, ONLINE)


@pytest.mark.requirement("E06.FR.08", "E07.FR.05")
@pytest.mark.parametrize("reason", StoppedReason)
def test_an_ended_transaction_tells_why(reason: StoppedReason) -> None:
    payload = told(replace(ENDED, stopped_reason=reason))

    assert payload["transactionInfo"]["stoppedReason"] == reason


@pytest.mark.requirement("E06.FR.09")
def test_a_drivers_stop_may_go_without_a_reason() -> None:
    assert "stoppedReason" not in told(ENDED)["transactionInfo"]


@pytest.mark.requirement("E06.FR.08")
def test_an_unexplained_end_is_not_passed_off_as_the_drivers() -> None:
    payload = told(replace(ENDED, trigger=TriggerReason.ABNORMAL_CONDITION))

    assert payload["transactionInfo"]["stoppedReason"] == "Other"


def test_a_transaction_that_goes_on_has_no_reason_for_its_end() -> None:
    payload = told(replace(UPDATED, stopped_reason=StoppedReason.REMOTE))

    assert "stoppedReason" not in payload["transactionInfo"]


@pytest.mark.parametrize("impossible", [-1, 4])
def test_a_number_of_phases_that_cannot_be_is_left_out(impossible: int) -> None:
    assert "numberOfPhasesUsed" not in told(replace(UPDATED, phases_used=impossible))


def test_a_token_that_does_not_fit_is_left_out_and_not_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "T" * 37

    payload = told(replace(UPDATED, id_token=IdToken(secret)))

    assert "idToken" not in payload
    assert "37 characters" in caplog.text
    assert secret not in caplog.text


def test_a_transaction_id_that_does_not_fit_is_not_cut_but_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        assert CODEC.encode(replace(UPDATED, transaction_id="i" * 37), ONLINE) == ()

    assert "cannot be told" in caplog.text


REPLY = {"totalCost": 0.25, "idTokenInfo": {"status": "ConcurrentTx"}}
CALL = Call("TransactionEvent", {})


@pytest.mark.requirement("C10.FR.05", "E05.FR.10")
def test_the_answer_to_an_event_with_token_judges_the_token() -> None:
    event = replace(UPDATED, id_token=TOKEN)
    check_response(CODEC, "TransactionEvent", REPLY)

    assert CODEC.fact(CALL, event, REPLY, ONLINE) == TransactionAcknowledged(
        TRANSACTION_ID, info=IdTokenInfo(AuthorizationStatus.CONCURRENT_TX), token=TOKEN
    )


def test_an_unasked_verdict_does_not_count() -> None:
    acknowledged = TransactionAcknowledged(TRANSACTION_ID)

    assert CODEC.fact(CALL, UPDATED, REPLY, ONLINE) == acknowledged
    assert CODEC.fact(CALL, replace(UPDATED, id_token=TOKEN), {}, ONLINE) == acknowledged


def test_an_answer_to_something_else_is_no_acknowledgement() -> None:
    assert CODEC.fact(CALL, HeartbeatDue(), {}, ONLINE) is None


@pytest.mark.requirement("E14.FR.06", "E14.FR.07")
def test_a_status_without_transaction_tells_nothing_ongoing() -> None:
    assert read("GetTransactionStatus", {}) == GetTransactionStatus(None)
    reply = CODEC.encode_outcome("GetTransactionStatus", TransactionStatus(True), {}, ONLINE)
    assert check_response(CODEC, "GetTransactionStatus", reply) == {"messagesInQueue": True}


@pytest.mark.requirement("E14.FR.01", "E14.FR.03")
def test_a_status_of_a_transaction_tells_that_it_is_over() -> None:
    assert read("GetTransactionStatus", {"transactionId": "x"}) == GetTransactionStatus("x")
    outcome = TransactionStatus(messages_in_queue=False, ongoing=False)
    reply = CODEC.encode_outcome("GetTransactionStatus", outcome, {}, ONLINE)
    told = check_response(CODEC, "GetTransactionStatus", reply)
    assert told == {"ongoingIndicator": False, "messagesInQueue": False}
