"""The simulated board as a process of its own: what deaths and restarts do to its world."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hal.api import HardwareLost
from hal.mock import channel
from hal.mock.backends import BoardControl, MockMeter, MockReader
from hal.mock.client import connect, try_connect
from hal.mock.safety_board import MockSafetyBoard
from hal.registry import open_safety_board
from tests.patience import PATIENT_S

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
TABLES: dict[int, dict[str, dict[str, object]]] = {
    1: {"pilot": {"backend": "mock"}, "contactor": {"backend": "mock"}}
}
GUARD = """
import sys, time
from pathlib import Path
from hal.registry import open_safety_board
mock = {"backend": "mock"}
board = open_safety_board({1: {"pilot": mock, "contactor": mock}}, Path(sys.argv[1]))
board.evses[1].pilot.set_duty(16 / 60)
board.evses[1].contactor.command(closed=True)
board.flush()
print("driving", flush=True)
time.sleep(60)
"""


def board_pid(state_dir: Path) -> int:
    """Return the process at the other end of the board's socket, starting one if needed."""
    connection = connect(state_dir)
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    connection.close()
    pid: int = struct.unpack("3i", credentials)[0]
    return pid


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 3.0) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "this never came true"
        time.sleep(0.005)


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """Lend a state directory and end the board that was started in it."""
    yield tmp_path
    connection = try_connect(tmp_path) if (tmp_path / "board").exists() else None
    if connection is not None:
        connection.close()
        pid = board_pid(tmp_path)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))


@pytest.fixture
async def control(state_dir: Path) -> AsyncIterator[BoardControl]:
    control = BoardControl(state_dir)
    yield control
    await control.close()


@pytest.fixture
def lines(state_dir: Path) -> Iterator[MockSafetyBoard]:
    board = open_safety_board(TABLES, state_dir)
    assert isinstance(board, MockSafetyBoard)
    yield board
    board.close()


