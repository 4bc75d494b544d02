"""Who is at the outlet, by what the pilot says."""

import pytest

from hal.api import PilotState
from hal.guard.plug import PlugTrack


def after(states: str, track: PlugTrack | None = None) -> PlugTrack:
    """Let a pilot go through states, a second each."""
    track = track or PlugTrack()
    pairs = zip(states[0] + states, states, strict=False)
    for second, (was, now) in enumerate(pairs):
        track = track.observe(PilotState(was), PilotState(now), float(second))
    return track


@pytest.mark.parametrize(
    ("states", "plugged", "count"),
    [
        ("A", False, 0),
        ("AB", True, 1),
        ("ABCBC", True, 1),
        ("ABA", False, 1),
        ("ABAB", True, 2),
        ("ABF", True, 1),
        ("ABFB", True, 1),
        ("ABEFA", False, 1),
        ("F", False, 0),
        ("FB", True, 1),
        ("C", True, 1),
    ],
)
def test_only_a_says_that_nobody_is_there(states: str, plugged: bool, count: int) -> None:
    track = after(states)
    assert (track.plugged, track.count) == (plugged, count)


@pytest.mark.parametrize(
    ("states", "simplified"),
    [
        ("AC", True),
        ("ACC", True),
        ("ACB", False),
        ("ACBC", False),
        ("AB", False),
        ("ABC", False),
        ("AD", False),
        ("C", False),
        ("AFC", False),
        ("AEC", False),
        ("ACABC", False),
        ("ABAC", True),
    ],
)
def test_a_pilot_without_b_is_a_simplified_one_if_it_was_seen_to_come(
    states: str, simplified: bool
) -> None:
    assert after(states).simplified is simplified


def test_a_vehicle_that_came_unseen_is_not_taken_for_a_simplified_one() -> None:
    assert not after("CC", after("A").unseen()).simplified
    track = PlugTrack()
    assert track.unseen() is track


def test_when_the_vehicle_last_asked_is_forgotten_with_it() -> None:
    assert after("ABC").asked_until_s is None
    assert after("ABCB").asked_until_s == 3.0
    assert after("ABCBDF").asked_until_s == 5.0
    assert after("ABCBA").asked_until_s is None


def test_nothing_new_changes_nothing() -> None:
    free, plugged = after("A"), after("AB")
    assert free.observe(PilotState.A, PilotState.A, 9.0) is free
    assert plugged.observe(PilotState.B, PilotState.B, 9.0) is plugged
    assert plugged.observe(PilotState.F, PilotState.F, 9.0) is plugged
