"""The guard's hold on the simulated lines."""

import json
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal.api import Fault, Feed, HardwareError, HardwareLost
from hal.mock import safety_board, wire
from hal.mock.board import Board
from hal.mock.client import connect
from hal.mock.safety_board import MockSafetyBoard, open_safety_board
from hal.mock.wire import EvseSettings, LineInputs

SETTINGS = {1: EvseSettings(has_shut_off=True), 2: EvseSettings(cable_a=None, has_lock=False)}


@pytest.fixture
def lines(board: Board, state_dir: Path) -> Iterator[MockSafetyBoard]:
    lines = open_safety_board(SETTINGS, state_dir)
    yield lines
    lines.close()


def bench(state_dir: Path, *requests: str) -> None:
    """Send bench requests over a plain connection and wait for their answers."""
    connection = connect(state_dir)
    for number, request in enumerate(requests):
        connection.send(f'{{"id": {number}, "ask": "bench", "body": {request}}}'.encode())
        assert b'"ok":true' in connection.recv(65536)
    connection.close()


def wait_until(lines: MockSafetyBoard, condition: Callable[[], bool]) -> None:
    """Refresh at each pushed edge until a condition holds."""
    lines.refresh()
    while not condition():
        readable, _, _ = select.select([lines], [], [], 2.0)
        assert readable, "no edge was pushed in time"
        lines.refresh()


def test_nothing_is_driven_before_the_first_flush(lines: MockSafetyBoard) -> None:
    lines.refresh()
    sample = lines.evses[1].pilot.sample()
    assert (sample.high_v, sample.low_v) == (0.0, 0.0)


def test_a_flush_drives_and_shows_the_effect(lines: MockSafetyBoard) -> None:
    lines.evses[1].pilot.set_duty(1.0)
    assert lines.evses[1].pilot.sample().high_v == 0.0
    lines.flush()
    assert lines.evses[1].pilot.sample().high_v == 12.0
    assert lines.evses[2].pilot.sample().high_v == 0.0


def test_each_line_exists_only_where_it_is_built(lines: MockSafetyBoard) -> None:
    socket_outlet, attached = lines.evses[1], lines.evses[2]
    assert socket_outlet.lock is not None
    assert socket_outlet.proximity is not None
    assert attached.lock is None
    assert attached.proximity is None
    assert attached.residual_current is not None
    assert socket_outlet.shut_off is not None
    assert attached.shut_off is None
    assert attached.tamper is not None


def test_an_edge_makes_the_descriptor_readable_and_a_refresh_clears_it(
    lines: MockSafetyBoard, state_dir: Path
) -> None:
    lines.evses[1].pilot.set_duty(1.0)
    lines.flush()
    assert select.select([lines], [], [], 0)[0] == []
    bench(state_dir, '{"op": "plug_in"}')
    assert select.select([lines], [], [], 2.0)[0] == [lines]
    lines.refresh()
    assert lines.evses[1].pilot.sample().high_v == pytest.approx(9, abs=0.1)
    assert select.select([lines], [], [], 0)[0] == []


def test_the_contactor_closes_and_opens_and_tells_so_by_itself(lines: MockSafetyBoard) -> None:
    contactor = lines.evses[1].contactor
    contactor.command(closed=True)
    lines.flush()
    assert not contactor.is_closed()
    wait_until(lines, contactor.is_closed)
    contactor.command(closed=False)
    lines.flush()
    wait_until(lines, lambda: not contactor.is_closed())


def test_the_lock_engages_and_shows_it(lines: MockSafetyBoard) -> None:
    lock = lines.evses[1].lock
    assert lock is not None
    lock.command(engaged=True)
    lines.flush()
    wait_until(lines, lock.is_engaged)


def facts(state_dir: Path) -> dict[str, object]:
    connection = connect(state_dir)
    connection.send(b'{"id": 1, "ask": "bench", "body": {"op": "state", "evse": 1}}')
    answer = json.loads(connection.recv(65536))
    connection.close()
    found: dict[str, object] = answer["evses"][0]
    return found


def test_phases_and_shut_off_are_driven_only_when_told(
    lines: MockSafetyBoard, state_dir: Path
) -> None:
    evse = lines.evses[1]
    assert evse.shut_off is not None
    evse.contactor.select_phases(Feed(1))
    evse.shut_off.command(tripped=True)
    lines.flush()
    assert (facts(state_dir)["connected_phases"], facts(state_dir)["shut_off"]) == (1, True)
    lines.close()
    again = open_safety_board(SETTINGS, state_dir)
    again.evses[1].pilot.set_duty(1.0)
    again.flush()
    assert (facts(state_dir)["connected_phases"], facts(state_dir)["shut_off"]) == (1, True)
    again.close()


CHOICE = {1: EvseSettings(per_phase=True)}


def test_a_phase_of_choice_is_connected_and_read_back(state_dir: Path, board: Board) -> None:
    del board
    lines = open_safety_board(CHOICE, state_dir)
    contactor = lines.evses[1].contactor
    contactor.select_phases(Feed(1, 3))
    contactor.command(closed=True)
    lines.flush()
    wait_until(lines, contactor.is_closed)
    assert facts(state_dir)["fed_phases"] == [3]
    unasked = lines.evses[1].fault_inputs[Fault.CONTACTOR_WELDED]
    assert not unasked.is_on()
    bench(state_dir, '{"op": "error", "code": "contactor_welded", "phase": 1}')
    wait_until(lines, unasked.is_on)
    lines.close()


