from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.events import DomainEvent
from agent.ocpp.codec import CodecContext, WhileRejected
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.v16 import CODEC
from tests.unit.core.event_strategies import domain_events
from tests.unit.core.outcome_strategies import OUTCOMES
from tests.unit.ocpp.v16.instances import Names, numbered
from tests.wire.official_schemas import check_calls, check_response

OUTCOMES_16: MappingProxyType[str, st.SearchStrategy[Any]] = MappingProxyType(
    {
        "ChangeAvailability": OUTCOMES["ChangeAvailability"],
        "ClearChargingProfile": OUTCOMES["ClearChargingProfile"],
        "DataTransfer": OUTCOMES["DataTransfer"],
        "ExtendedTriggerMessage": OUTCOMES["TriggerMessage"],
        "GetCompositeSchedule": OUTCOMES["GetCompositeSchedule"],
        "RemoteStartTransaction": OUTCOMES["RequestStartTransaction"],
        "RemoteStopTransaction": OUTCOMES["RequestStopTransaction"],
        "Reset": OUTCOMES["Reset"],
        "SetChargingProfile": OUTCOMES["SetChargingProfile"],
        "TriggerMessage": OUTCOMES["TriggerMessage"],
        "UnlockConnector": OUTCOMES["UnlockConnector"],
    }
)


class AllNumbered(Names):
    """Every transaction has the same number."""

    def csms_transaction(self, transaction_id: str) -> int | None:
        return self.numbers["any"]


contexts = st.just(numbered(None)) | st.sampled_from([-1, 0, 7]).map(
    lambda number: CodecContext(directory=AllNumbered({"any": number}))
)


@pytest.mark.requirement("S16-CONN-15", "S16-CONN-20")
@given(domain_events, contexts)
def test_whatever_happens_every_frame_is_valid(event: DomainEvent, context: CodecContext) -> None:
    check_calls(CODEC, CODEC.encode(event, context))


@given(domain_events, contexts)
def test_an_event_never_needs_more_than_one_call(event: DomainEvent, context: CodecContext) -> None:
    # A repeated attempt tells the whole event again: a second call would repeat the first one.
    assert len(CODEC.encode(event, context)) <= 1


@pytest.mark.requirement("S16-CONN-15")
@pytest.mark.parametrize("action", sorted(OUTCOMES_16))
@given(data=st.data())
def test_whatever_the_outcome_every_reply_is_valid(action: str, data: st.DataObject) -> None:
    outcome = data.draw(OUTCOMES_16[action])
    reply = CODEC.encode_outcome(action, outcome, {"connectorId": 1}, numbered(None))
    check_response(CODEC, action, reply)


def test_every_action_has_both_a_decoder_and_a_reply() -> None:
    assert set(CODEC.decoders) == set(CODEC.outcomes) == set(OUTCOMES_16)


@pytest.mark.requirement("L01.FR.20 (1.6)")
def test_actions_that_are_not_offered_are_not_handled() -> None:
    assert CODEC.handles("Reset")
    for action in ("ReserveNow", "SendLocalList", "UpdateFirmware", "Authorize"):
        assert not CODEC.handles(action)


@pytest.mark.requirement("S16-BOOT-07")
def test_while_rejected_calls_are_met_with_silence() -> None:
    assert CODEC.rules.while_rejected is WhileRejected.SILENCE


@pytest.mark.requirement("S16-TXN-10")
def test_unlocking_stops_the_transaction_first() -> None:
    assert CODEC.rules.unlock_stops_transaction


@pytest.mark.requirement("S16-CONN-07", "S16-CONN-13")
def test_the_dialect_spells_two_codes_its_own_way_and_ignores_what_it_does_not_know() -> None:
    dialect = CODEC.dialect
    assert (CODEC.subprotocol, CODEC.schemas) == ("ocpp1.6", "v16")
    assert dialect.spell(RpcErrorCode.FORMAT_VIOLATION) == "FormationViolation"
    assert (
        dialect.spell(RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION)
        == "OccurenceConstraintViolation"
    )
    assert not dialect.rejects_unknown_message_types
    assert not dialect.answers_unreadable_frames
    assert not dialect.has_call_result_error
    assert not dialect.has_send


CODES_OF_16 = {
    *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError"),
    *("FormationViolation", "PropertyConstraintViolation", "OccurenceConstraintViolation"),
    *("TypeConstraintViolation", "GenericError"),
}


@pytest.mark.requirement("S16-CONN-13")
@pytest.mark.parametrize("code", RpcErrorCode)
def test_no_other_code_than_those_of_1_6_is_ever_sent(code: RpcErrorCode) -> None:
    assert CODEC.dialect.spell(code) in CODES_OF_16
