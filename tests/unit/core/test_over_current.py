"""Who draws more than he is offered, and for how long, in virtual time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.over_current import NOTHING_DRAWN, OverCurrent, watched

Course = list[tuple[float, float, float | None]]
"""Seconds, offered A, drawn A."""


def trips_at(course: Course) -> float | None:
    """Play a course, a reading each second; return when it tripped."""
    state, now_s = NOTHING_DRAWN, 0.0
    for seconds, offered_a, drawn_a in course:
        for _ in range(int(seconds)):
            drawn = None if drawn_a is None else Decimal(str(drawn_a))
            state = watched(state, now_s, Decimal(str(offered_a)), drawn)
            if state.tripped:
                return now_s
            now_s += 1
    return None


@pytest.mark.parametrize(
    ("course", "tripped_at_s"),
    [
        ([(3600, 16, 16)], None),
        ([(3600, 16, 17.6)], None),
        ([(3600, 16, 18.1)], None),
        ([(60, 16, 18.2)], 10.0),
        ([(60, 16, 20.4)], 10.0),
        ([(60, 16, 20.6)], 3.0),
        ([(60, 6, 8.1)], 3.0),
        ([(9, 16, 18.2), (1, 16, 16), (9, 16, 18.2), (60, 16, 16)], None),
        ([(2, 16, 40), (60, 16, 16)], None),
        ([(9, 16, 18.2), (1, 16, None), (9, 16, 18.2)], None),
        ([(60, 0, 8)], 3.0),
    ],
    ids=str,
)
def test_a_small_excess_may_last_10_s_and_a_gross_one_3_s(
    course: Course, tripped_at_s: float | None
) -> None:
    assert trips_at(course) == tripped_at_s


@pytest.mark.parametrize(
    ("course", "tripped_at_s"),
    [
        ([(30, 32, 32), (6, 10, 32), (60, 10, 10)], None),
        ([(30, 32, 32), (9, 10, 32), (60, 10, 10)], None),
        ([(30, 32, 32), (60, 10, 32)], 40.0),
        ([(30, 32, 32), (60, 10, 12)], 47.0),
        ([(30, 16, 16), (60, 32, 32)], None),
    ],
    ids=str,
)
def test_an_ev_has_its_time_to_follow_an_offer_that_falls(
    course: Course, tripped_at_s: float | None
) -> None:
    assert trips_at(course) == tripped_at_s


@given(st.lists(st.tuples(st.floats(6, 80), st.floats(0, 80)), max_size=60))
def test_an_ev_that_draws_no_more_than_any_recent_offer_never_trips(
    course: list[tuple[float, float]],
) -> None:
    state = NOTHING_DRAWN
    for second, (offered_a, wanted_a) in enumerate(course):
        drawn_a = Decimal(str(min(offered_a, wanted_a)))
        state = watched(state, float(second), Decimal(str(offered_a)), drawn_a)
        assert not state.tripped
        assert len(state.offers) <= 9


def test_nothing_drawn_is_where_it_begins() -> None:
    assert OverCurrent() == NOTHING_DRAWN
    assert not NOTHING_DRAWN.tripped
