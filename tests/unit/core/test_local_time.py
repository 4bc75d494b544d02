"""Local time for people: the offset in force, and what an offset may be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.local_time import LocalTime, offset_of, offset_text

CHANGE = datetime(2026, 3, 29, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("Z", 0),
        ("+00:00", 0),
        ("-00:00", 0),
        ("+01:00", 60),
        ("-09:30", -570),
        ("+05:45", 345),
        ("+14:00", 840),
        ("-14:00", -840),
    ],
)
def test_an_offset_is_what_it_spells(text: str, minutes: int) -> None:
    assert offset_of(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        *("", "z", "+1:00", "01:00", "+0100", "+01:60", "+14:01", "-14:01", "+99:00", "+01:00 "),
        *("+01:00:00", "Europe/Berlin", "+01.00", "--1:00", "+01:00\n"),
        "+\u0660\u0661:\u0660\u0660",
    ],
)
def test_what_is_no_offset_of_a_place_on_earth_is_none(text: str) -> None:
    assert offset_of(text) is None


@given(st.integers(-840, 840))
def test_every_offset_is_read_as_it_is_written(minutes: int) -> None:
    assert offset_of(offset_text(timedelta(minutes=minutes))) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("before_s", "shown"),
    [
        (1, "2026-03-29T01:59:59+01:00"),
        (0, "2026-03-29T03:00:00+02:00"),
        (-3600, "2026-03-29T04:00:00+02:00"),
    ],
)
def test_the_clocks_change_at_the_instant_that_was_set(before_s: int, shown: str) -> None:
    rule = LocalTime(HOUR, CHANGE, 2 * HOUR)

    assert rule.shown(CHANGE - before_s * SECOND) == shown


@pytest.mark.parametrize("rule", [LocalTime(HOUR, CHANGE), LocalTime(HOUR, None, 2 * HOUR)])
def test_without_both_the_instant_and_its_offset_nothing_changes(rule: LocalTime) -> None:
    assert rule.offset_at(CHANGE + HOUR) == HOUR


def test_without_any_setting_people_are_told_utc() -> None:
    assert LocalTime().shown(CHANGE) == "2026-03-29T01:00:00+00:00"
