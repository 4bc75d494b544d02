import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.dialect import Dialect, RpcErrorCode
from agent.ocpp.framing import Flaw, FrameLimits, UnencodableFrame
from agent.ocpp.rpc import CallOutstanding, CallRejected, MessageTypeUnavailable, Rpc, RpcLimits
from agent.ocpp.rpc_events import (
    ErrorReceived,
    IncomingCall,
    IncomingSend,
    ReplyReceived,
    ResultRejected,
    RpcEvent,
    StrayAnswer,
    TimedOut,
    Transmit,
    Violation,
)
from tests.unit.ocpp.dialects import QUIET, TALKATIVE

DIALECTS = pytest.mark.parametrize("dialect", [QUIET, TALKATIVE], ids=["quiet", "talkative"])


def counter() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"own-{next(numbers)}"


def make(dialect: Dialect = TALKATIVE, limits: RpcLimits | None = None) -> Rpc:
    return Rpc(dialect, limits, counter())


def text(*elements: object) -> str:
    return json.dumps(list(elements))


def call_text(message_id: str = "a", action: str = "Reset", **payload: object) -> str:
    return text(2, message_id, action, payload)


def sent(events: list[RpcEvent]) -> list[Any]:
    return [json.loads(event.text) for event in events if isinstance(event, Transmit)]


def flaws(events: list[RpcEvent]) -> list[Flaw]:
    return [event.flaw for event in events if isinstance(event, Violation)]


def still_works(rpc: Rpc, now: float = 1e6) -> bool:
    """A CALL in each direction goes through."""
    incoming = rpc.receive(call_text("probe"), now)
    answered = rpc.answer("probe", {"status": "Accepted"})
    message_id, _ = rpc.call("Heartbeat", {}, now, 30.0)
    reply = rpc.receive(text(3, message_id, {"x": 1}), now)
    return (
        incoming == [IncomingCall("probe", "Reset", {})]
        and answered == '[3,"probe",{"status":"Accepted"}]'
        and reply == [ReplyReceived(message_id, {"x": 1})]
    )


# Our CALLs


@pytest.mark.requirement("S16-CONN-06", "S16-CONN-10")
def test_a_call_is_written_and_its_reply_is_matched() -> None:
    rpc = make()
    message_id, frame = rpc.call("Heartbeat", {}, 0.0, 30.0)
    assert json.loads(frame) == [2, message_id, "Heartbeat", {}]
    assert rpc.is_waiting
    assert rpc.receive(text(3, message_id, {"t": "x"}), 1.0) == [
        ReplyReceived(message_id, {"t": "x"})
    ]
    assert not rpc.is_waiting


def test_message_ids_are_fresh_uuids_unless_told_otherwise() -> None:
    first, second = (Rpc(QUIET).call("A", {}, 0.0, 1.0)[0] for _ in range(2))
    assert len(first) == 36
    assert first != second


@pytest.mark.requirement("FR.01", "S16-CONN-04")
def test_only_one_call_of_ours_is_outstanding() -> None:
    rpc = make()
    message_id, _ = rpc.call("A", {}, 0.0, 30.0)
    with pytest.raises(CallOutstanding, match="A is not answered yet"):
        rpc.call("B", {}, 0.0, 30.0)
    rpc.receive(text(3, message_id, {}), 0.0)
    assert rpc.call("B", {}, 0.0, 30.0)


@pytest.mark.requirement("S16-CONN-05")
def test_a_call_of_the_peer_is_served_while_ours_is_outstanding() -> None:
    rpc = make()
    message_id, _ = rpc.call("BootNotification", {}, 0.0, 30.0)
    assert rpc.receive(call_text("x", "GetBaseReport"), 0.1) == [
        IncomingCall("x", "GetBaseReport", {})
    ]
    assert rpc.answer("x", {}) == '[3,"x",{}]'
    assert rpc.receive(text(3, message_id, {}), 0.2) == [ReplyReceived(message_id, {})]


def test_a_call_that_cannot_be_written_is_not_outstanding() -> None:
    rpc = make()
    with pytest.raises(UnencodableFrame):
        rpc.call("A", {"x": float("nan")}, 0.0, 30.0)
    assert still_works(rpc)


