import base64
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.commands import Reset, TriggerMessage, UnlockStatus
from agent.core.events import AuthorizationAsked, DomainEvent, MeterValuesEvent
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import IdToken, MessageTrigger, ResetKind, TokenType
from agent.ocpp.codec import Answer, CodecContext
from agent.ocpp.v21.codec import CODEC
from agent.ocpp.v201.codec import CODEC as V201
from tests.unit.core.event_strategies import domain_events
from tests.unit.core.outcome_strategies import OUTCOMES_21
from tests.unit.ocpp.v201.instances import NOW, UPDATED, read, told
from tests.wire.official_schemas import OFFLINE, ONLINE, check_calls, check_response

RECORD = "OCMF|{}|{}"


@given(domain_events, st.sampled_from([ONLINE, OFFLINE]))
def test_whatever_happens_every_frame_is_valid(event: DomainEvent, context: CodecContext) -> None:
    check_calls(CODEC, CODEC.encode(event, context))


@pytest.mark.parametrize("action", sorted(OUTCOMES_21))
@given(data=st.data())
def test_whatever_the_outcome_every_reply_is_valid(action: str, data: st.DataObject) -> None:
    outcome = data.draw(OUTCOMES_21[action])

    check_response(CODEC, action, CODEC.encode_outcome(action, outcome, {}, ONLINE))


def test_nothing_that_the_older_version_says_is_lost() -> None:
    assert set(CODEC.encoders) >= set(V201.encoders)
    assert set(CODEC.decoders) >= set(V201.decoders)
    assert set(CODEC.outcomes) == set(CODEC.decoders)
    assert set(CODEC.facts) >= set(V201.facts)


def test_the_older_versions_tables_stay_its_own() -> None:
    assert V201.encoders[AuthorizationAsked] is not CODEC.encoders[AuthorizationAsked]
    assert V201.decoders["Reset"] is not CODEC.decoders["Reset"]


def test_the_dialect_has_the_two_new_message_types() -> None:
    assert CODEC.subprotocol == "ocpp2.1"
    assert CODEC.dialect.has_call_result_error
    assert CODEC.dialect.has_send
    assert CODEC.dialect.answers_unreadable_frames
    assert CODEC.dialect.rejects_unknown_message_types


@pytest.mark.parametrize("token_type", [*TokenType, "LoyaltyCard"])
def test_every_kind_of_token_has_its_own_word(token_type: str) -> None:
    event = AuthorizationAsked(id_token=IdToken("4" * 255, token_type))

    assert told(event, codec=CODEC)["idToken"] == {"idToken": "4" * 255, "type": token_type}


def test_a_kind_of_token_that_does_not_fit_is_told_as_local() -> None:
    event = AuthorizationAsked(id_token=IdToken("4", "t" * 21))

    assert told(event, codec=CODEC)["idToken"]["type"] == "Local"


def test_a_token_of_a_transaction_may_be_as_long_as_when_it_was_asked_for() -> None:
    event = replace(UPDATED, id_token=IdToken("4" * 255))

    assert told(event, codec=CODEC)["idToken"]["idToken"] == "4" * 255


def signed_value(signed: SignedValue) -> Any:
    sample = SampledValue(Decimal(1), signed=signed)
    event = MeterValuesEvent(at=NOW, evse=1, meter_values=(MeterValue(NOW, (sample,)),))
    return told(event, codec=CODEC)["meterValue"][0]["sampledValue"][0].get("signedMeterValue")


@pytest.mark.requirement("J02.FR.21")
def test_empty_parts_of_a_signed_value_are_left_out() -> None:
    assert signed_value(SignedValue(RECORD)) == {
        "signedMeterData": base64.b64encode(RECORD.encode()).decode(),
        "encodingMethod": "OCMF",
    }


@pytest.mark.requirement("J02.FR.23", "J02.FR.24")
def test_method_and_key_of_a_signed_value_are_told_when_known() -> None:
    signed = signed_value(SignedValue(RECORD, "ECDSA-secp256r1-SHA256", public_key="3059"))

    assert signed["signingMethod"] == "ECDSA-secp256r1-SHA256"
    assert base64.b64decode(signed["publicKey"]) == b"oca:base16:asn1:3059"


def test_records_too_large_for_the_older_version_are_told() -> None:
    largest = SignedValue("r" * 24_576)

    assert len(signed_value(largest)["signedMeterData"]) == 32_768
    assert signed_value(SignedValue("r" * 24_577)) is None


@pytest.mark.requirement("B13.FR.01")
def test_a_reset_that_resumes_transactions_is_refused() -> None:
    answer = read("Reset", {"type": "ImmediateAndResume"}, CODEC)

    assert isinstance(answer, Answer)
    reply = check_response(CODEC, "Reset", answer.payload)
    assert reply["status"] == "Rejected"
    assert reply["statusInfo"]["reasonCode"] == "NotEnabled"


@pytest.mark.requirement("B11.FR.01")
def test_the_other_resets_are_as_before() -> None:
    assert read("Reset", {"type": "OnIdle", "evseId": 1}, CODEC) == Reset(ResetKind.ON_IDLE, 1)


@pytest.mark.requirement("F06.FR.19", "F06.FR.08")
@pytest.mark.parametrize(
    "payload",
    [
        {"requestedMessage": "CustomTrigger", "customTrigger": "org.example.Hello"},
    ],
)
def test_new_messages_to_trigger_are_not_implemented(payload: dict[str, Any]) -> None:
    assert read("TriggerMessage", payload, CODEC) == TriggerMessage(None)


def test_the_known_messages_can_still_be_triggered() -> None:
    payload = {"requestedMessage": "Heartbeat"}

    assert read("TriggerMessage", payload, CODEC) == TriggerMessage(MessageTrigger.HEARTBEAT)


@pytest.mark.requirement("F05.FR.05")
def test_a_connector_without_lock_fails_to_unlock_and_says_why() -> None:
    reply = CODEC.encode_outcome("UnlockConnector", UnlockStatus.NO_LOCK, {}, ONLINE)

    assert check_response(CODEC, "UnlockConnector", reply) == {
        "status": "UnlockFailed",
        "statusInfo": {"reasonCode": "FixedCable", "additionalInfo": "this connector has no lock"},
    }