@pytest.fixture
def guard(state_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Lend a process that owns the lines and keeps the contactor closed."""
    guard = subprocess.Popen(
        [sys.executable, "-c", GUARD, str(state_dir)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"driving\n"
    yield guard
    guard.kill()
    guard.wait()
    guard.stdout.close()


async def evse_state(control: BoardControl) -> dict[str, Any]:
    state: dict[str, Any] = await control.operate({"op": "state"})
    assert state["ok"] is True
    evse: dict[str, Any] = state["evses"][0]
    return evse


async def poll(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Ask the other process until its answer is good."""
    async with asyncio.timeout(PATIENT_S):
        while not good(answer := await ask()):  # noqa: ASYNC110  # nothing in here could tell
            await asyncio.sleep(0.005)
    return answer


async def wait_for(control: BoardControl, key: str, value: object) -> dict[str, Any]:
    """Wait until the observer sees a value."""
    return await poll(lambda: evse_state(control), lambda state: state[key] == value)


def drive(lines: MockSafetyBoard, *, closed: bool) -> None:
    lines.evses[1].pilot.set_duty(16 / 60)
    lines.evses[1].contactor.command(closed=closed)
    lines.flush()


def refresh_until_lost(lines: MockSafetyBoard) -> None:
    """Refresh as a guard does; a board that fell silent must be noticed in a second or two."""
    deadline_s = time.monotonic() + 2.0
    while time.monotonic() < deadline_s:
        lines.refresh()
        time.sleep(0.01)


async def start_charging(control: BoardControl, lines: MockSafetyBoard) -> None:
    await control.operate({"op": "plug_in"})
    drive(lines, closed=True)
    await poll(lambda: evse_state(control), lambda state: state["delivered_wh"] > 0.05)


async def test_the_board_runs_in_a_session_of_its_own(
    control: BoardControl, state_dir: Path
) -> None:
    await control.operate({"op": "state"})
    pid = board_pid(state_dir)
    assert pid != os.getpid()
    assert os.getsid(pid) != os.getsid(0)


def test_many_who_miss_the_board_at_once_start_one(state_dir: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.integration.test_mock_board import board_pid\n"
        "print(board_pid(Path(sys.argv[1])))\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(state_dir)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    pids = {racer.communicate(timeout=PATIENT_S)[0].strip() for racer in racers}
    assert pids == {str(board_pid(state_dir))}


async def test_a_killed_guard_lets_the_lines_fall_and_nothing_else(
    control: BoardControl, guard: subprocess.Popen[bytes]
) -> None:
    await control.operate({"op": "plug_in"})
    await wait_for(control, "contactor_closed", True)
    guard.kill()
    killed_s = time.monotonic()
    state = await wait_for(control, "contactor_closed", False)
    assert time.monotonic() - killed_s < 0.5
    assert state["coil"] is False
    assert (state["pilot_high_v"], state["pilot_low_v"]) == (0.0, 0.0)
    assert state["plugged"] is True


def test_a_new_guard_takes_over_from_a_killed_one(
    guard: subprocess.Popen[bytes], state_dir: Path
) -> None:
    guard.kill()
    guard.wait()
    open_safety_board(TABLES, state_dir).close()


async def test_no_energy_that_was_ever_displayed_is_lost_when_the_board_is_killed(
    control: BoardControl, state_dir: Path, lines: MockSafetyBoard
) -> None:
    meter = MockMeter(1, state_dir)
    await start_charging(control, lines)
    token = (await meter.identity()).serial_number
    displayed = (await meter.read()).energy_import_wh
    pid = board_pid(state_dir)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    with pytest.raises(HardwareLost):
        lines.refresh()
    revived = await meter.read()
    assert revived.energy_import_wh >= displayed > 1_234_567
    assert (await meter.identity()).serial_number == token
    assert board_pid(state_dir) != pid
    await meter.close()


async def test_a_terminated_board_stores_its_registers_first(
    control: BoardControl, state_dir: Path, lines: MockSafetyBoard
) -> None:
    await start_charging(control, lines)
    pid = board_pid(state_dir)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(pid))
    state = await evse_state(control)
    assert state["meter"]["energy_wh"] > 1_234_567.0
    assert state["delivered_wh"] == 0.0


async def test_a_wiped_state_directory_ends_the_old_world_and_begins_a_new_one(
    control: BoardControl, state_dir: Path
) -> None:
    await control.operate({"op": "plug_in"})
    await control.operate({"op": "meter", "energy_wh": 5})
    pid = board_pid(state_dir)
    shutil.rmtree(state_dir / "board")
    wait_until(lambda: not is_alive(pid))
    state = await evse_state(control)
    assert state["plugged"] is False
    assert state["meter"]["energy_wh"] == 1_234_567.0


async def test_a_power_failure_closes_the_lines_until_a_guard_comes_again(
    control: BoardControl, state_dir: Path, lines: MockSafetyBoard
) -> None:
    await start_charging(control, lines)
    before = (await evse_state(control))["meter"]["energy_wh"]
    assert await control.operate({"op": "power_fail"}) == {"ok": True}
    with pytest.raises(HardwareLost):
        lines.refresh()
    state = await control.operate({"op": "state"})
    assert state["mains"] is False
    evse = await wait_for(control, "contactor_closed", False)
    assert evse["meter"]["energy_wh"] >= before
    assert evse["meter"]["voltage_v"] == [0.0, 0.0, 0.0]
    open_safety_board(TABLES, state_dir).close()
    assert (await control.operate({"op": "state"}))["mains"] is True


async def test_the_board_measures_how_fast_the_coil_fell_after_a_fault(
    control: BoardControl, lines: MockSafetyBoard
) -> None:
    await start_charging(control, lines)

    def react() -> None:
        monitor = lines.evses[1].residual_current
        assert monitor is not None
        loop.remove_reader(lines.fileno())
        lines.refresh()
        assert monitor.tripped()
        drive(lines, closed=False)

    loop = asyncio.get_running_loop()
    lines.refresh()
    loop.add_reader(lines.fileno(), react)
    await control.operate({"op": "error", "code": "rcd"})
    state = await wait_for(control, "contactor_closed", False)
    assert 0 < state["last_fault_to_open_ms"] < 100


async def test_a_stopped_board_is_lost_for_guard_and_meter_and_found_again(
    control: BoardControl,
    state_dir: Path,
    lines: MockSafetyBoard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "ANSWER_TIMEOUT_S", 0.05)
    meter = MockMeter(1, state_dir)
    before = (await meter.read()).energy_import_wh
    pid = board_pid(state_dir)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(HardwareLost, match="stopped"):
            await meter.read()
        with pytest.raises(HardwareLost, match="stopped"):
            refresh_until_lost(lines)
    finally:
        os.kill(pid, signal.SIGCONT)
    monkeypatch.setattr(channel, "ANSWER_TIMEOUT_S", 2.0)
    assert (await meter.read()).energy_import_wh == before
    await meter.close()


async def test_readers_and_meters_of_a_killed_board_raise_and_work_again(
    control: BoardControl, state_dir: Path
) -> None:
    reader = MockReader([1], state_dir)
    swipe = {"op": "swipe", "token": "AB"}
    presentations = reader.presentations()
    presentation = asyncio.ensure_future(anext(presentations))
    await poll(lambda: control.operate(swipe), lambda reply: reply["heard_by"] == 1)
    await presentation
    presentation = asyncio.ensure_future(anext(presentations))
    os.kill(board_pid(state_dir), signal.SIGKILL)
    with pytest.raises(HardwareLost):
        await presentation
    presentation = asyncio.ensure_future(anext(reader.presentations()))
    await poll(lambda: control.operate(swipe), lambda reply: reply["heard_by"] == 1)
    assert (await presentation).token == "AB"
    await reader.close()


def run_board(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hal.mock", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )


def test_a_board_that_nobody_uses_leaves_with_success(tmp_path: Path) -> None:
    assert run_board("--state-dir", str(tmp_path), "--linger-s", "0.05").returncode == 0


def test_a_second_board_leaves_the_world_to_the_first(state_dir: Path) -> None:
    pid = board_pid(state_dir)
    second = run_board("--state-dir", str(state_dir))
    assert second.returncode == 0
    assert "another board" in second.stderr
    assert board_pid(state_dir) == pid


def test_a_board_that_cannot_keep_its_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "board").write_text("in the way")
    failed = run_board("--state-dir", str(tmp_path))
    assert failed.returncode == 1
    assert "cannot run" in failed.stderr
    with pytest.raises(HardwareLost, match="board"):
        connect(tmp_path)


def test_a_board_without_a_state_directory_is_wrong_usage() -> None:
    assert run_board().returncode == 2


def test_the_guards_side_imports_nothing_heavy() -> None:
    script = (
        "import sys, hal.mock.safety_board, hal.mock.settings, hal.registry\n"
        "heavy = {'asyncio', 'json', 'ssl', 'subprocess', 'logging', 'threading', 'decimal'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # `hal.api` itself needs Decimal for meter readings.
    assert outcome.stdout.strip() in {"[]", "['decimal']"}


def test_an_abandoned_start_leaves_no_process_behind(state_dir: Path) -> None:
    pid = board_pid(state_dir)
    with contextlib.suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)
    assert is_alive(pid)
