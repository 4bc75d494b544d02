import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.commands import UnlockStatus
from agent.core.events import DomainEvent, StationChanged
from agent.ocpp.codec import CodecContext, WhileRejected
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.v201.codec import CODEC
from tests.unit.core.event_strategies import domain_events
from tests.unit.core.outcome_strategies import OUTCOMES
from tests.unit.ocpp.v201.instances import NOW
from tests.wire.official_schemas import OFFLINE, ONLINE, check_calls, check_response


@given(domain_events, st.sampled_from([ONLINE, OFFLINE]))
def test_whatever_happens_every_frame_is_valid(event: DomainEvent, context: CodecContext) -> None:
    check_calls(CODEC, CODEC.encode(event, context))


@pytest.mark.parametrize("action", sorted(OUTCOMES))
@given(data=st.data())
def test_whatever_the_outcome_every_reply_is_valid(action: str, data: st.DataObject) -> None:
    outcome = data.draw(OUTCOMES[action])
    if outcome is UnlockStatus.NO_LOCK:
        return
    check_response(CODEC, action, CODEC.encode_outcome(action, outcome, {}, ONLINE))


def test_every_action_has_both_a_decoder_and_a_reply() -> None:
    assert set(CODEC.decoders) == set(CODEC.outcomes) == set(OUTCOMES)


def test_the_station_as_a_whole_has_no_status_of_its_own() -> None:
    assert CODEC.encode(StationChanged(at=NOW, operative=False), ONLINE) == ()


def test_actions_that_are_not_offered_are_not_handled() -> None:
    assert CODEC.handles("Reset")
    assert not CODEC.handles("PublishFirmware")


@pytest.mark.requirement("B03.FR.08")
def test_while_rejected_calls_are_answered_with_a_security_error() -> None:
    assert CODEC.rules.while_rejected is WhileRejected.SECURITY_ERROR


def test_the_dialect_has_three_message_types_and_reports_unreadable_frames() -> None:
    assert CODEC.subprotocol == "ocpp2.0.1"
    assert CODEC.dialect.answers_unreadable_frames
    assert CODEC.dialect.rejects_unknown_message_types
    assert not CODEC.dialect.has_call_result_error
    assert not CODEC.dialect.has_send
    assert CODEC.dialect.spell(RpcErrorCode.FORMAT_VIOLATION) == "FormatViolation"
