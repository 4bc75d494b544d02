import json
import string
from types import MappingProxyType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.ocpp.dialect import RpcErrorCode
from agent.ocpp.framing import (
    BadFrame,
    CallErrorFrame,
    CallFrame,
    CallResultFrame,
    Flaw,
    Frame,
    FrameLimits,
    MessageType,
    SendFrame,
    UnencodableFrame,
    encode_frame,
    parse_frame,
)
from tests.unit.ocpp.dialects import QUIET, TALKATIVE

LIMITS = FrameLimits()
ALL_TYPES = frozenset(MessageType)


def parse(text: str | bytes) -> Frame:
    return parse_frame(text, LIMITS, ALL_TYPES)


def flaw_of(text: str | bytes, limits: FrameLimits = LIMITS) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        parse_frame(text, limits, ALL_TYPES)
    return caught.value


def nested(depth: int) -> str:
    """A CALL whose deepest bracket is at `depth`."""
    return '[2,"a","Reset",{"x":' + "[" * (depth - 2) + "]" * (depth - 2) + "}]"


FRAMES: list[Frame] = [
    CallFrame("id-1", "Reset", {"type": "Immediate"}),
    CallResultFrame("id-2", {}),
    CallErrorFrame("id-3", "NotSupported", "no such thing", {"why": ["a", 1, None, True, 1.5]}),
    CallErrorFrame(None, "FormatViolation"),
    CallErrorFrame("id-4", "GenericError", message_type=MessageType.CALL_RESULT_ERROR),
    SendFrame("id-5", "NotifyPeriodicEventStream", {"id": 0}),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_a_frame_survives_encoding_and_parsing(frame: Frame) -> None:
    assert parse(encode_frame(frame)) == frame


@pytest.mark.requirement("S16-CONN-06")
def test_frames_are_written_compactly_in_utf8() -> None:
    assert encode_frame(CallFrame("1", "A", {"x": "é☺", "y": [1, 2]})) == (
        '[2,"1","A",{"x":"é☺","y":[1,2]}]'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\ufeff[]",
        "nonsense",
        "[2,",
        '[2,"a","Reset",{}',
        '[2,"a","Reset",{}]x',
        "[2,'a']",
        '{"a":1,}',
        '[2,"a","Reset",{"x":01}]',
        '[2,"a\n","Reset",{}]',
        '"\\',
        "]" * 40,
    ],
)
def test_text_that_is_not_json_is_refused(text: str) -> None:
    assert flaw_of(text).flaw is Flaw.NOT_JSON


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "true",
        "5",
        '"x"',
        "{}",
        "[]",
        "[null]",
        '["2","a","Reset",{}]',
        "[true]",
        "[[2]]",
        '[2.0,"a","Reset",{}]',
        '[2e0,"a","Reset",{}]',
        '[-1,"a","Reset",{}]',
        '[{"a":2}]',
    ],
)
def test_an_array_must_begin_with_an_integer_message_type(text: str) -> None:
    bad = flaw_of(text)
    assert (bad.flaw, bad.message_type) == (Flaw.NOT_A_FRAME, None)


@pytest.mark.parametrize("number", [0, 1, 7, 9, 2**63])
def test_an_unknown_message_type_is_told_from_a_malformed_one(number: int) -> None:
    bad = flaw_of(f'[{number},"a","Reset",{{}}]')
    assert bad.flaw is Flaw.UNKNOWN_MESSAGE_TYPE
    assert bad.message_id == "a"
    assert bad.code is RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED


def test_types_that_the_version_does_not_have_are_unknown() -> None:
    for text in ('[5,"a","GenericError","",{}]', '[6,"a","X",{}]'):
        with pytest.raises(BadFrame) as caught:
            parse_frame(text, LIMITS)
        assert caught.value.flaw is Flaw.UNKNOWN_MESSAGE_TYPE


@pytest.mark.parametrize(
    "message_id",
    [
        '""',
        "null",
        "7",
        "[]",
        "{}",
        "true",
        json.dumps("x" * 37),
        json.dumps("x" * 60000),
        '"a\\u0000b"',
        '"a\\nb"',
        '"\\u007f"',
    ],
)
@pytest.mark.parametrize("number", [2, 3, 6])
def test_a_message_id_is_a_printable_string_of_1_to_36_characters(
    number: int, message_id: str
) -> None:
    bad = flaw_of(f'[{number},{message_id},"Reset",{{}}]')
    assert (bad.flaw, bad.message_type, bad.message_id) == (Flaw.BAD_MESSAGE_ID, number, None)


