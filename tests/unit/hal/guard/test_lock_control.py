"""The retention lock's feedback."""

from hal.guard.lock_control import LockTrack


def engaged() -> LockTrack:
    return LockTrack().command(engaged=True, now_s=100.0).read_back(engaged=True, now_s=100.5)


def test_a_lock_has_four_seconds_to_engage() -> None:
    track = LockTrack().command(engaged=True, now_s=100.0).read_back(engaged=False, now_s=100.1)
    assert track.pending
    assert not track.is_fault(103.9)
    assert track.is_fault(104.0)


def test_an_engaged_lock_that_comes_loose_is_a_fault_after_fifty_milliseconds() -> None:
    track = engaged().read_back(engaged=False, now_s=200.0)
    assert not track.secured
    assert not track.is_fault(200.049)
    assert track.is_fault(200.05)
    assert not track.read_back(engaged=True, now_s=200.04).is_fault(201.0)


def test_a_released_lock_may_say_what_it_wants() -> None:
    track = engaged().command(engaged=False, now_s=200.0)
    assert not track.read_back(engaged=True, now_s=300.0).is_fault(1e6)


def test_a_lock_found_engaged_is_secured_by_the_command() -> None:
    track = LockTrack().read_back(engaged=True, now_s=100.0).command(engaged=True, now_s=101.0)
    assert track.secured
    assert not track.pending


def test_repetitions_change_nothing() -> None:
    track = engaged()
    assert track.read_back(engaged=True, now_s=300.0) is track
    assert track.command(engaged=True, now_s=300.0) is track


def test_a_lock_found_engaged_is_watched_for_coming_loose_at_once() -> None:
    track = LockTrack().read_back(engaged=True, now_s=100.0).command(engaged=True, now_s=101.0)
    track = track.read_back(engaged=False, now_s=101.5)
    assert track.is_fault(101.56)
