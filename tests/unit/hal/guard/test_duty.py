"""Amperes to duty and back, over both ranges of the standard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.guard.duty import (
    PWM_UPDATE_INTERVAL_S,
    STEADY_NEGATIVE,
    STEADY_POSITIVE,
    X1_AFTER_F_S,
    X1_STEP_S,
    DutyTrack,
    current_for_duty,
    duty_for_current,
    is_pwm,
)


@pytest.mark.parametrize(
    ("current_a", "duty"),
    [
        (6.0, 0.10),
        (10.0, 1 / 6),
        (16.0, 0.2667),
        (32.0, 0.5333),
        (51.0, 0.85),
        (51.5, 0.85),
        (52.49, 0.85),
        (52.5, 0.85),
        (63.0, 0.892),
        (80.0, 0.96),
        (99.0, 0.96),
    ],
)
def test_a_current_has_its_duty(current_a: float, duty: float) -> None:
    assert duty_for_current(current_a) == pytest.approx(duty, abs=1e-4)


@pytest.mark.parametrize("current_a", [0.0, -1.0, 5.999, float("nan")])
def test_less_than_six_amperes_is_no_pwm(current_a: float) -> None:
    assert duty_for_current(current_a) == STEADY_POSITIVE


@pytest.mark.parametrize(
    ("duty", "current_a"),
    [
        (STEADY_NEGATIVE, 0.0),
        (0.05, 0.0),
        (0.079, 0.0),
        (0.08, 6.0),
        (0.09, 6.0),
        (0.10, 6.0),
        (0.5, 30.0),
        (0.85, 51.0),
        (0.86, 55.0),
        (0.96, 80.0),
        (0.97, 80.0),
        (0.975, 0.0),
        (STEADY_POSITIVE, 0.0),
    ],
)
def test_a_vehicle_reads_a_duty_like_the_standard(duty: float, current_a: float) -> None:
    assert current_for_duty(duty) == pytest.approx(current_a)


@given(st.floats(6.0, 200.0))
def test_no_current_is_read_as_more(current_a: float) -> None:
    assert current_for_duty(duty_for_current(current_a)) <= current_a + 1e-9


@given(st.floats(6.0, 80.0), st.floats(6.0, 80.0))
def test_more_current_never_has_less_duty(one_a: float, other_a: float) -> None:
    low_a, high_a = sorted((one_a, other_a))
    assert duty_for_current(low_a) <= duty_for_current(high_a)


def test_only_between_the_steady_levels_is_a_pwm() -> None:
    assert is_pwm(0.5)
    assert not is_pwm(STEADY_POSITIVE)
    assert not is_pwm(STEADY_NEGATIVE)


@pytest.mark.parametrize("wanted", [0.2, 0.4])
def test_a_running_pwm_changes_its_value_only_after_five_seconds(wanted: float) -> None:
    track = DutyTrack(0.3, 100.0)
    assert track.drive(wanted, 100.0 + PWM_UPDATE_INTERVAL_S - 0.001) is track
    assert track.drive(wanted, 100.0 + PWM_UPDATE_INTERVAL_S) == DutyTrack(wanted, 105.0)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [(0.3, STEADY_POSITIVE), (0.3, STEADY_NEGATIVE), (STEADY_POSITIVE, 0.3)],
)
def test_the_pwm_starts_and_stops_at_once(before: float, wanted: float) -> None:
    assert DutyTrack(before, 100.0).drive(wanted, 100.001).duty == wanted


def test_a_pwm_that_stopped_stays_away_for_three_seconds() -> None:
    track = DutyTrack(0.3, 100.0, 100.0).drive(STEADY_POSITIVE, 200.0)
    assert track.drive(0.3, 200.0 + X1_STEP_S - 0.001) is track
    assert track.drive(0.2, 200.0 + X1_STEP_S).duty == 0.2


def test_state_f_lasts_and_is_followed_by_a_moment_of_steady_positive() -> None:
    track = DutyTrack(0.3, 100.0, 100.0).drive(STEADY_NEGATIVE, 200.0)
    assert track.drive(STEADY_POSITIVE, 200.299) is track
    positive = track.drive(0.3, 200.3)
    assert positive.duty == STEADY_POSITIVE
    assert positive.drive(0.3, 200.3 + X1_AFTER_F_S - 0.001) is positive
    assert positive.drive(0.3, 200.3 + X1_AFTER_F_S).duty == 0.3


def test_another_value_does_not_begin_another_pwm() -> None:
    track = DutyTrack(0.3, 100.0, 100.0).drive(0.2, 106.0)
    assert (track.changed_s, track.level_since_s) == (106.0, 100.0)
    assert track.steady_for(110.0) == 0.0
    assert track.drive(STEADY_POSITIVE, 111.0).steady_for(115.0) == 4.0


def test_the_same_duty_is_no_change() -> None:
    track = DutyTrack(0.3, 100.0)
    assert track.drive(0.3, 200.0) is track
