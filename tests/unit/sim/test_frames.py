import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sim.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    MalformedFrame,
    Payload,
    Send,
    UnknownMessageType,
    call_text,
    error_text,
    parse,
    result_text,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.text(), JSON, max_size=4)


@given(st.text(min_size=1), st.text(min_size=1), PAYLOADS)
def test_a_written_call_reads_back_the_same(message_id: str, action: str, payload: Payload) -> None:
    assert parse(call_text(message_id, action, payload)) == Call(message_id, action, payload)


@given(st.text(min_size=1), PAYLOADS)
def test_a_written_result_reads_back_the_same(message_id: str, payload: Payload) -> None:
    assert parse(result_text(message_id, payload)) == CallResult(message_id, payload)


def test_a_callerror_description_is_cut_at_255_characters_and_its_id_may_be_null() -> None:
    frame = parse(error_text(None, "GenericError", "x" * 300))
    assert frame == CallError(None, "GenericError", "x" * 255, {})


def test_the_message_types_of_2_1_are_read() -> None:
    assert parse('[6,"a","NotifyPeriodicEventStream",{}]') == Send(
        "a", "NotifyPeriodicEventStream", {}
    )
    assert parse('[5,"a","FormatViolation","no",{}]') == CallResultError(
        "a", "FormatViolation", "no", {}
    )


@given(st.text() | JSON.map(json.dumps) | st.lists(JSON, max_size=6).map(json.dumps))
def test_any_text_is_a_frame_or_malformed_and_never_another_error(text: str) -> None:
    try:
        frame = parse(text)
    except MalformedFrame:
        return
    assert isinstance(frame, Call | Send | CallResult | CallError | CallResultError)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '[2,"x","Heartbeat",{"a":NaN}]',
        f'[2,"x","Heartbeat",{{"a":{"9" * 5000}}}]',
        '[2,"x",[],{}]',
        '[2.0,"x","Heartbeat",{}]',
        '[true,"x","Heartbeat",{}]',
        '[2,null,"Heartbeat",{}]',
        "[3,null,{}]",
        '[2,"x","Heartbeat"]',
        '[2,"x","Heartbeat",{},{}]',
        "{}",
        "[]",
        "",
    ],
)
def test_known_troublemakers_are_malformed(text: str) -> None:
    with pytest.raises(MalformedFrame):
        parse(text)


def test_a_malformed_frame_tells_the_message_id_if_it_can_be_read() -> None:
    with pytest.raises(UnknownMessageType) as caught:
        parse('[7,"abc",{}]')
    assert caught.value.message_id == "abc"
