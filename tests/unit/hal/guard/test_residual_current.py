"""Trip and self test of the residual current monitor."""

import pytest

from hal.guard.contactor_check import ContactorTrack
from hal.guard.residual_current import DAY_S, RETRY_S, ResidualCurrentTrack

OPEN = ContactorTrack(started_s=0.0, commanded_s=0.0)
SUPPLYING = ContactorTrack(started_s=0.0, commanded=True, commanded_s=0.0, closed=True)


def seen(
    track: ResidualCurrentTrack,
    now_s: float,
    *,
    tripped: bool = False,
    verdict: bool | None = True,
    contactor: ContactorTrack = OPEN,
) -> ResidualCurrentTrack:
    return track.observe(contactor, tripped=tripped, verdict=verdict, now_s=now_s)


def after_test(now_s: float = 100.0, *, verdict: bool = True) -> ResidualCurrentTrack:
    return seen(ResidualCurrentTrack().test_started(now_s - 0.3), now_s, verdict=verdict)


def tripping(contactor: ContactorTrack, seconds: float, start_s: float = 200.0) -> bool:
    """Let the trip output be on for some time; tell whether that was a trip."""
    track = after_test()
    for step in range(round(seconds / 0.005) + 1):
        track = seen(track, start_s + step * 0.005, tripped=True, contactor=contactor)
    return track.tripped


def test_a_trip_counts_after_a_fiftieth_of_a_second_under_supply() -> None:
    assert not tripping(SUPPLYING, 0.015)
    assert tripping(SUPPLYING, 0.020)


def test_one_late_sample_is_no_trip() -> None:
    track = seen(after_test(), 200.0, tripped=True, contactor=SUPPLYING)
    assert not track.tripped
    assert track.suspicious
    track = seen(track, 200.1, contactor=SUPPLYING)
    assert not track.suspicious
    assert not seen(track, 200.2, tripped=True, contactor=SUPPLYING).tripped


@pytest.mark.parametrize("contactor", [OPEN, SUPPLYING])
def test_no_trip_counts_within_a_second_after_the_contactor_was_switched(
    contactor: ContactorTrack,
) -> None:
    assert not tripping(contactor, 0.9, start_s=0.05)


def test_a_trip_that_outlasts_the_switching_counts_at_once() -> None:
    assert tripping(SUPPLYING, 0.96, start_s=0.05)


def test_a_trip_behind_a_welded_contactor_counts() -> None:
    welded = ContactorTrack(started_s=0.0, commanded_s=0.0, closed=True)
    assert tripping(welded, 0.02)


def test_a_trip_ends_with_the_output() -> None:
    track = ResidualCurrentTrack(passed_s=1.0, tripped=True, on_since_s=1.0, on_samples=2)
    assert seen(track, 200.0, tripped=True, contactor=OPEN).is_fault
    assert not seen(track, 200.0, contactor=OPEN).is_fault


def test_an_output_that_is_on_behind_an_open_contactor_asks_for_a_self_test() -> None:
    track = seen(after_test(), 200.0, tripped=True)
    assert not track.is_fault
    assert track.wants_test(200.0)
    assert not track.ready


def test_the_test_current_is_no_trip_but_must_be_gone_in_the_end() -> None:
    track = ResidualCurrentTrack().test_started(100.0)
    track = seen(track, 100.2, tripped=True, verdict=None)
    assert not track.is_fault
    track = seen(track, 100.3, tripped=True, verdict=True)
    assert track.pending
    assert not track.ready
    assert seen(track, 100.5).ready
    assert seen(track, 103.0, tripped=True).is_fault


def test_an_old_verdict_is_not_taken_for_the_new_one() -> None:
    track = ResidualCurrentTrack().test_started(100.0)
    assert seen(track, 100.05).pending


def test_a_failed_test_is_a_fault_and_is_tried_again_later() -> None:
    track = after_test(verdict=False)
    assert track.is_fault
    assert not track.wants_test(100.0 + RETRY_S - 0.1)
    assert track.wants_test(100.0 + RETRY_S)
    assert track.retried().wants_test(100.1)
    assert not track.retried().is_fault


def test_a_missing_verdict_is_a_failed_test() -> None:
    track = ResidualCurrentTrack().test_started(100.0)
    assert seen(track, 102.9, verdict=None).pending
    assert seen(track, 103.0, verdict=None).is_fault


def test_a_test_is_due_at_first_before_each_session_and_daily() -> None:
    assert ResidualCurrentTrack().wants_test(0.0)
    track = after_test()
    assert track.ready
    assert not track.wants_test(100.0 + DAY_S - 1)
    assert track.wants_test(100.0 + DAY_S)
    assert track.test_due().wants_test(101.0)
    assert not track.test_due().ready


def test_no_test_starts_during_a_test_or_a_trip() -> None:
    assert not ResidualCurrentTrack().test_started(100.0).wants_test(101.0)
    assert not ResidualCurrentTrack(tripped=True).wants_test(101.0)
    assert ResidualCurrentTrack(failed=True).wants_test(101.0)


def test_an_interrupted_test_is_due_again() -> None:
    assert ResidualCurrentTrack().test_started(100.0).interrupted().wants_test(100.1)


def test_nothing_to_forget_changes_nothing() -> None:
    track = ResidualCurrentTrack()
    assert track.test_due() is track
    assert track.retried() is track
    assert seen(track, 1.0, verdict=None) is track
