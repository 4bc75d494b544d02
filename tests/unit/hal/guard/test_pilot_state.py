"""Voltage windows, debounce, diode check and short check of the control pilot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import Fault, PilotSample, PilotState
from hal.guard.duty import STEADY_NEGATIVE, STEADY_POSITIVE, DutyTrack
from hal.guard.pilot_state import PilotTrack, classify, first_sample, observe

A, B, C, D, E, F = PilotState
STEADY = DutyTrack(STEADY_POSITIVE, 0.0)
PWM = DutyTrack(0.3, 0.0)


def steady(level_v: float) -> PilotSample:
    return PilotSample(level_v, level_v)


def feed(
    track: PilotTrack, sample: PilotSample, seconds: float, driven: DutyTrack = STEADY
) -> PilotTrack:
    """Feed one sample every 5 ms, continuing after the last."""
    for _ in range(round(seconds / 0.005)):
        CLOCK[0] += 0.005
        track = observe(track, sample, driven, CLOCK[0])
    return track


CLOCK = [100.0]


@pytest.mark.parametrize(
    ("level_v", "state"),
    [
        (13.01, E),
        (13.0, A),
        (12.0, A),
        (11.0, A),
        (10.0, B),
        (9.0, B),
        (8.0, B),
        (7.0, C),
        (6.0, C),
        (5.0, C),
        (4.0, D),
        (2.0, D),
        (1.99, E),
        (0.0, E),
        (-1.0, E),
        (-5.0, E),
        (-10.9, E),
        (-11.0, F),
        (-13.0, F),
        (-13.1, E),
    ],
)
@pytest.mark.parametrize("previous", PilotState)
def test_a_level_inside_a_window_is_its_state(
    level_v: float, state: PilotState, previous: PilotState
) -> None:
    assert classify(level_v, previous) is state


@pytest.mark.parametrize(
    ("level_v", "expected"),
    [
        (10.5, {A: A, B: B, C: A, D: A, E: A, F: A}),
        (7.5, {A: B, B: B, C: C, D: B, E: B, F: B}),
        (4.5, {A: D, B: D, C: C, D: D, E: D, F: D}),
        (1.999, dict.fromkeys(PilotState, E)),
    ],
)
def test_between_two_windows_a_neighbour_holds_and_nothing_gains_supply(
    level_v: float, expected: dict[PilotState, PilotState]
) -> None:
    assert {previous: classify(level_v, previous) for previous in PilotState} == expected


@given(st.floats(), st.sampled_from(PilotState))
def test_every_level_has_a_state_and_only_the_c_range_gives_c(
    level_v: float, previous: PilotState
) -> None:
    state = classify(level_v, previous)
    assert state is not C or 4.0 < level_v < 8.0


def test_the_first_sample_counts_at_once() -> None:
    assert first_sample(steady(9.0), 5.0).state.value is B


def test_entering_a_state_takes_a_tenth_of_a_second() -> None:
    track = feed(first_sample(steady(12.0), CLOCK[0]), steady(9.0), 0.095)
    assert track.state.value is A
    assert track.pending
    assert feed(track, steady(9.0), 0.015).state.value is B


def test_leaving_c_takes_a_fiftieth_of_a_second() -> None:
    track = first_sample(steady(6.0), CLOCK[0])
    assert feed(track, steady(9.0), 0.02).state.value is C
    assert feed(track, steady(9.0), 0.03).state.value is B


def test_an_unplugged_vehicle_is_first_b_and_then_a() -> None:
    track = feed(first_sample(steady(6.0), CLOCK[0]), steady(12.0), 0.03)
    assert track.state.value is B
    assert feed(track, steady(12.0), 0.11).state.value is A


def test_one_late_sample_does_not_leave_c() -> None:
    track = observe(first_sample(steady(6.0), 1.0), steady(12.0), STEADY, 1.2)
    assert track.state.value is C
    track = observe(track, steady(6.0), STEADY, 1.205)
    assert observe(track, steady(6.0), STEADY, 1.21).state.value is C


def test_a_wavering_pilot_leaves_c_even_if_it_says_c_again() -> None:
    track = first_sample(steady(6.0), 1.0)
    for step in range(11):
        track = observe(track, steady(9.0 if step % 2 == 0 else 6.0), STEADY, 1.0 + step * 0.005)
    assert track.state.value is B
    track = first_sample(steady(6.0), 1.0)
    track = observe(track, steady(9.0), STEADY, 1.0)
    assert observe(track, steady(6.0), STEADY, 1.06).state.value is B


def test_a_steady_pilot_at_zero_is_shorted() -> None:
    track = feed(first_sample(steady(12.0), CLOCK[0]), steady(0.0), 0.03)
    assert track.fault.value is Fault.PILOT_SHORT


@pytest.mark.parametrize(
    ("sample", "duty", "fault"),
    [
        (PilotSample(0.5, -0.5), 0.3, Fault.PILOT_SHORT),
        (PilotSample(0.5, -12.0), 0.3, Fault.PILOT_SHORT),
        (PilotSample(-12.0, -12.0), STEADY_NEGATIVE, None),
        (PilotSample(-10.0, -10.0), STEADY_NEGATIVE, None),
        (PilotSample(-9.0, -9.0), STEADY_NEGATIVE, Fault.DIODE),
        (PilotSample(-2.4, -2.4), STEADY_NEGATIVE, Fault.DIODE),
        (PilotSample(0.0, 0.0), STEADY_NEGATIVE, Fault.PILOT_NEGATIVE),
        (PilotSample(12.0, 12.0), STEADY_NEGATIVE, Fault.PILOT_NEGATIVE),
        (PilotSample(-14.0, -14.0), STEADY_NEGATIVE, Fault.PILOT_SHORT),
        (PilotSample(float("nan"), float("nan")), STEADY_NEGATIVE, Fault.PILOT_SHORT),
        (PilotSample(14.0, 14.0), STEADY_POSITIVE, Fault.PILOT_SHORT),
        (PilotSample(-5.0, -12.0), 0.3, Fault.PILOT_SHORT),
        (PilotSample(float("nan"), -12.0), 0.3, Fault.PILOT_SHORT),
        (PilotSample(12.0, -12.0), 0.3, None),
        (PilotSample(9.0, -12.0), 0.3, None),
        (PilotSample(9.0, -9.0), 0.3, Fault.DIODE),
        (PilotSample(6.0, -9.9), 0.3, Fault.DIODE),
        (PilotSample(3.0, -2.4), 0.3, Fault.DIODE),
        (PilotSample(9.0, 0.0), 0.3, Fault.PILOT_NEGATIVE),
        (PilotSample(6.0, -1.0), 0.3, Fault.PILOT_NEGATIVE),
        (PilotSample(3.0, 0.0), 0.3, Fault.PILOT_NEGATIVE),
        (PilotSample(12.0, -9.0), 0.3, Fault.PILOT_NEGATIVE),
        (PilotSample(6.0, float("nan")), 0.3, Fault.PILOT_NEGATIVE),
        (PilotSample(9.9, -10.5), 0.3, Fault.DIODE),
        (PilotSample(9.0, 9.0), STEADY_POSITIVE, None),
        (PilotSample(3.0, -11.5), 0.3, None),
    ],
)
def test_the_plateaus_tell_short_diode_and_missing_negative_apart(
    sample: PilotSample, duty: float, fault: Fault | None
) -> None:
    track = feed(first_sample(sample, CLOCK[0]), sample, 0.1, DutyTrack(duty, 0.0))
    assert track.fault.value is fault


def test_three_samples_are_needed_for_a_fault() -> None:
    track = first_sample(steady(9.0), 1.0)
    for now_s in (2.0, 2.1):
        track = observe(track, steady(0.0), STEADY, now_s)
        assert track.fault.value is None
        assert track.pending
    assert observe(track, steady(0.0), STEADY, 2.2).fault.value is Fault.PILOT_SHORT


def test_the_first_plateaus_after_a_change_of_the_duty_prove_nothing() -> None:
    track = first_sample(steady(9.0), 1.0)
    fresh = DutyTrack(0.3, 1.0)
    for step in range(8):
        track = observe(track, steady(9.0), fresh, 1.0 + step * 0.005)
    assert track.fault.candidate is None
    assert track.diode_since_s is None


def test_the_diode_is_proven_after_sixty_milliseconds_of_pwm() -> None:
    start_s = CLOCK[0]
    track = feed(first_sample(steady(9.0), start_s), PilotSample(9.0, -12.0), 0.06, PWM)
    assert not track.diode_proven(CLOCK[0])
    track = feed(track, PilotSample(9.0, -12.0), 0.01, PWM)
    assert track.diode_proven(CLOCK[0])
    assert not feed(track, steady(9.0), 0.01).diode_proven(CLOCK[0])


def test_a_steady_sample_changes_nothing() -> None:
    track = first_sample(steady(9.0), 1.0)
    assert observe(track, steady(9.0), STEADY, 2.0) is track
    supplying = first_sample(steady(6.0), 1.0)
    assert observe(supplying, steady(6.0), STEADY, 2.0) is supplying
