from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.derating import Derating, DeratingCurve, derated, is_temperature

CURVE = DeratingCurve(start_c=60.0, end_c=75.0, limit_c=85.0, hysteresis_c=5.0, full_a=32)
temperatures = st.floats(-40.0, 120.0)


@pytest.mark.parametrize(
    ("celsius", "limit_a", "too_hot"),
    [
        (-20.0, 32, False),
        (60.0, 32, False),
        (60.1, 31, False),
        (67.5, 19, False),
        (74.9, 6, False),
        (75.0, 6, False),
        (75.1, 0, False),
        (84.9, 0, False),
        (85.0, 0, True),
        (120.0, 0, True),
    ],
)
def test_the_current_falls_on_a_line_then_stops_then_is_a_fault(
    celsius: float, limit_a: int, too_hot: bool
) -> None:
    found = derated(CURVE, None, celsius)
    assert (found.limit_a, found.too_hot) == (Decimal(limit_a), too_hot)


def test_what_was_lowered_rises_only_once_it_is_cooler_by_the_hysteresis() -> None:
    state: Derating | None = None
    told = []
    for celsius in (59, 67.5, 66, 62.5, 62, 55, 54.9, 67.5):
        state = derated(CURVE, state, celsius)
        told.append(int(state.limit_a))
    assert told == [32, 19, 19, 19, 19, 32, 32, 19]


def test_charging_resumes_and_the_fault_goes_below_their_thresholds_by_the_hysteresis() -> None:
    hot = derated(CURVE, None, 86)
    assert derated(CURVE, hot, 80.5).too_hot
    cooler = derated(CURVE, hot, 79.9)
    assert (cooler.too_hot, cooler.limit_a) == (False, 0)
    assert derated(CURVE, cooler, 70.1).limit_a == 0
    assert derated(CURVE, cooler, 69.9).limit_a >= 6


def test_an_evse_of_6_a_has_nothing_to_give_up_but_everything() -> None:
    curve = DeratingCurve(60.0, 75.0, 85.0, 5.0, full_a=6)
    assert [int(derated(curve, None, c).limit_a) for c in (20, 70, 75, 76)] == [6, 6, 6, 0]


@given(st.lists(temperatures, min_size=1))
def test_the_limit_is_whole_amperes_that_an_ev_understands(course: list[float]) -> None:
    state: Derating | None = None
    for celsius in course:
        state = derated(CURVE, state, celsius)
        assert state.limit_a == 0 or 6 <= state.limit_a <= 32
        assert state.limit_a == state.limit_a.to_integral_value()
        assert celsius <= state.counted_c <= celsius + CURVE.hysteresis_c
        assert not state.too_hot or state.limit_a == 0


@given(st.lists(temperatures, min_size=2, unique=True))
def test_hotter_never_means_more_current(course: list[float]) -> None:
    limits = [derated(CURVE, None, celsius).limit_a for celsius in sorted(course)]
    assert all(hot <= cold for cold, hot in pairwise(limits))


@pytest.mark.parametrize("word", [float("nan"), float("inf"), -273.0, 850.0])
def test_what_no_sensor_can_mean_is_no_temperature(word: float) -> None:
    assert not is_temperature(word)
    assert is_temperature(-25.0)
    assert is_temperature(85.0)
