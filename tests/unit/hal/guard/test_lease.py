"""A permission ages: live, fallback, expired."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import Lease, LeaseState, PilotMode
from hal.guard.lease import LeaseTrack

OFFER = Lease(1, PilotMode.OFFER, 16.0, lock=True, valid_s=1.0)
GRACE_S = 60.0


@pytest.mark.parametrize(
    ("after_s", "state", "limit_a"),
    [
        (0.0, LeaseState.LIVE, 16.0),
        (0.999, LeaseState.LIVE, 16.0),
        (1.0, LeaseState.FALLBACK, 6.0),
        (60.999, LeaseState.FALLBACK, 6.0),
        (61.0, LeaseState.EXPIRED, 0.0),
        (1e6, LeaseState.EXPIRED, 0.0),
    ],
)
def test_a_lease_ages(after_s: float, state: LeaseState, limit_a: float) -> None:
    track = LeaseTrack().granted(OFFER, 100.0).aged(100.0 + after_s, GRACE_S)
    assert track.state is state
    assert track.limit_a(6.0) == limit_a


def test_no_lease_is_no_permission() -> None:
    track = LeaseTrack().aged(1e6, GRACE_S).abandoned(1e6)
    assert track.state is LeaseState.NONE
    assert track.mode is PilotMode.STANDBY
    assert track.limit_a(6.0) == 0.0
    assert not track.wants_lock


def test_abandoning_starts_the_grace_time_at_once() -> None:
    track = LeaseTrack().granted(OFFER, 100.0).abandoned(100.2)
    assert track.state is LeaseState.FALLBACK
    assert track.aged(160.1, GRACE_S).state is LeaseState.FALLBACK
    assert track.aged(160.21, GRACE_S).state is LeaseState.EXPIRED
    assert track.abandoned(150.0) is track


def test_a_renewal_is_live_again_even_after_the_end() -> None:
    track = LeaseTrack().granted(OFFER, 100.0).aged(500.0, GRACE_S).granted(OFFER, 501.0)
    assert track.aged(501.5, GRACE_S).state is LeaseState.LIVE


def test_a_small_limit_is_not_raised_by_the_fallback() -> None:
    lease = Lease(1, PilotMode.OFFER, 3.0)
    assert LeaseTrack().granted(lease, 100.0).aged(102.0, GRACE_S).limit_a(6.0) == 3.0


@pytest.mark.parametrize("mode", [PilotMode.STANDBY, PilotMode.UNAVAILABLE])
def test_only_an_offer_has_a_limit(mode: PilotMode) -> None:
    track = LeaseTrack().granted(Lease(1, mode, 16.0), 100.0)
    assert track.limit_a(6.0) == 0.0
    assert track.mode is mode


def test_an_expired_lease_wants_neither_lock_nor_state_f() -> None:
    lease = Lease(1, PilotMode.UNAVAILABLE, lock=True)
    live = LeaseTrack().granted(lease, 100.0)
    expired = live.aged(500.0, GRACE_S)
    assert live.wants_lock
    assert not expired.wants_lock
    assert expired.mode is PilotMode.STANDBY


@given(st.floats(0.001, 1e9))
def test_no_lease_lives_longer_than_a_second(valid_s: float) -> None:
    lease = Lease(1, PilotMode.OFFER, 16.0, valid_s=valid_s)
    assert LeaseTrack().granted(lease, 100.0).aged(101.0, GRACE_S).state is not LeaseState.LIVE


@given(st.lists(st.floats(0.0, 50.0), min_size=1))
def test_without_renewal_the_state_only_moves_on(steps_s: list[float]) -> None:
    order = [LeaseState.LIVE, LeaseState.FALLBACK, LeaseState.EXPIRED]
    track, now_s, reached = LeaseTrack().granted(OFFER, 100.0), 100.0, 0
    for step_s in steps_s:
        now_s += step_s
        track = track.aged(now_s, GRACE_S)
        assert order.index(track.state) >= reached
        reached = order.index(track.state)