@pytest.mark.parametrize("message_id", ["x", "x" * 36, "-1", "☺", "\u202eabc", "0"])
def test_odd_but_short_message_ids_are_accepted(message_id: str) -> None:
    assert parse(json.dumps([2, message_id, "A", {}])) == CallFrame(message_id, "A", {})


@pytest.mark.parametrize(
    "rest", ["", ',"Reset"', ',"Reset",{},1', ",[],{}", ",{},{}", ",null,{}", ",1,{}"]
)
@pytest.mark.parametrize(("number", "flaw"), [(2, Flaw.BAD_CALL), (6, Flaw.BAD_SEND)])
def test_a_request_needs_a_text_for_its_action_and_four_elements(
    number: int, flaw: Flaw, rest: str
) -> None:
    bad = flaw_of(f'[{number},"x"{rest}]')
    assert (bad.flaw, bad.message_id) == (flaw, "x")
    assert bad.code is RpcErrorCode.RPC_FRAMEWORK_ERROR


@pytest.mark.parametrize("payload", ["[]", "null", '"x"', "1", "false"])
def test_a_payload_that_is_no_object_is_a_format_violation(payload: str) -> None:
    bad = flaw_of(f'[2,"x","Reset",{payload}]')
    assert (bad.flaw, bad.code) == (Flaw.BAD_CALL, RpcErrorCode.FORMAT_VIOLATION)


def test_an_endless_action_name_is_an_unknown_action() -> None:
    assert isinstance(parse(json.dumps([2, "x", "A" * 64, {}])), CallFrame)
    bad = flaw_of(json.dumps([2, "x", "A" * 10_000, {}]))
    assert (bad.flaw, bad.code) == (Flaw.BAD_CALL, RpcErrorCode.NOT_IMPLEMENTED)


@pytest.mark.parametrize("rest", ["", ",[]", ",null", ",{},{}", ',"x"'])
def test_a_result_needs_one_object(rest: str) -> None:
    bad = flaw_of(f'[3,"x"{rest}]')
    assert (bad.flaw, bad.message_type, bad.message_id) == (Flaw.BAD_ANSWER, 3, "x")


@pytest.mark.parametrize("message_id", ["null", "1", "{}", '""', json.dumps("y" * 40)])
def test_an_error_for_an_unusable_id_is_for_nobody(message_id: str) -> None:
    frame = parse(f'[4,{message_id},"FormatViolation","",{{}}]')
    assert frame == CallErrorFrame(None, "FormatViolation")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[4]", CallErrorFrame(None, "")),
        ('[4,"x"]', CallErrorFrame("x", "")),
        ('[4,"x",5]', CallErrorFrame("x", "")),
        ('[4,"x","NotSupported"]', CallErrorFrame("x", "NotSupported")),
        ('[4,"x","NotSupported",null,null]', CallErrorFrame("x", "NotSupported")),
        ('[4,"x","A","b",[],9,9]', CallErrorFrame("x", "A", "b")),
        ('[4,"x","A","b",{"c":1},9]', CallErrorFrame("x", "A", "b", {"c": 1})),
    ],
)
def test_an_incomplete_error_is_read_as_far_as_it_goes(text: str, expected: Frame) -> None:
    assert parse(text) == expected


def test_long_texts_in_an_error_are_cut() -> None:
    frame = parse(json.dumps([4, "x", "C" * 10_000, "d" * 10_000, {}]))
    assert frame == CallErrorFrame("x", "C" * 50, "d" * 255)
    written = json.loads(encode_frame(CallErrorFrame("x", "A", "d" * 300)))
    assert len(written[3]) == 255


def test_a_binary_frame_is_refused_unread() -> None:
    bad = flaw_of(b'[2,"a","Reset",{}]')
    assert (bad.flaw, bad.message_type, bad.message_id) == (Flaw.BINARY, None, None)


