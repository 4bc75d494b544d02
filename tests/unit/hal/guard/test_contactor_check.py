"""Read-back of the contactor and the pace of closings."""

import pytest

from hal.api import Fault
from hal.guard.contactor_check import ContactorTrack

STARTED_S = 100.0


def fresh() -> ContactorTrack:
    return ContactorTrack(started_s=STARTED_S, commanded_s=STARTED_S)


@pytest.mark.parametrize(
    ("told", "fault"), [(True, Fault.CONTACTOR_STUCK_OPEN), (False, Fault.CONTACTOR_WELDED)]
)
def test_the_mirror_contact_has_a_quarter_second_to_follow(told: bool, fault: Fault) -> None:
    track = ContactorTrack(STARTED_S, commanded=not told, commanded_s=STARTED_S, closed=not told)
    track = track.command(closed=told, now_s=200.0)
    track = track.read_back(closed=not told, now_s=200.1).read_back(closed=not told, now_s=200.249)
    assert track.fault(200.249) is None
    assert track.pending
    assert track.fault(200.25) is fault


@pytest.mark.parametrize(
    ("told", "fault"), [(True, Fault.CONTACTOR_STUCK_OPEN), (False, Fault.CONTACTOR_WELDED)]
)
def test_an_unexpected_move_is_a_fault_after_two_samples(told: bool, fault: Fault) -> None:
    track = ContactorTrack(STARTED_S, commanded=told, commanded_s=STARTED_S, closed=told)
    track = track.read_back(closed=not told, now_s=200.0)
    assert track.fault(200.5) is None, "one sample proves nothing"
    track = track.read_back(closed=not told, now_s=200.005)
    assert track.fault(200.005) is None, "bouncing takes a few milliseconds"
    assert track.fault(200.011) is fault


def test_a_weld_is_told_from_a_bounce_by_a_quarter_second() -> None:
    track = ContactorTrack(STARTED_S, commanded_s=STARTED_S)
    track = track.read_back(closed=True, now_s=200.0).read_back(closed=True, now_s=200.02)
    assert track.fault(200.02) is Fault.CONTACTOR_WELDED
    assert not track.is_welded(200.249)
    assert track.is_welded(200.25)
    assert not track.read_back(closed=False, now_s=200.3).is_welded(200.3)


def test_a_contactor_that_does_not_close_is_not_welded() -> None:
    track = fresh().command(closed=True, now_s=200.0).read_back(closed=False, now_s=200.02)
    track = track.read_back(closed=False, now_s=200.04)
    assert track.fault(201.0) is Fault.CONTACTOR_STUCK_OPEN
    assert not track.is_welded(201.0)


def test_a_contact_that_follows_is_no_fault() -> None:
    track = fresh().command(closed=True, now_s=200.0).read_back(closed=False, now_s=200.02)
    track = track.read_back(closed=True, now_s=200.04)
    assert track.fault(300.0) is None
    assert not track.pending
    assert track.closed


def test_the_contactor_rests_ten_seconds_after_each_closing_and_after_the_start() -> None:
    track = fresh()
    assert track.rests(109.99, 10.0)
    assert not track.rests(110.0, 10.0)
    track = track.command(closed=True, now_s=120.0).command(closed=False, now_s=122.0)
    assert track.rests(129.99, 10.0)
    assert not track.rests(130.0, 10.0)


def test_the_first_closing_waits_a_second_whatever_the_pause() -> None:
    assert fresh().rests(100.99, 0.0)
    assert not fresh().rests(101.0, 0.0)


def test_a_contact_that_reads_closed_is_not_proven_open() -> None:
    assert not fresh().read_back(closed=True, now_s=150.0).proven_open
    assert not fresh().command(closed=True, now_s=150.0).proven_open
    assert fresh().proven_open


def test_repeating_a_command_changes_nothing() -> None:
    track = fresh()
    assert track.command(closed=False, now_s=200.0) is track
    assert track.read_back(closed=False, now_s=200.0) is track


def test_a_contactor_found_again_has_its_time_and_keeps_its_pace() -> None:
    track = fresh().command(closed=True, now_s=200.0).found(closed=True, now_s=205.0)
    assert not track.commanded
    assert track.last_closing_s == 200.0
    track = track.read_back(closed=True, now_s=205.0).read_back(closed=True, now_s=205.2)
    assert track.fault(205.2) is None
    assert track.fault(205.25) is Fault.CONTACTOR_WELDED
