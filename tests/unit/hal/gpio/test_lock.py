"""The lock's drive as a table over time, and the lock on the desk."""

from dataclasses import replace

import pytest

from hal.gpio.lock import LockDrive, LockPhase, LockTiming
from tests.unit.hal.gpio.desk import BOLT, ENGAGE, LOCK, READY, RELEASE, Desk, line

TIMING = LockTiming(pulse_s=0.6, brake_s=0.1, pause_s=0.4, attempts=3)
REST = LockDrive(TIMING)


def played(
    drive: LockDrive, until_s: float, *, is_engaged: bool, ready: bool = True, from_s: float = 0.0
) -> tuple[LockDrive, list[tuple[float, LockPhase]]]:
    """Advance in steps of 10 ms; return the phases entered with their times."""
    entered = []
    for step in range(round((until_s - from_s) * 100) + 1):
        now_s = from_s + step / 100
        before = drive.phase
        drive = drive.advance(is_engaged=is_engaged, ready=ready, now_s=now_s)
        if drive.phase is not before:
            entered.append((round(now_s, 2), drive.phase))
    return drive, entered


def test_a_pulse_is_followed_by_the_brake_and_by_rest() -> None:
    begun = REST.command(engaged=True, is_engaged=False, now_s=0.0)
    # The bolt arrives, so that nothing is repeated.
    _, entered = played(begun, 2.0, is_engaged=True)
    assert entered == [
        (0.0, LockPhase.DRIVE),
        (0.6, LockPhase.BRAKE),
        (0.7, LockPhase.SETTLE),
        (1.1, LockPhase.REST),
    ]


@pytest.mark.parametrize(
    ("phase", "target", "bridge"),
    [
        (LockPhase.REST, True, (False, False)),
        (LockPhase.WAIT, True, (False, False)),
        (LockPhase.DRIVE, True, (True, False)),
        (LockPhase.DRIVE, False, (False, True)),
        (LockPhase.BRAKE, True, (True, True)),
        (LockPhase.BRAKE, False, (True, True)),
        (LockPhase.SETTLE, False, (False, False)),
    ],
)
def test_the_bridge_in_each_phase(
    phase: LockPhase, target: bool, bridge: tuple[bool, bool]
) -> None:
    drive = replace(REST, phase=phase, target=target)
    assert (drive.forward, drive.backward) == bridge


def test_a_bolt_that_does_not_arrive_is_driven_again_but_not_for_ever() -> None:
    begun = REST.command(engaged=True, is_engaged=False, now_s=0.0)
    last, entered = played(begun, 10.0, is_engaged=False)
    driven = [at_s for at_s, phase in entered if phase is LockPhase.DRIVE]
    assert driven == pytest.approx([0.0, 1.11, 2.22], abs=0.03)
    assert last.phase is LockPhase.REST


def test_the_guard_hears_of_a_stuck_bolt_after_all_attempts() -> None:
    """The guard gives a lock 4 s: the attempts are over before."""
    assert TIMING.attempts * (TIMING.pulse_s + TIMING.brake_s + TIMING.pause_s) < 4.0


def test_the_same_command_again_moves_nothing() -> None:
    begun = REST.command(engaged=True, is_engaged=False, now_s=0.0)
    assert begun.command(engaged=True, is_engaged=False, now_s=0.3) is begun


@pytest.mark.parametrize("engaged", [True, False])
def test_the_first_command_moves_nothing_where_the_bolt_is_there_already(engaged: bool) -> None:
    found = REST.command(engaged=engaged, is_engaged=engaged, now_s=0.0)
    assert found.phase is LockPhase.REST
    assert played(found, 3.0, is_engaged=engaged)[1] == []


def test_the_first_command_drives_where_the_bolt_is_elsewhere() -> None:
    released = REST.command(engaged=False, is_engaged=True, now_s=0.0)
    assert released.phase is LockPhase.WAIT