def test_the_size_limit_counts_bytes_and_includes_the_limit() -> None:
    limits = FrameLimits(frame_bytes=40)
    frame = '[2,"a","R",{"x":"%s"}]'
    fits = frame % ("y" * (40 - len(frame) + 2))
    assert len(fits) == 40
    assert isinstance(parse_frame(fits, limits), CallFrame)
    assert flaw_of(fits + " ", limits).flaw is Flaw.TOO_LARGE
    two_bytes_each = frame % ("é" * 18)
    assert len(two_bytes_each) < 40 < len(two_bytes_each.encode())
    assert flaw_of(two_bytes_each, limits).flaw is Flaw.TOO_LARGE


def test_by_default_a_frame_may_have_64_kib() -> None:
    frame = '[2,"a","R",{"x":"' + "y" * (LIMITS.frame_bytes - 20) + '"}]'
    assert len(frame) == LIMITS.frame_bytes
    assert isinstance(parse(frame), CallFrame)
    assert flaw_of(frame + " ").flaw is Flaw.TOO_LARGE


def test_nesting_is_limited_before_the_parser_recurses() -> None:
    assert isinstance(parse(nested(32)), CallFrame)
    for depth in (33, 991, 5000):
        assert flaw_of(nested(depth)).flaw is Flaw.TOO_DEEP
    assert flaw_of("[" * 60_000).flaw is Flaw.TOO_DEEP
    assert flaw_of('{"a":' * 10_000).flaw is Flaw.TOO_DEEP


def test_brackets_inside_texts_do_not_nest() -> None:
    payload = {"x": "[{" * 100, 'q"\\': '"[[[' * 20 + "\\"}
    assert parse(json.dumps([2, "a", "R", payload])) == CallFrame("a", "R", payload)
    assert flaw_of('[2,"a","R",{"x":"' + "[" * 100).flaw is Flaw.NOT_JSON


def test_a_generous_depth_limit_does_not_let_the_parser_fail() -> None:
    limits = FrameLimits(frame_bytes=10**6, nesting_depth=10**6)
    assert flaw_of("[" * 200_000 + "]" * 200_000, limits).flaw is Flaw.NOT_JSON


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_numbers_beyond_all_bounds_are_refused(literal: str) -> None:
    assert flaw_of(f'[2,"a","R",{{"x":{literal}}}]').flaw is Flaw.BAD_NUMBER


def test_integers_have_at_most_20_digits() -> None:
    frame = '[2,"a","R",{"x":%s}]'
    for literal in ("9" * 20, "-" + "9" * 20):
        assert parse(frame % literal) == CallFrame("a", "R", {"x": int(literal)})
    for literal in ("1" + "0" * 20, "-" + "9" * 21, "9" * 4301, "9" * 50_000):
        assert flaw_of(frame % literal).flaw is Flaw.BAD_NUMBER


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("1.0", 1),
        ("-2.0", -2),
        ("1e3", 1000),
        ("-0.0", 0),
        ("16.3", 16.3),
        ("1e30", 1e30),
        ("1e-400", 0),
        ("0.30000000000000004", 0.1 + 0.2),
        ("9007199254740994.0", 2.0**53 + 2),
    ],
)
def test_a_number_with_a_fraction_of_zero_is_an_integer(literal: str, value: float) -> None:
    frame = parse(f'[2,"a","R",{{"x":{literal}}}]')
    assert isinstance(frame, CallFrame)
    assert frame.payload["x"] == value
    assert type(frame.payload["x"]) is type(value)


def test_duplicate_keys_are_refused_at_any_depth() -> None:
    for payload in ('{"a":1,"a":1}', '{"x":[{"a":1,"\\u0061":2}]}'):
        assert flaw_of(f'[2,"a","R",{payload}]').flaw is Flaw.DUPLICATE_KEY


def test_lone_surrogates_are_refused_and_pairs_are_not() -> None:
    for escape in ("\\ud800", "\\uDFFF", "\\ude00\\ud83d", "a\\uDbFf"):
        assert flaw_of(f'[2,"a","R",{{"x":"{escape}"}}]').flaw is Flaw.NOT_UNICODE
        assert flaw_of(f'[2,"a","R",{{"{escape}":1}}]').flaw is Flaw.NOT_UNICODE
    assert flaw_of('[2,"\ud800","R",{}]').flaw is Flaw.NOT_UNICODE
    assert parse('[2,"a","R",{"x":"\\ud83d\\ude00"}]') == CallFrame("a", "R", {"x": "😀"})
    assert parse('[2,"a","R",{"x":"\\\\ud800"}]') == CallFrame("a", "R", {"x": "\\ud800"})


