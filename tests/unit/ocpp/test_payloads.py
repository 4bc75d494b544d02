from datetime import UTC, datetime

import pytest

from agent.ocpp.codec import CallRejected
from agent.ocpp.payloads import instant, integer, present, shorten, told_instant
from agent.ocpp.rpc import RpcErrorCode


def test_absent_fields_are_left_out_but_not_false_zero_or_empty_ones() -> None:
    assert present({"a": None, "b": False, "c": 0, "d": ""}) == {"b": False, "c": 0, "d": ""}


def test_text_is_cut_to_its_length_in_characters() -> None:
    assert shorten("€uro", 2) == "€u"
    assert shorten("€", 2) == "€"


def test_an_integer_may_be_written_with_a_point() -> None:
    assert integer({"n": 3.0}, "n") == 3
    assert type(integer({"n": 3.0}, "n")) is int
    assert integer({"n": 0}, "n") == 0
    assert integer({}, "n") is None


def test_an_instant_of_a_call_is_read_or_the_call_rejected() -> None:
    assert instant({"t": "2025-01-01T00:00:00Z"}, "t") == datetime(2025, 1, 1, tzinfo=UTC)
    assert instant({}, "t") is None
    with pytest.raises(CallRejected, match="t is not a date") as caught:
        instant({"t": "soon"}, "t")
    assert caught.value.code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_an_unreadable_instant_of_a_reply_counts_as_absent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert told_instant({"t": "2025-01-01T00:00:00Z"}, "t") == datetime(2025, 1, 1, tzinfo=UTC)
    assert told_instant({}, "t") is None
    assert told_instant({"t": "soon"}, "t") is None
    assert "soon" in caplog.text
