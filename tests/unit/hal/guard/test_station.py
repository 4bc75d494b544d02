"""All EVSEs on their lines, and lost lines."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from hal.api import Fault, HardwareError, HardwareLost, Lease, LeaseState, PilotMode
from hal.guard.duty import STEADY_NEGATIVE, STEADY_POSITIVE
from hal.guard.evse import EvseSetup
from hal.guard.shut_off import ShutOffMemory
from hal.guard.station import Station, make_safe, read
from tests.unit.hal.guard.board import MemoryBoard

OFFER = Lease(1, PilotMode.OFFER, 16.0)


@pytest.fixture
def board() -> Iterator[MemoryBoard]:
    board = MemoryBoard((1, 2))
    yield board
    board.dispose()


@pytest.fixture
def full_board() -> Iterator[MemoryBoard]:
    board = MemoryBoard(full=True)
    yield board
    board.dispose()


def station_on(board: MemoryBoard, now_s: float = 100.0) -> Station:
    setups = tuple(EvseSetup(evse, 32.0, min_closing_interval_s=1.0) for evse in board.lines)
    return Station(setups, board.open, now_s)


def run(station: Station, start_s: float, seconds: float, lease: Lease | None = None) -> float:
    for step in range(round(seconds / 0.02)):
        now_s = start_s + step * 0.02
        if lease is not None:
            station.grant(lease, now_s)
        station.step(now_s)
    return start_s + seconds


def charging(station: Station, board: MemoryBoard) -> float:
    board.lines[1].vehicle = "C"
    now_s = run(station, 100.0, 2.0, OFFER)
    assert board.lines[1].coil
    return now_s


def test_only_the_evse_with_a_lease_supplies(board: MemoryBoard) -> None:
    station = station_on(board)
    board.lines[2].vehicle = "C"
    charging(station, board)
    assert not board.lines[2].coil


def test_every_line_is_read_and_driven(full_board: MemoryBoard) -> None:
    station = station_on(full_board)
    charging(station, full_board)
    lines = full_board.lines[1]
    assert lines.locked
    assert lines.tests == 2, "one test at the start, one when the vehicle came"
    inputs = read(full_board.evses[1])
    assert (inputs.cable_rating_a, inputs.lock_engaged, inputs.residual_tripped) == (
        32,
        True,
        False,
    )
    lines.on = True
    station.step(102.02)
    assert not lines.coil
    assert station.statuses(102.02)[1].faults == {Fault.EMERGENCY_STOP}


def test_nothing_is_told_before_the_pilot_has_settled(board: MemoryBoard) -> None:
    station = station_on(board)
    run(station, 100.0, 0.18)
    assert station.statuses(100.18) == {}
    run(station, 100.18, 0.04)
    assert station.statuses(100.22)[1].pilot_state == "A"


def test_lost_lines_are_told_and_tried_again_with_growing_pauses(board: MemoryBoard) -> None:
    station = station_on(board)
    now_s = charging(station, board)
    assert station.fileno is not None
    board.lost = True
    station.step(now_s)
    status = station.statuses(now_s)[1]
    assert status.faults == {Fault.LINES_LOST}
    assert not status.contactor_commanded
    assert not status.contactor_closed
    assert station.fileno is None
    assert board.closed
    assert station.at_rest
    opened = board.opened
    board.lost = False
    station.step(now_s + 0.04)
    assert board.opened == opened
    station.step(now_s + 0.06)
    assert board.opened == opened + 1
    assert not board.lines[1].coil, "found lines are open lines"


def test_the_pause_between_attempts_ends_at_two_seconds(board: MemoryBoard) -> None:
    station = station_on(board)
    station.step(100.0)
    board.lost = True
    attempts = []

    def refuse() -> MemoryBoard:
        attempts.append(now_s)
        return board.open()

    station._open_board = refuse
    now_s = 100.0
    for step in range(1, 1000):
        now_s = 100.0 + step * 0.02
        station.step(now_s)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert pauses[0] < 0.2
    assert 1.9 < pauses[-1] < 2.1


def test_lines_missing_at_the_start_are_awaited(board: MemoryBoard) -> None:
    board.lost = True
    station = station_on(board)
    station.open()
    station.step(100.0)
    assert station.statuses(100.0)[2].faults == {Fault.LINES_LOST}
    board.lost = False
    run(station, 100.1, 0.5)
    assert station.statuses(100.6)[2].faults == frozenset()


def test_a_board_without_an_evse_is_refused_at_the_start(board: MemoryBoard) -> None:
    station = Station((EvseSetup(3, 32.0),), board.open, 100.0)
    with pytest.raises(HardwareError, match="no lines for EVSE 3"):
        station.open()
    assert board.closed


def test_a_lease_keeps_ageing_while_the_lines_are_lost(board: MemoryBoard) -> None:
    station = station_on(board)
    now_s = charging(station, board)
    board.lost = True
    station.step(now_s)
    station.step(now_s + 5.0)
    assert station.statuses(now_s + 5.0)[1].lease is LeaseState.FALLBACK
    station.abandon(now_s + 5.0)
    station.step(now_s + 70.0)
    assert station.statuses(now_s + 70.0)[1].lease is LeaseState.EXPIRED


def test_closing_opens_every_contactor_and_shows_state_f(board: MemoryBoard) -> None:
    station = station_on(board)
    charging(station, board)
    station.close()
    assert board.closed
    assert not board.lines[1].contact
    assert board.lines[1].duty == STEADY_NEGATIVE
    station.close()


def test_shutting_down_rests_once_everything_is_open(board: MemoryBoard) -> None:
    station = station_on(board)
    now_s = charging(station, board)
    station.shut_down()
    now_s = run(station, now_s, 1.0, OFFER)
    assert not station.at_rest
    assert board.lines[1].duty == STEADY_POSITIVE
    board.lines[1].vehicle = "B"
    run(station, now_s, 0.2, OFFER)
    assert station.at_rest


def test_outputs_that_cannot_be_driven_are_reported(board: MemoryBoard) -> None:
    assert make_safe(board)
    board.lost = True
    assert not make_safe(board)


def welded(board: MemoryBoard, memory: ShutOffMemory, now_s: float = 100.0) -> Station:
    """Let a guard find a contactor that does not open."""
    board.lines[1].welded = board.lines[1].contact = True
    station = Station((EvseSetup(1, 32.0),), board.open, now_s, memory)
    run(station, now_s, 1.0)
    return station


def test_a_weld_trips_the_second_shut_off_and_is_remembered(
    full_board: MemoryBoard, tmp_path: Path
) -> None:
    memory = ShutOffMemory(tmp_path)
    station = welded(full_board, memory)
    assert full_board.lines[1].cut
    assert memory.tripped() == {1}
    full_board.lines[1].cut = False
    station.close()
    assert full_board.lines[1].cut, "it is tripped anew rather than let go"


def test_the_next_guard_keeps_the_shut_off_even_if_the_contactor_has_opened(
    full_board: MemoryBoard, tmp_path: Path
) -> None:
    memory = ShutOffMemory(tmp_path)
    welded(full_board, memory).close()
    lines = full_board.lines[1]
    lines.welded = lines.contact = lines.cut = False
    station = Station((EvseSetup(1, 32.0),), full_board.open, 200.0, memory)
    station.step(200.0)
    assert lines.cut
    run(station, 200.0, 1.0)
    status = station.statuses(201.0)[1]
    assert (status.shut_off, status.faults) == (True, {Fault.CONTACTOR_WELDED})


def test_a_weld_is_remembered_though_the_lines_are_lost_in_the_same_step(
    full_board: MemoryBoard, tmp_path: Path
) -> None:
    memory = ShutOffMemory(tmp_path)
    lines = full_board.lines[1]
    lines.welded = lines.contact = True
    station = Station((EvseSetup(1, 32.0),), full_board.open, 100.0, memory)
    run(station, 100.0, 0.26)
    assert not lines.cut
    lose_at_the_trip(full_board)
    station.step(100.28)
    assert station.states[1].shut_off
    run(station, 100.3, 1.0)
    assert lines.cut
    assert memory.tripped() == {1}


def lose_at_the_trip(board: MemoryBoard) -> None:
    """Let the first flush fail that would drive the shut-off."""
    flush = board.flush

    def failing() -> None:
        if board.lines[1].cut:
            board.flush = flush  # type: ignore[method-assign]
            raise HardwareLost("the board is unplugged")
        flush()

    board.flush = failing  # type: ignore[method-assign]


def test_a_weld_without_a_second_path_is_a_fault_only(board: MemoryBoard, tmp_path: Path) -> None:
    memory = ShutOffMemory(tmp_path)
    welded_on_plain = welded(board, memory)
    assert welded_on_plain.statuses(101.0)[1].faults == {Fault.CONTACTOR_WELDED}
    assert memory.tripped() == frozenset()


def test_being_safe_releases_no_shut_off(full_board: MemoryBoard) -> None:
    full_board.lines[1].cut = True
    assert make_safe(full_board)
    assert full_board.lines[1].cut


def test_the_poles_are_chosen_and_the_lid_is_read(full_board: MemoryBoard) -> None:
    setup = EvseSetup(1, 32.0, phase_switching=True)
    station = Station((setup,), full_board.open, 100.0)
    now_s = run(station, 100.0, 1.0, Lease(1, PilotMode.OFFER, 16.0, phases=1))
    assert full_board.lines[1].phases == (1, 1)
    full_board.lines[1].lid_open = True
    now_s = run(station, now_s, 0.5)
    status = station.statuses(now_s)[1]
    assert (status.phases, status.tampered) == (1, True)


def test_an_unlock_reaches_the_lock(full_board: MemoryBoard) -> None:
    station = station_on(full_board)
    lease = Lease(1, PilotMode.STANDBY, lock=True)
    now_s = run(station, 100.0, 1.0, lease)
    assert full_board.lines[1].locked
    station.request_unlock(1)
    run(station, now_s, 0.1, lease)
    assert not full_board.lines[1].locked