def test_a_phase_that_no_contactor_connects_is_refused(lines: MockSafetyBoard) -> None:
    for phase in (2, 3):
        with pytest.raises(HardwareError, match=f"L{phase} alone"):
            lines.evses[1].contactor.select_phases(Feed(1, phase))


def test_an_open_lid_is_seen(lines: MockSafetyBoard, state_dir: Path) -> None:
    tamper = lines.evses[1].tamper
    assert tamper is not None
    assert not tamper.is_on()
    bench(state_dir, '{"op": "tamper"}')
    wait_until(lines, tamper.is_on)
    bench(state_dir, '{"op": "tamper", "on": false}')
    wait_until(lines, lambda: not tamper.is_on())


def test_a_self_test_has_no_verdict_until_it_is_done(lines: MockSafetyBoard) -> None:
    monitor = lines.evses[1].residual_current
    assert monitor is not None
    assert monitor.self_test_passed() is None
    monitor.start_self_test()
    lines.flush()
    assert monitor.self_test_passed() is None
    wait_until(lines, lambda: monitor.self_test_passed() is not None)
    assert monitor.self_test_passed() is True
    monitor.start_self_test()
    assert monitor.self_test_passed() is None


def test_faults_show_on_their_lines(lines: MockSafetyBoard, state_dir: Path) -> None:
    evse = lines.evses[1]
    assert evse.residual_current is not None
    assert evse.proximity is not None
    bench(
        state_dir,
        '{"op": "error", "code": "rcd"}',
        '{"op": "error", "code": "estop"}',
        '{"op": "plug_in"}',
    )
    lines.refresh()
    assert evse.residual_current.tripped()
    on = {fault for fault, line in evse.fault_inputs.items() if line.is_on()}
    assert on == {Fault.EMERGENCY_STOP}
    assert evse.proximity.cable_rating_a() == 32


@pytest.mark.parametrize("duty", [-0.01, 1.01, float("nan")])
def test_a_duty_outside_of_zero_to_one_is_refused(lines: MockSafetyBoard, duty: float) -> None:
    with pytest.raises(ValueError, match="duty"):
        lines.evses[1].pilot.set_duty(duty)


def test_lines_that_are_owned_are_refused_and_free_again_when_let_go(
    lines: MockSafetyBoard, state_dir: Path
) -> None:
    with pytest.raises(HardwareError, match="held by process") as refused:
        open_safety_board(SETTINGS, state_dir)
    assert not isinstance(refused.value, HardwareLost)
    lines.close()
    open_safety_board(SETTINGS, state_dir).close()


def test_a_power_failure_takes_the_lines_away(lines: MockSafetyBoard, state_dir: Path) -> None:
    bench(state_dir, '{"op": "power_fail"}')
    assert select.select([lines], [], [], 2.0)[0] == [lines]
    with pytest.raises(HardwareLost):
        lines.refresh()


def inputs(sequence: int, **values: object) -> bytes:
    return wire.encode_inputs({1: LineInputs(**values)}, sequence)  # type: ignore[arg-type]


def test_a_board_that_hangs_up_is_lost() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(inputs(1))
    lines = MockSafetyBoard(ours, {1: EvseSettings()})
    theirs.close()
    with pytest.raises(HardwareLost):
        lines.refresh()
    with pytest.raises(HardwareLost):
        lines.refresh()
    lines.close()


@pytest.mark.parametrize("answer", [b"nonsense", inputs(1)[:-1], b"\xb5"])
def test_a_board_that_talks_nonsense_is_lost(answer: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(answer)
    with pytest.raises(HardwareLost):
        MockSafetyBoard(ours, {1: EvseSettings()})
    theirs.close()


def test_older_answers_are_passed_over() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(inputs(0, high_v=1.0))
    theirs.send(inputs(1, high_v=2.0))
    lines = MockSafetyBoard(ours, {1: EvseSettings()})
    theirs.send(inputs(1, high_v=3.0))
    theirs.send(inputs(1, high_v=3.5))
    theirs.send(inputs(2, high_v=4.0))
    lines.refresh()
    assert lines.evses[1].pilot.sample().high_v == 4.0
    lines.close()
    theirs.close()


def test_a_refresh_costs_no_exchange_while_the_board_has_just_spoken() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(inputs(1, high_v=2.0))
    lines = MockSafetyBoard(ours, {1: EvseSettings()})
    assert wire.parse(theirs.recv(4096)).sequence == 1
    lines.refresh()
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(4096)
    assert lines.evses[1].pilot.sample().high_v == 2.0
    lines.close()
    theirs.close()


def test_a_refresh_asks_a_board_that_has_been_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety_board, "SILENCE_S", 0.0)
    monkeypatch.setattr(safety_board, "EXCHANGE_TIMEOUT_S", 0.05)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(inputs(1))
    lines = MockSafetyBoard(ours, {1: EvseSettings()})
    lines.flush()
    with pytest.raises(HardwareLost, match="stopped"):
        lines.refresh()
    lines.close()
    theirs.close()


def test_a_stopped_board_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety_board, "EXCHANGE_TIMEOUT_S", 0.05)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with pytest.raises(HardwareLost, match="stopped"):
        MockSafetyBoard(ours, {1: EvseSettings()})
    theirs.close()