def test_an_error_ends_the_call_with_its_meaning_and_its_words() -> None:
    rpc = make(QUIET)
    message_id, _ = rpc.call("A", {}, 0.0, 30.0)
    events = rpc.receive(text(4, message_id, "FormationViolation", "bad", {"k": 1}), 0.0)
    assert events == [
        ErrorReceived(
            message_id, RpcErrorCode.FORMAT_VIOLATION, "FormationViolation", "bad", {"k": 1}
        )
    ]
    assert still_works(rpc)


@pytest.mark.parametrize("odd", [None, "-1", 5, "", "other", {"a": 1}])
def test_an_error_for_an_odd_id_never_matches(odd: object) -> None:
    rpc = make()
    rpc.call("A", {}, 0.0, 30.0)
    [event] = rpc.receive(text(4, odd, "FormatViolation", "", {}), 0.0)
    assert isinstance(event, StrayAnswer)
    assert rpc.is_waiting


def test_a_call_expires_once_and_its_late_answer_is_dropped() -> None:
    rpc = make()
    message_id, _ = rpc.call("A", {}, 100.0, 30.0)
    assert rpc.expire(129.9) == []
    assert rpc.expire(130.0) == [TimedOut(message_id, "A")]
    assert rpc.expire(131.0) == []
    second, _ = rpc.call("B", {}, 131.0, 30.0)
    assert rpc.receive(text(3, message_id, {}), 132.0) == [StrayAnswer(message_id)]
    assert rpc.receive(text(3, second, {}), 133.0) == [ReplyReceived(second, {})]


@DIALECTS
def test_answers_that_nobody_waits_for_leave_no_trace(dialect: Dialect) -> None:
    rpc = make(dialect)
    for number in range(1000):
        assert rpc.receive(text(3, f"x{number}", {}), 0.0) == [StrayAnswer(f"x{number}")]
        assert rpc.receive(text(4, f"y{number}", "E", "", {}), 0.0) == [StrayAnswer(f"y{number}")]
    assert still_works(rpc)


def test_the_second_of_two_answers_is_dropped() -> None:
    rpc = make()
    message_id, _ = rpc.call("A", {}, 0.0, 30.0)
    assert rpc.receive(text(4, message_id, "GenericError", "", {}), 0.0) != []
    assert rpc.receive(text(3, message_id, {}), 0.0) == [StrayAnswer(message_id)]


@pytest.mark.parametrize("rest", ["null", "[]", "NaN", '{"a":1,"a":2}', "{},{}", '{"x":1e999}'])
@pytest.mark.requirement("FR.06")
def test_an_unreadable_answer_ends_the_call_at_once(rest: str) -> None:
    for dialect in (QUIET, TALKATIVE):
        rpc = make(dialect)
        message_id, _ = rpc.call("A", {}, 0.0, 30.0)
        events = rpc.receive(f'[3,"{message_id}",{rest}]', 0.0)
        errors = [event for event in events if isinstance(event, ErrorReceived)]
        assert [error.code for error in errors] == [RpcErrorCode.FORMAT_VIOLATION]
        complaints = [frame[:3] for frame in sent(events)]
        assert complaints == ([[5, message_id, "FormatViolation"]] if dialect is TALKATIVE else [])
        assert still_works(rpc)


def test_an_unreadable_error_ends_the_call_without_a_complaint() -> None:
    rpc = make()
    message_id, _ = rpc.call("A", {}, 0.0, 30.0)
    events = rpc.receive(f'[4,"{message_id}","X","",{{"a":NaN}}]', 0.0)
    assert isinstance(events[1], ErrorReceived)
    assert sent(events) == []


@DIALECTS
def test_a_malformed_answer_for_nobody_is_never_answered(dialect: Dialect) -> None:
    rpc = make(dialect)
    for frame in ("[3]", '[3,"x"]', "[3,null,{}]", '[3,"x",{"a":NaN}]', '[4,"x",NaN]'):
        assert sent(rpc.receive(frame, 0.0)) == []
    assert still_works(rpc)


# The peer's CALLs


@pytest.mark.requirement("S16-CONN-06", "S16-CONN-09")
def test_an_answer_is_due_exactly_once() -> None:
    rpc = make()
    assert rpc.receive(call_text("a", kind="Soft"), 0.0) == [
        IncomingCall("a", "Reset", {"kind": "Soft"})
    ]
    assert rpc.answer("a", {"status": "Accepted"}) == '[3,"a",{"status":"Accepted"}]'
    assert rpc.answer("a", {"status": "Accepted"}) is None
    assert rpc.reject("a", RpcErrorCode.INTERNAL_ERROR) is None
    assert rpc.answer("never-asked", {}) is None


