from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.timestamps import (
    LAST_INSTANT,
    InvalidTimestamp,
    format_datetime,
    parse_datetime,
)

NOON = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)


@pytest.mark.requirement("S16-CONN-20")
@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T12:00:00Z",
        "2024-02-29t12:00:00z",
        "2024-02-29T12:00:00",
        "2024-02-29T12:00:00.000Z",
        "2024-02-29T12:00:00.0000000000000000000000000000000000000000+00:00",
        "2024-02-29T13:30:00+01:30",
        "2024-02-29T13:30:00+0130",
        "2024-02-28T21:00:00-15:00",
        "2024-02-29T12:00:00-00:00",
    ],
)
def test_every_way_to_write_an_instant_is_read_as_utc(text: str) -> None:
    assert parse_datetime(text) == NOON
    assert parse_datetime(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("fraction", "microsecond"), [("1", 100000), ("026323", 26323), ("9999999999", 999999)]
)
def test_fractions_are_kept_to_the_microsecond(fraction: str, microsecond: int) -> None:
    parsed = parse_datetime(f"2024-02-29T12:00:00.{fraction}Z")
    assert parsed == NOON.replace(microsecond=microsecond)


def test_a_leap_second_is_the_first_instant_of_the_next_minute() -> None:
    assert parse_datetime("2016-12-31T23:59:60.5Z") == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-02-29",
        "2024-02-29 12:00:00Z",
        "2024-02-29T12:00Z",
        " 2024-02-29T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-32T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-1-1T00:00:00Z",
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9998-12-31T23:59:59-23:59x",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00Z\n",
        "٢٠٢٤-01-01T00:00:00Z",
        "-2024-01-01T00:00:00Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidTimestamp):
        parse_datetime(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("9999-01-01T00:00:00+14:00", datetime(9998, 12, 31, 10, 0, 0, tzinfo=UTC)),
        ("9999-12-31T23:59:59-01:00", LAST_INSTANT),
        ("9999-12-31T23:59:60Z", LAST_INSTANT),
    ],
)
def test_never_is_read_as_the_end_of_the_calendar(text: str, instant: datetime) -> None:
    assert parse_datetime(text) == instant
    assert format_datetime(parse_datetime(text)).startswith(("9999-", "9998-"))


def test_instants_are_sent_in_utc_with_exactly_three_decimals() -> None:
    assert format_datetime(NOON) == "2024-02-29T12:00:00.000Z"
    east = timezone(timedelta(hours=5, minutes=45))
    assert format_datetime(NOON.astimezone(east)) == "2024-02-29T12:00:00.000Z"
    assert format_datetime(NOON.replace(microsecond=999999)) == "2024-02-29T12:00:00.999Z"


def test_an_instant_without_zone_is_not_sent() -> None:
    with pytest.raises(ValueError, match="without time zone"):
        format_datetime(datetime(2024, 1, 1))  # noqa: DTZ001 - that is the point


@settings(deadline=None)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 - bounds
def test_what_is_sent_can_be_read(instant: datetime) -> None:
    lost = instant - parse_datetime(format_datetime(instant))
    assert timedelta(0) <= lost < timedelta(milliseconds=1)


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}.*"))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    try:
        parsed = parse_datetime(text)
    except InvalidTimestamp:
        return
    assert parsed.tzinfo is UTC
