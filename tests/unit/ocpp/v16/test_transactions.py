import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.events import HeartbeatDue, TransactionEvent
from agent.core.facts import TransactionAcknowledged
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import (
    AuthorizationStatus,
    IdToken,
    IdTokenInfo,
    ReadingContext,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
)
from agent.ocpp.codec import Call
from agent.ocpp.v16.codec import CODEC
from agent.ocpp.v16.transactions import stop_reason, transaction_event, whole_wh
from tests.unit.ocpp.v16.instances import (
    ENDED,
    KNOWN,
    NOW,
    NUMBER,
    SENT_NOW,
    STARTED,
    TOKEN,
    TRANSACTION_ID,
    UNKNOWN,
    UPDATED,
    numbered,
    silent,
    told,
)
from tests.wire.official_schemas import check_response

READING = (MeterValue(NOW, (SampledValue(Decimal("12345.6")),)),)
REASONS_OF_16 = {
    *("DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other"),
    *("PowerLoss", "Reboot", "Remote", "SoftReset", "UnlockCommand"),
}
registers = st.decimals(min_value=0, max_value=10**12, places=3)


def stopped(**fields: Any) -> Any:
    action, payload = told(replace(ENDED, **fields))
    assert action == "StopTransaction"
    return payload


def learned(event: TransactionEvent, action: str, reply: dict[str, Any]) -> Any:
    return CODEC.fact(Call(action, {}), event, check_response(CODEC, action, reply), KNOWN)


# --- StartTransaction.


@pytest.mark.requirement("S16-TXN-01")
def test_the_event_that_names_the_token_starts_the_transaction() -> None:
    assert told(replace(STARTED, reservation_id=5), UNKNOWN) == (
        "StartTransaction",
        {
            "connectorId": 2,
            "idTag": TOKEN.value,
            "meterStart": 12341,
            "timestamp": SENT_NOW,
            "reservationId": 5,
        },
    )


def test_a_token_that_is_known_later_starts_it_later() -> None:
    plugged_in = replace(STARTED, id_token=None, starts_billing=False, meter_values=READING)
    authorized = replace(STARTED, phase=TransactionPhase.UPDATED, register_wh=Decimal("12341.2"))

    assert silent(plugged_in, UNKNOWN)
    action, payload = told(authorized, UNKNOWN)
    assert (action, payload["meterStart"]) == ("StartTransaction", 12341)


def test_a_start_that_was_answered_is_not_told_again() -> None:
    for number in (NUMBER, 0, -1):
        assert silent(STARTED, numbered(number))


def test_a_token_that_does_not_fit_starts_nothing_and_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert silent(replace(STARTED, id_token=IdToken("x" * 21)), UNKNOWN)
    assert silent(replace(STARTED, id_token=None), UNKNOWN)
    assert TRANSACTION_ID in caplog.text
    assert "x" * 21 not in caplog.text


