import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.events import DomainEvent
from agent.core.firmware_order import UpdateStatus
from agent.ocpp.codec import CodecContext, WhileRejected
from agent.ocpp.rpc import Rpc, RpcErrorCode
from agent.ocpp.rpc_events import Transmit
from agent.ocpp.v16.codec import CODEC
from tests.unit.core.event_strategies import domain_events
from tests.unit.core.outcome_strategies import OUTCOMES
from tests.unit.ocpp.v16.instances import Names, numbered
from tests.wire.official_schemas import check_calls, check_response

ACCEPTED = (UpdateStatus.ACCEPTED, UpdateStatus.ACCEPTED_CANCELED)
"""The answer to an unsigned order has no word for anything else: that is an error."""
OUTCOMES_16: MappingProxyType[str, st.SearchStrategy[Any]] = MappingProxyType(
    {
        "CertificateSigned": OUTCOMES["CertificateSigned"],
        "ChangeAvailability": OUTCOMES["ChangeAvailability"],
        "ClearCache": OUTCOMES["ClearCache"],
        "ClearChargingProfile": OUTCOMES["ClearChargingProfile"],
        "DataTransfer": OUTCOMES["DataTransfer"],
        "DeleteCertificate": OUTCOMES["DeleteCertificate"],
        "ExtendedTriggerMessage": OUTCOMES["TriggerMessage"],
        "GetCompositeSchedule": OUTCOMES["GetCompositeSchedule"],
        "GetDiagnostics": OUTCOMES["GetLog"],
        "GetLog": OUTCOMES["GetLog"],
        "GetInstalledCertificateIds": OUTCOMES["GetInstalledCertificateIds"],
        "InstallCertificate": OUTCOMES["InstallCertificate"],
        "RemoteStartTransaction": OUTCOMES["RequestStartTransaction"],
        "RemoteStopTransaction": OUTCOMES["RequestStopTransaction"],
        "Reset": OUTCOMES["Reset"],
        "GetLocalListVersion": OUTCOMES["GetLocalListVersion"],
        "SendLocalList": OUTCOMES["SendLocalList"],
        "SetChargingProfile": OUTCOMES["SetChargingProfile"],
        "CancelReservation": OUTCOMES["CancelReservation"],
        "ReserveNow": OUTCOMES["ReserveNow"],
        "TriggerMessage": OUTCOMES["TriggerMessage"],
        "UnlockConnector": OUTCOMES["UnlockConnector"],
        "SignedUpdateFirmware": OUTCOMES["UpdateFirmware"],
        "UpdateFirmware": OUTCOMES["UpdateFirmware"].filter(
            lambda answer: answer.status in ACCEPTED
        ),
    }
)


contexts = st.just(numbered(None)) | st.sampled_from([-1, 0, 7]).map(
    lambda number: CodecContext(directory=Names(of_all=number))
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


def test_actions_that_are_not_offered_are_not_handled() -> None:
    assert CODEC.handles("Reset")
    for action in ("PublishFirmware", "Authorize"):
        assert not CODEC.handles(action)


def test_while_rejected_calls_are_met_with_silence() -> None:
    assert CODEC.rules.while_rejected is WhileRejected.SILENCE


def test_unlocking_stops_the_transaction_first() -> None:
    assert CODEC.rules.unlock_stops_transaction


def answers(frame: str) -> list[Any]:
    """What the station sends when it receives `frame`."""
    received = Rpc(CODEC.dialect).receive(frame, now=0.0)
    return [json.loads(event.text) for event in received if isinstance(event, Transmit)]


@pytest.mark.requirement("S16-CONN-07")
@pytest.mark.parametrize("frame", ['[5,"1","GenericError","",{}]', '[6,"1","X",{}]', '[9,"1",{}]'])
def test_message_types_that_1_6_does_not_have_are_ignored(frame: str) -> None:
    assert answers(frame) == []


def test_a_frame_without_readable_id_is_not_answered() -> None:
    assert answers("[2,7,{}]") == []
    assert answers("no frame at all") == []


@pytest.mark.requirement("S16-CONN-13")
def test_a_malformed_call_is_answered_in_the_spelling_of_1_6() -> None:
    ((message_type, message_id, code, *_),) = answers('[2,"1","Reset",[]]')
    assert (message_type, message_id, code) == (4, "1", "FormationViolation")
    assert CODEC.dialect.spell(RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION) == (
        "OccurenceConstraintViolation"
    )


def test_the_version_is_named_as_in_the_handshake_and_in_the_schemas_folder() -> None:
    assert (CODEC.subprotocol, CODEC.schemas) == ("ocpp1.6", "v16")


CODES_OF_16 = {
    *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError"),
    *("FormationViolation", "PropertyConstraintViolation", "OccurenceConstraintViolation"),
    *("TypeConstraintViolation", "GenericError"),
}


@pytest.mark.requirement("S16-CONN-13")
@pytest.mark.parametrize("code", RpcErrorCode)
def test_no_other_code_than_those_of_1_6_is_ever_sent(code: RpcErrorCode) -> None:
    assert CODEC.dialect.spell(code) in CODES_OF_16
