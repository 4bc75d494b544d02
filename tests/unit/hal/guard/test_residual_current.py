"""Trip and self test of the residual current monitor."""

from hal.guard.residual_current import DAY_S, RETRY_S, ResidualCurrentTrack


def after_test(now_s: float = 100.0, *, verdict: bool = True) -> ResidualCurrentTrack:
    track = ResidualCurrentTrack().test_started(now_s - 0.3)
    return track.observe(tripped=False, verdict=verdict, now_s=now_s)


def test_a_trip_counts_at_once() -> None:
    track = after_test().observe(tripped=True, verdict=True, now_s=101.0)
    assert track.is_fault
    assert not track.observe(tripped=False, verdict=True, now_s=102.0).is_fault


def test_the_test_current_is_no_trip() -> None:
    track = ResidualCurrentTrack().test_started(100.0)
    track = track.observe(tripped=True, verdict=None, now_s=100.2)
    assert not track.is_fault
    track = track.observe(tripped=True, verdict=True, now_s=100.3)
    assert not track.is_fault
    assert not track.ready(100.3)
    assert track.observe(tripped=True, verdict=True, now_s=100.51).is_fault


def test_a_passed_test_is_ready_once_its_current_is_gone() -> None:
    assert not after_test(100.0).ready(100.1)
    assert after_test(100.0).ready(100.2)


def test_an_old_verdict_is_not_taken_for_the_new_one() -> None:
    track = ResidualCurrentTrack().test_started(100.0)
    track = track.observe(tripped=False, verdict=True, now_s=100.05)
    assert track.pending


def test_a_failed_test_is_a_fault_and_is_tried_again_later() -> None:
    track = after_test(verdict=False)
    assert track.is_fault
    assert not track.wants_test(100.0 + RETRY_S - 0.1)
    assert track.wants_test(100.0 + RETRY_S)
    assert track.retried().wants_test(100.1)
    assert not track.retried().is_fault


def test_a_missing_verdict_is_a_failed_test() -> None:
    track = ResidualCurrentTrack().test_started(100.0)
    assert track.observe(tripped=False, verdict=None, now_s=104.9).pending
    assert track.observe(tripped=False, verdict=None, now_s=105.0).is_fault


def test_a_test_is_due_at_first_before_each_session_and_daily() -> None:
    assert ResidualCurrentTrack().wants_test(0.0)
    track = after_test()
    assert not track.wants_test(100.0 + DAY_S - 1)
    assert track.wants_test(100.0 + DAY_S)
    assert track.test_due().wants_test(101.0)
    assert not track.test_due().ready(101.0)


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
    assert track.observe(tripped=False, verdict=None, now_s=1.0) is track