def test_a_contrary_command_brakes_before_it_reverses() -> None:
    begun = REST.command(engaged=True, is_engaged=False, now_s=0.0)
    driving, _ = played(begun, 0.2, is_engaged=False)
    turned = driving.command(engaged=False, is_engaged=False, now_s=0.2)
    _, entered = played(turned, 3.0, is_engaged=False, from_s=0.2)
    assert turned.phase is LockPhase.BRAKE
    # The bolt may be half way although the switch says released: it is driven all the same.
    assert [phase for _, phase in entered] == [
        LockPhase.SETTLE,
        LockPhase.WAIT,
        LockPhase.DRIVE,
        LockPhase.BRAKE,
        LockPhase.SETTLE,
        LockPhase.REST,
    ]


def test_capacitors_that_are_not_ready_are_awaited() -> None:
    begun = REST.command(engaged=False, is_engaged=True, now_s=0.0)
    waiting, entered = played(begun, 20.0, is_engaged=True, ready=False)
    assert entered == []
    assert waiting.due_s is None
    assert waiting.advance(is_engaged=True, ready=True, now_s=20.1).phase is LockPhase.DRIVE


def test_the_time_of_the_next_step_is_known() -> None:
    begun = REST.command(engaged=True, is_engaged=False, now_s=5.0)
    driving = begun.advance(is_engaged=False, ready=True, now_s=5.0)
    assert driving.due_s == pytest.approx(5.6)
    assert REST.due_s is None


# --- on the desk


def test_the_motor_moves_the_bolt_and_then_rests() -> None:
    desk = Desk()
    board = desk.board(lock=LOCK | {"pulse_ms": 300, "brake_ms": 50})
    lock = board.evses[1].lock
    assert lock is not None
    moves: list[tuple[float, int, bool]] = []
    start_s = desk.clock.now_s
    desk.chip.watchers.append(
        lambda offset, high: moves.append((round(desk.clock.now_s - start_s, 1), offset, high))
    )
    desk.run(0.02, board)
    lock.command(engaged=True)
    board.flush()
    desk.chip.set_outside(BOLT, high=True)
    desk.run(1.0, board, step_s=0.01)
    assert lock.is_engaged()
    assert [(offset, high) for _, offset, high in moves] == [
        (ENGAGE, True),
        (RELEASE, True),
        (ENGAGE, False),
        (RELEASE, False),
    ]
    board.close()


def test_a_lock_with_capacitors_waits_for_their_line() -> None:
    desk = Desk()
    board = desk.board(lock=LOCK | {"ready": line(READY)})
    lock = board.evses[1].lock
    assert lock is not None
    desk.run(0.02, board)
    lock.command(engaged=True)
    desk.run(0.1, board)
    assert not desk.high(ENGAGE)
    desk.chip.set_outside(READY, high=True)
    desk.run(0.04, board)
    assert desk.high(ENGAGE)
    board.close()


@pytest.mark.parametrize(("bolt", "engaged"), [(True, True), (False, False)])
def test_a_voltage_may_tell_where_the_bolt_is(bolt: bool, engaged: bool) -> None:
    desk = Desk()
    feedback = {"kind": "iio", "device": "mcp3208", "channel": 2, "engaged_v": [0.0, 0.85]}
    table = {key: value for key, value in LOCK.items() if key != "feedback"}
    board = desk.board(lock=table | {"feedback_adc": feedback})
    desk.chip.set_outside(BOLT, high=bolt)
    board.refresh()
    lock = board.evses[1].lock
    assert lock is not None
    assert lock.is_engaged() is engaged
    board.close()


def test_closing_the_board_leaves_the_bolt_and_drives_nothing() -> None:
    desk = Desk()
    board = desk.board(lock=LOCK)
    lock = board.evses[1].lock
    assert lock is not None
    desk.run(0.02, board)
    lock.command(engaged=True)
    board.flush()
    assert desk.high(ENGAGE)
    board.close()
    assert not desk.high(ENGAGE)
    assert not desk.high(RELEASE)


def test_a_bolt_that_flickers_counts_as_it_is_now() -> None:
    desk = Desk()
    board = desk.board(lock=LOCK)
    lock = board.evses[1].lock
    assert lock is not None
    board.refresh()
    desk.chip.set_outside(BOLT, high=True)
    desk.chip.set_outside(BOLT, high=False)
    board.refresh()
    assert not lock.is_engaged()
    board.close()