@pytest.mark.parametrize(
    ("text", "message_type", "message_id"),
    [
        ('[2,"abc","Reset",{"x":NaN}]', 2, "abc"),
        (' [ 3 , "abc" , {"x":1,"x":2}]', 3, "abc"),
        ('[2,"abc"', 2, "abc"),
        ('[2,"a\\u0062","R",{"x":NaN}]', None, None),
        ('[2,"a\tb","R",{"x":NaN}]', 2, None),
        ('[2,"\ud800","R",{}]', 2, None),
        ('[2,"' + "x" * 37 + '",NaN]', None, None),
        ("[2,NaN]", None, None),
        ("[" * 70_000, None, None),
    ],
)
def test_type_and_id_are_read_from_a_broken_frame_if_possible(
    text: str, message_type: int | None, message_id: str | None
) -> None:
    bad = flaw_of(text)
    assert (bad.message_type, bad.message_id) == (message_type, message_id)


@pytest.mark.parametrize(
    "payload",
    [{"x": float("nan")}, {"x": float("inf")}, {"x": {1, 2}}, {"x": b""}, {"x": "\ud800"}],
)
def test_a_payload_without_json_text_is_not_sent(payload: dict[str, object]) -> None:
    with pytest.raises(UnencodableFrame, match="payload cannot be written as JSON"):
        encode_frame(CallFrame("a", "R", payload))


def test_read_only_mappings_are_written_as_objects() -> None:
    payload = MappingProxyType({"x": MappingProxyType({"y": (1, 2)})})
    assert encode_frame(CallFrame("a", "R", payload)) == '[2,"a","R",{"x":{"y":[1,2]}}]'


def test_an_error_description_is_always_presentable() -> None:
    assert parse(encode_frame(CallErrorFrame("a", "B", "\ud800x"))) == CallErrorFrame(
        "a", "B", "?x"
    )


def test_error_codes_are_read_in_any_spelling() -> None:
    for dialect in (QUIET, TALKATIVE):
        assert dialect.read_error_code("FormationViolation") is RpcErrorCode.FORMAT_VIOLATION
        assert dialect.read_error_code("FormatViolation") is RpcErrorCode.FORMAT_VIOLATION
        assert (
            dialect.read_error_code("OccurenceConstraintViolation")
            is RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
        )
        assert dialect.read_error_code("junk") is RpcErrorCode.GENERIC_ERROR
    assert QUIET.spell(RpcErrorCode.FORMAT_VIOLATION) == "FormationViolation"
    assert TALKATIVE.spell(RpcErrorCode.FORMAT_VIOLATION) == "FormatViolation"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON_VALUES.map(json.dumps) | st.text() | st.text(string.printable) | st.binary())
def test_any_input_is_a_frame_or_a_bad_frame(received: str | bytes) -> None:
    try:
        frame = parse(received)
    except BadFrame:
        return
    assert parse(encode_frame(frame)) == frame


def depth_of(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 0


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["[", "]", "{", "}", '"', ":", ",", "\\", "[[", '"}"', "1"]), max_size=30
    )
)
@example(['"', "[[", '"', ",", "[]"])
def test_the_depth_scan_agrees_with_the_parser(parts: list[str]) -> None:
    text = f"[{''.join(parts)}]"
    try:
        depth = depth_of(json.loads(text))
    except ValueError:
        return
    assert flaw_of(text, FrameLimits(nesting_depth=depth - 1)).flaw is Flaw.TOO_DEEP
    assert flaw_of(text, FrameLimits(nesting_depth=depth)).flaw is not Flaw.TOO_DEEP


@settings(deadline=None)
@given(JSON_VALUES)
def test_the_depth_scan_measures_any_value(value: object) -> None:
    text = json.dumps([None, value])
    depth = depth_of([None, value])
    assert flaw_of(text, FrameLimits(nesting_depth=depth - 1)).flaw is Flaw.TOO_DEEP
    assert flaw_of(text, FrameLimits(nesting_depth=depth)).flaw is not Flaw.TOO_DEEP