@pytest.mark.parametrize("number", [NUMBER, 0])
def test_the_answer_gives_the_number_of_which_0_is_one(number: int) -> None:
    reply = {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
    assert learned(STARTED, "StartTransaction", reply) == TransactionAcknowledged(
        TRANSACTION_ID, number, IdTokenInfo(AuthorizationStatus.ACCEPTED), STARTED.id_token
    )


def test_the_answer_may_refuse_the_token_and_still_gives_a_number() -> None:
    reply = {"transactionId": 3, "idTagInfo": {"status": "Blocked", "parentIdTag": "FLEET"}}
    fact = learned(STARTED, "StartTransaction", reply)
    assert fact.csms_id == 3
    assert fact.info == IdTokenInfo(AuthorizationStatus.BLOCKED, IdToken("FLEET"))


# --- The register in whole Wh.


@given(registers, registers)
def test_rounding_keeps_the_order_and_the_energy_within_one_wh(
    one: Decimal, other: Decimal
) -> None:
    start, stop = sorted((one, other))
    assert whole_wh(start) <= whole_wh(stop)
    assert abs((whole_wh(stop) - whole_wh(start)) - (stop - start)) <= 1


@given(registers)
def test_no_energy_stays_no_energy(register: Decimal) -> None:
    assert whole_wh(register) - whole_wh(register + 0) == 0


@pytest.mark.parametrize(
    ("register", "told_wh"), [("0.5", 0), ("0.501", 1), ("1.5", 1), ("2.0", 2)]
)
def test_a_tie_goes_down(register: str, told_wh: int) -> None:
    assert whole_wh(Decimal(register)) == told_wh


@pytest.mark.parametrize("register", ["NaN", "Infinity", "1E+40"])
def test_what_is_no_register_is_not_told_as_one(
    register: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert silent(replace(STARTED, register_wh=Decimal(register)), UNKNOWN)
    assert silent(replace(ENDED, register_wh=Decimal(register)))
    assert "Started of transaction" in caplog.text
    assert "Ended of transaction" in caplog.text


# --- MeterValues.


@pytest.mark.requirement("S16-MV-07")
@pytest.mark.parametrize(
    "trigger",
    [TriggerReason.METER_VALUE_PERIODIC, TriggerReason.METER_VALUE_CLOCK, TriggerReason.TRIGGER],
)
def test_samples_carry_the_number_of_their_transaction(trigger: TriggerReason) -> None:
    action, payload = told(replace(UPDATED, trigger=trigger, meter_values=READING))

    assert action == "MeterValues"
    assert (payload["connectorId"], payload["transactionId"]) == (2, NUMBER)
    assert payload["meterValue"][0]["sampledValue"][0]["value"] == "12345.6"


def test_0_is_a_number_like_any_other() -> None:
    sample = replace(UPDATED, trigger=TriggerReason.METER_VALUE_PERIODIC, meter_values=READING)
    assert told(sample, numbered(0))[1]["transactionId"] == 0
    assert told(ENDED, numbered(0))[1]["transactionId"] == 0


def test_after_a_dropped_start_all_later_messages_say_minus_1() -> None:
    sample = replace(UPDATED, trigger=TriggerReason.METER_VALUE_PERIODIC, meter_values=READING)
    assert told(sample, numbered(-1))[1]["transactionId"] == -1
    assert told(ENDED, numbered(-1))[1]["transactionId"] == -1


@pytest.mark.parametrize("trigger", TriggerReason)
def test_a_change_of_state_is_no_news(trigger: TriggerReason) -> None:
    assert silent(replace(UPDATED, trigger=trigger))


def test_before_the_start_only_what_an_idle_connector_tells_is_told() -> None:
    sample = replace(UPDATED, meter_values=READING)
    assert silent(replace(sample, trigger=TriggerReason.METER_VALUE_PERIODIC), UNKNOWN)
    for trigger in (TriggerReason.METER_VALUE_CLOCK, TriggerReason.TRIGGER):
        action, payload = told(replace(sample, trigger=trigger), UNKNOWN)
        assert action == "MeterValues"
        assert "transactionId" not in payload


# --- StopTransaction.


@pytest.mark.requirement("S16-TXN-04")
def test_a_normal_local_stop_has_a_token_and_no_reason() -> None:
    assert stopped(stopped_reason=StoppedReason.LOCAL, id_token=TOKEN) == {
        "transactionId": NUMBER,
        "meterStop": 12341,
        "timestamp": SENT_NOW,
        "idTag": TOKEN.value,
    }


def test_a_stop_by_the_station_has_no_token() -> None:
    payload = stopped(
        stopped_reason=StoppedReason.POWER_LOSS, trigger=TriggerReason.ABNORMAL_CONDITION
    )
    assert "idTag" not in payload
    assert payload["reason"] == "PowerLoss"


def test_a_stop_by_a_token_that_does_not_fit_is_told_without_it() -> None:
    assert "idTag" not in stopped(id_token=IdToken("x" * 21))


def test_a_transaction_that_never_was_one_in_1_6_does_not_stop() -> None:
    assert silent(replace(ENDED, time_spent_charging_s=0), UNKNOWN)


@pytest.mark.requirement("S16-TXM-05")
def test_energy_whose_start_another_version_told_is_not_lost() -> None:
    (call,) = transaction_event(replace(ENDED, time_spent_charging_s=60), UNKNOWN)
    assert (call.action, call.payload["transactionId"]) == ("StopTransaction", -1)


@pytest.mark.requirement("S16-TXN-04")
@pytest.mark.parametrize(
    ("trigger", "reason", "word"),
    [
        (TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL, None),
        (TriggerReason.STOP_AUTHORIZED, None, None),
        (TriggerReason.STOP_AUTHORIZED, StoppedReason.MASTER_PASS, "Local"),
        (TriggerReason.ABNORMAL_CONDITION, None, "Other"),
        (TriggerReason.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET, "HardReset"),
        (TriggerReason.RESET_COMMAND, StoppedReason.REBOOT, "SoftReset"),
        (TriggerReason.ABNORMAL_CONDITION, StoppedReason.REBOOT, "Reboot"),
        (TriggerReason.ABNORMAL_CONDITION, StoppedReason.IMMEDIATE_RESET, "Reboot"),
        (TriggerReason.UNLOCK_COMMAND, StoppedReason.OTHER, "UnlockCommand"),
        (TriggerReason.UNLOCK_COMMAND, None, "UnlockCommand"),
        (TriggerReason.EV_COMMUNICATION_LOST, StoppedReason.EV_DISCONNECTED, "EVDisconnected"),
        (TriggerReason.ABNORMAL_CONDITION, StoppedReason.EMERGENCY_STOP, "EmergencyStop"),
        (TriggerReason.ABNORMAL_CONDITION, StoppedReason.POWER_LOSS, "PowerLoss"),
        (TriggerReason.REMOTE_STOP, StoppedReason.REMOTE, "Remote"),
        (TriggerReason.DEAUTHORIZED, StoppedReason.DE_AUTHORIZED, "DeAuthorized"),
        (TriggerReason.EV_CONNECT_TIMEOUT, StoppedReason.TIMEOUT, "Other"),
        (TriggerReason.ABNORMAL_CONDITION, StoppedReason.GROUND_FAULT, "Other"),
        (TriggerReason.ABNORMAL_CONDITION, StoppedReason.OVERCURRENT_FAULT, "Other"),
        (TriggerReason.CHARGING_STATE_CHANGED, StoppedReason.STOPPED_BY_EV, "Other"),
    ],
)
def test_the_reason_is_the_true_cause_in_the_words_of_1_6(
    trigger: TriggerReason, reason: StoppedReason | None, word: str | None
) -> None:
    assert stopped(trigger=trigger, stopped_reason=reason).get("reason") == word


@given(st.sampled_from(TriggerReason), st.none() | st.sampled_from(StoppedReason))
def test_the_reason_is_left_out_for_a_local_stop_alone(
    trigger: TriggerReason, reason: StoppedReason | None
) -> None:
    word = stop_reason(replace(ENDED, trigger=trigger, stopped_reason=reason))
    assert word in REASONS_OF_16 | {None}
    unknown_at_the_reader = reason is None and trigger is TriggerReason.STOP_AUTHORIZED
    local = reason is StoppedReason.LOCAL and trigger is not TriggerReason.UNLOCK_COMMAND
    assert (word is None) is (local or unknown_at_the_reader)


@pytest.mark.requirement("S16-MV-03")
def test_the_series_of_the_transaction_is_its_data() -> None:
    values = tuple(
        MeterValue(NOW, (SampledValue(Decimal(energy), context=context),))
        for energy, context in (
            ("1.0", ReadingContext.TRANSACTION_BEGIN),
            ("1.5", ReadingContext.SAMPLE_PERIODIC),
            ("2.25", ReadingContext.TRANSACTION_END),
        )
    )

    data = stopped(meter_values=values)["transactionData"]

    assert [(d["sampledValue"][0]["context"], d["sampledValue"][0]["value"]) for d in data] == [
        ("Transaction.Begin", "1.0"),
        ("Sample.Periodic", "1.5"),
        ("Transaction.End", "2.25"),
    ]


@pytest.mark.requirement("S16-MV-03")
def test_without_values_there_is_no_transaction_data() -> None:
    assert "transactionData" not in stopped(meter_values=())
    empty = (MeterValue(NOW, (SampledValue(Decimal("NaN")),)),)
    assert "transactionData" not in stopped(meter_values=empty)


def test_signed_begin_and_end_travel_in_the_data() -> None:
    values = tuple(
        MeterValue(NOW, (SampledValue(Decimal(1), context=context, signed=SignedValue("OCMF|")),))
        for context in (ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END)
    )

    data = stopped(meter_values=values)["transactionData"]

    signed = [s for d in data for s in d["sampledValue"] if s.get("format") == "SignedData"]
    assert [s["context"] for s in signed] == ["Transaction.Begin", "Transaction.End"]
    assert all(json.loads(s["value"])["encodingMethod"] == "OCMF" for s in signed)


def test_the_answer_to_a_stop_judges_the_token_that_stopped_and_no_other() -> None:
    reply = {"idTagInfo": {"status": "Invalid"}}
    verdict = IdTokenInfo(AuthorizationStatus.INVALID)
    by_token = replace(ENDED, id_token=TOKEN)

    assert learned(by_token, "StopTransaction", reply) == TransactionAcknowledged(
        TRANSACTION_ID, info=verdict, token=TOKEN
    )
    assert learned(by_token, "StopTransaction", {}) == TransactionAcknowledged(TRANSACTION_ID)
    assert learned(ENDED, "StopTransaction", reply) == TransactionAcknowledged(TRANSACTION_ID)


def test_answers_to_other_events_state_nothing() -> None:
    beat: Any = HeartbeatDue()
    start = {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
    assert learned(beat, "StartTransaction", start) is None
    assert learned(beat, "StopTransaction", {}) is None
    assert learned(UPDATED, "MeterValues", {}) is None