@pytest.mark.requirement("S16-CONN-09")
def test_a_refusal_is_spelled_by_the_dialect() -> None:
    rpc = make(QUIET)
    rpc.receive(call_text("a"), 0.0)
    frame = rpc.reject("a", RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "why", {"k": 1})
    assert frame == '[4,"a","OccurenceConstraintViolation","why",{"k":1}]'


@pytest.mark.requirement("S16-CONN-11")
def test_a_rejection_carries_what_the_refusal_needs() -> None:
    rejection = CallRejected(RpcErrorCode.NOT_SUPPORTED, "no lock", {"evse": 1})
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    frame = rpc.reject("a", rejection.code, rejection.description, rejection.details)
    assert frame == '[4,"a","NotSupported","no lock",{"evse":1}]'


def test_a_refusal_without_text_and_details_has_empty_ones() -> None:
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    assert rpc.reject("a", RpcErrorCode.NOT_SUPPORTED) == '[4,"a","NotSupported","",{}]'


def test_a_refusal_never_fails() -> None:
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    frame = rpc.reject("a", RpcErrorCode.INTERNAL_ERROR, "\ud800" + "x" * 300, {"x": object()})
    assert frame is not None
    assert json.loads(frame)[3:] == ["?" + "x" * 254, {}]


def test_an_answer_that_cannot_be_written_is_still_due() -> None:
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    with pytest.raises(UnencodableFrame):
        rpc.answer("a", {"x": {1}})
    assert rpc.reject("a", RpcErrorCode.INTERNAL_ERROR) == '[4,"a","InternalError","",{}]'


def test_a_repeated_call_gets_the_same_answer_and_is_not_executed_again() -> None:
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    answer = rpc.answer("a", {"status": "Accepted"})
    rpc.receive(call_text("b"), 0.0)
    refusal = rpc.reject("b", RpcErrorCode.NOT_SUPPORTED)
    for _ in range(3):
        assert rpc.receive(call_text("a"), 299.0) == [Transmit(str(answer))]
        assert rpc.receive(call_text("b"), 299.0) == [Transmit(str(refusal))]


def test_a_call_repeated_while_in_progress_is_answered_by_the_one_answer() -> None:
    rpc = make()
    assert len(rpc.receive(call_text("a"), 0.0)) == 1
    assert rpc.receive(call_text("a"), 0.1) == []
    assert rpc.answer("a", {}) == '[3,"a",{}]'
    assert rpc.answer("a", {}) is None


def test_another_call_under_a_used_id_is_neither_executed_nor_given_the_old_answer() -> None:
    rpc = make()
    rpc.receive(call_text("a", "Reset"), 0.0)
    assert rpc.receive(call_text("a", "ClearCache"), 0.0) == [Violation(Flaw.REUSED_MESSAGE_ID)]
    answer = rpc.answer("a", {})
    events = rpc.receive(call_text("a", "ClearCache"), 0.0)
    assert flaws(events) == [Flaw.REUSED_MESSAGE_ID]
    assert [frame[:3] for frame in sent(events)] == [[4, "a", "RpcFrameworkError"]]
    assert rpc.receive(call_text("a", "Reset"), 0.0) == [Transmit(str(answer))]


def test_at_least_100_calls_are_remembered_for_5_minutes() -> None:
    rpc = make()
    for number in range(128):
        rpc.receive(call_text(f"c{number}"), float(number))
        rpc.answer(f"c{number}", {"n": number})
    assert rpc.receive(call_text("c0"), 300.0) == [Transmit('[3,"c0",{"n":0}]')]
    assert rpc.receive(call_text("c100"), 400.0) == [Transmit('[3,"c100",{"n":100}]')]
    assert rpc.receive(call_text("c99"), 400.0) == [IncomingCall("c99", "Reset", {})]


def test_old_answers_do_not_pile_up() -> None:
    rpc = make(limits=RpcLimits(remembered_calls=2))
    for number in range(5):
        rpc.receive(call_text(f"c{number}"), 0.0)
        rpc.answer(f"c{number}", {})
    assert rpc.receive(call_text("c4"), 0.0) == [Transmit('[3,"c4",{}]')]
    assert rpc.receive(call_text("c3"), 0.0) == [Transmit('[3,"c3",{}]')]
    assert rpc.receive(call_text("c2"), 0.0) == [IncomingCall("c2", "Reset", {})]


def test_too_many_calls_in_progress_are_refused_until_one_is_answered() -> None:
    rpc = make(limits=RpcLimits(calls_in_progress=2))
    for message_id in ("a", "b"):
        assert len(rpc.receive(call_text(message_id), 0.0)) == 1
    events = rpc.receive(call_text("c"), 0.0)
    assert flaws(events) == [Flaw.TOO_MANY_CALLS]
    assert sent(events) == [[4, "c", "GenericError", "too many CALLs in progress", {}]]
    rpc.answer("a", {})
    assert rpc.receive(call_text("c"), 0.0) == [IncomingCall("c", "Reset", {})]


def test_a_call_may_be_left_unanswered_and_asked_again() -> None:
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    rpc.ignore("a")
    rpc.ignore("never asked")
    assert rpc.answer("a", {}) is None
    assert rpc.receive(call_text("a"), 0.0) == [IncomingCall("a", "Reset", {})]


def test_a_reset_forgets_the_old_connection() -> None:
    rpc = make()
    rpc.call("A", {}, 0.0, 30.0)
    rpc.receive(call_text("a"), 0.0)
    rpc.receive(call_text("b"), 0.0)
    rpc.answer("b", {})
    rpc.reset()
    assert not rpc.is_waiting
    assert rpc.answer("a", {}) is None
    assert rpc.receive(call_text("b"), 0.0) == [IncomingCall("b", "Reset", {})]
    assert still_works(rpc)


# SEND and CALLRESULTERROR


@pytest.mark.requirement("FR.07")
def test_a_send_is_delivered_and_never_answered() -> None:
    rpc = make()
    assert rpc.receive(text(6, "s", "Stream", {"id": 1}), 0.0) == [
        IncomingSend("s", "Stream", {"id": 1})
    ]
    assert rpc.answer("s", {}) is None
    for malformed in ('[6,"s"]', '[6,"s","X",[]]', '[6,null,"X",{}]', '[6,"s","X",{"a":NaN}]'):
        assert sent(rpc.receive(malformed, 0.0)) == []


def test_a_send_may_leave_while_a_call_is_outstanding() -> None:
    rpc = make()
    rpc.call("A", {}, 0.0, 30.0)
    assert json.loads(rpc.send("Stream", {"id": 1})) == [6, "own-2", "Stream", {"id": 1}]
    with pytest.raises(MessageTypeUnavailable):
        make(QUIET).send("Stream", {})


def test_an_answer_we_cannot_use_is_reported_where_the_version_allows() -> None:
    rejection = make().reject_result("x", RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "no number")
    assert rejection == '[5,"x","TypeConstraintViolation","no number",{}]'
    assert make(QUIET).reject_result("x", RpcErrorCode.TYPE_CONSTRAINT_VIOLATION) is None


def test_the_peer_may_report_our_answer_as_unusable() -> None:
    rpc = make()
    assert rpc.receive(text(5, "x", "FormatViolation", "odd", {}), 0.0) == [
        ResultRejected("x", RpcErrorCode.FORMAT_VIOLATION, "odd")
    ]
    assert sent(rpc.receive('[5,"x",NaN]', 0.0)) == []


# What is not a frame


UNREADABLE = ["", "nonsense", "null", "{}", "[]", '[2,"","Reset",{}]', "[2,null,1,2]", "[2]"]
UNREADABLE += [b"[2]", '[2,{"a":1},"Reset",{}]', json.dumps([2, "x" * 10**4, "Reset", {}])]  # type: ignore[list-item]


@pytest.mark.parametrize("frame", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_frame_without_a_readable_id_is_answered_only_if_the_dialect_says_so(
    frame: str | bytes,
) -> None:
    rpc = make(QUIET)
    assert len(flaws(rpc.receive(frame, 0.0))) == 1
    assert sent(rpc.receive(frame, 0.0)) == []
    [answer] = sent(make(TALKATIVE).receive(frame, 0.0))
    assert answer[:3] == [4, "-1", "RpcFrameworkError"]


@DIALECTS
@pytest.mark.requirement("FR.03", "S16-CONN-14")
@pytest.mark.parametrize(
    "rest",
    [
        "",
        ',"Reset"',
        ",[],{}",
        ",{},{}",
        ",null,{}",
        ',"Reset",[]',
        ',"Reset",{},1',
        ',"Reset",{"x":NaN}',
        ',"Reset",{"a":1,"a":1}',
        ',"Reset",{"x":' + "9" * 5000 + "}",
        ',"Reset",{"x":' + "[" * 50000 + "]" * 50000 + "}",
        ',"Reset",{"x":"\\ud800"}',
        ",",
        ',"' + "A" * 10000 + '",{}',
        ',"Reset",{"x":"' + "y" * FrameLimits().frame_bytes + '"}',
    ],
    ids=range(15),
)
def test_a_malformed_call_with_a_readable_id_is_refused_once(dialect: Dialect, rest: str) -> None:
    rpc = make(dialect)
    [answer] = sent(rpc.receive(f'[2,"abc"{rest}]', 0.0))
    assert answer[:2] == [4, "abc"]
    assert answer[2] in {dialect.spell(code) for code in RpcErrorCode}
    assert still_works(rpc)


@pytest.mark.requirement("S16-CONN-07")
def test_an_unknown_message_type_is_ignored_or_refused() -> None:
    for frame in ('[9,"a","Reset",{}]', '[5,"a","X","",{}]', '[6,"a","X",{}]'):
        events = make(QUIET).receive(frame, 0.0)
        assert (flaws(events), sent(events)) == ([Flaw.UNKNOWN_MESSAGE_TYPE], [])
    [refusal] = sent(make().receive('[9,"a","Reset",{}]', 0.0))
    assert refusal[:3] == [4, "a", "MessageTypeNotSupported"]
    [refusal] = sent(make().receive("[9]", 0.0))
    assert refusal[:3] == [4, "-1", "MessageTypeNotSupported"]


def test_a_malformed_repetition_does_not_spoil_the_answer_that_is_due() -> None:
    rpc = make()
    rpc.receive(call_text("a"), 0.0)
    assert sent(rpc.receive('[2,"a","Reset",[]]', 0.0)) == []
    assert rpc.answer("a", {}) == '[3,"a",{}]'


def test_limits_can_be_widened() -> None:
    frame = call_text("a", x="y" * FrameLimits().frame_bytes)
    limits = RpcLimits(frame=FrameLimits(frame_bytes=10**6))
    assert isinstance(make().receive(frame, 0.0)[0], Violation)
    assert isinstance(make(limits=limits).receive(frame, 0.0)[0], IncomingCall)


# Whatever comes


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
IDS = st.sampled_from(["a", "b", "-1", "own-1", "own-2", "", None, 1]) | SCALARS
FRAMES = st.one_of(
    st.tuples(st.integers(0, 7), IDS, st.just("Reset") | SCALARS, st.just({}) | JSON_VALUES),
    st.tuples(st.integers(2, 6), IDS, st.just({}) | JSON_VALUES),
    st.lists(JSON_VALUES, max_size=6),
    JSON_VALUES,
).map(json.dumps)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A frame with a piece removed, doubled or replaced."""
    frame = draw(FRAMES)
    start = draw(st.integers(0, len(frame)))
    end = draw(st.integers(start, min(len(frame), start + 8)))
    piece = draw(
        st.sampled_from(["", frame[start:end] * 2, "[", "}", '"', "NaN", "\\ud800", "1e999"])
    )
    return frame[:start] + piece + frame[end:]


@DIALECTS
@settings(max_examples=150, deadline=None)
@given(st.lists(FRAMES | mutated() | st.text() | st.binary(max_size=40), max_size=12), st.data())
def test_whatever_comes_no_call_gets_two_answers_and_the_link_stays_usable(
    dialect: Dialect, frames: list[str | bytes], data: st.DataObject
) -> None:
    rpc = make(dialect)
    rpc.call("BootNotification", {}, 0.0, 30.0)
    for number, frame in enumerate(frames):
        events = rpc.receive(frame, float(number))
        answers = len(sent(events))
        calls = [event for event in events if isinstance(event, IncomingCall)]
        for call in calls:
            if data.draw(st.booleans()):
                answers += rpc.answer(call.message_id, {}) is not None
        assert answers <= 1
        assert all(answer[0] in (3, 4, 5) for answer in sent(events))
    rpc.expire(1e5)
    assert still_works(rpc)
