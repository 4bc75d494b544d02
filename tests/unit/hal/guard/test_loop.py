"""The loop around a station in memory: edges, frames, ticks, watchdog and the end."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from hal.api import Lease, PilotMode
from hal.guard import endpoint
from hal.guard.duty import STATE_F_S
from hal.guard.loop import MOST_ROUNDS_PER_TICK, Timing
from hal.guard.protocol import Hello, Role, encode
from tests.unit.hal.guard.running import Running, eventually, running

SLOW = Timing(tick_s=0.1)


def test_an_edge_is_served_without_waiting_for_the_tick(tmp_path: Path) -> None:
    with running(tmp_path / "s", SLOW) as guard:
        eventually(lambda: guard.station.calm)
        time.sleep(0.05)
        before = guard.board.refreshes
        guard.board.edge()
        eventually(lambda: guard.board.refreshes > before, 0.3)


def test_a_lease_is_obeyed_without_waiting_for_the_tick(tmp_path: Path) -> None:
    with running(tmp_path / "s", SLOW) as guard:
        eventually(lambda: guard.station.calm)
        with endpoint.connect(guard.path) as services:
            services.send(encode(Hello(Role.SERVICES, os.getpid()), 1))
            services.send(encode(Lease(1, PilotMode.UNAVAILABLE), 2))
            eventually(lambda: guard.board.lines[1].duty == 0.0, 0.3)
            time.sleep(STATE_F_S)
            services.send(encode(Lease(1, PilotMode.STANDBY), 3))
            eventually(lambda: guard.board.lines[1].duty == 1.0, 0.3)


def test_a_line_that_never_rests_does_not_take_the_machine(tmp_path: Path) -> None:
    guard = Running(tmp_path / "s", SLOW)
    reader, writer = os.pipe()
    os.write(writer, b"!")
    guard.board.fileno = lambda: reader  # type: ignore[method-assign]
    guard.thread.start()
    time.sleep(0.5)
    refreshes = guard.board.refreshes
    guard.close()
    os.close(reader)
    os.close(writer)
    assert refreshes <= (MOST_ROUNDS_PER_TICK + 1) * 6


def test_lost_and_found_lines_are_watched_again(tmp_path: Path) -> None:
    with running(tmp_path / "s", Timing(0.005)) as guard:
        eventually(lambda: guard.station.fileno is not None)
        guard.board.lost = True
        eventually(lambda: guard.station.fileno is None)
        guard.board.lost = False
        eventually(lambda: guard.station.fileno is not None)
        eventually(lambda: guard.station.calm)


def test_a_guard_without_services_leaves_when_it_may(tmp_path: Path) -> None:
    guard = Running(tmp_path / "s", Timing(0.005, orphan_limit_s=0.2))
    started_s = time.monotonic()
    guard.thread.start()
    guard.thread.join(5.0)
    assert not guard.thread.is_alive()
    assert time.monotonic() - started_s >= 0.2
    guard.close()


def test_services_keep_a_guard_that_may_leave(tmp_path: Path) -> None:
    with running(tmp_path / "s", Timing(0.005, orphan_limit_s=0.1)) as guard:
        with endpoint.connect(guard.path) as services:
            services.send(encode(Hello(Role.SERVICES, os.getpid()), 1))
            time.sleep(0.4)
            assert guard.thread.is_alive()
        eventually(lambda: not guard.thread.is_alive())


def test_a_guard_that_is_not_wanted_leaves(tmp_path: Path) -> None:
    guard = Running(tmp_path / "s", Timing(0.005, orphan_limit_s=1000.0))
    guard.loop.is_wanted = lambda: False
    guard.thread.start()
    guard.thread.join(5.0)
    assert not guard.thread.is_alive()
    guard.close()


def test_the_service_manager_hears_ready_watchdog_and_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.setenv("WATCHDOG_USEC", "40000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        heard: list[bytes] = []

        def listen() -> list[bytes]:
            with suppress(BlockingIOError):
                heard.append(manager.recv(100))
            return heard

        with running(tmp_path / "s", Timing(0.005)):
            eventually(lambda: b"WATCHDOG=1" in listen())
        eventually(lambda: b"STOPPING=1" in listen())
    assert heard[0] == b"READY=1"


def test_the_alarm_is_put_off_while_the_lines_are_held_and_off_while_they_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[float] = []
    monkeypatch.setattr("signal.setitimer", lambda _, limit_s: rung.append(limit_s))
    with running(tmp_path / "s", Timing(0.005, hang_limit_s=0.05)) as guard:
        eventually(lambda: rung.count(0.05) >= 3)
        guard.board.lost = True
        eventually(lambda: rung[-1] == 0.0)
        guard.board.lost = False
        eventually(lambda: rung[-1] == 0.05)
    assert rung[-1] == 0.0, "a guard that has stopped holds nothing"


def test_a_late_guard_does_not_feed_the_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Running(tmp_path / "s", Timing(0.02))
    told: list[str] = []
    guard.manager.watchdog_s = 0.04
    monkeypatch.setattr(guard.manager, "tell", lambda state: told.append(state) or True)
    step = guard.station.step

    def hang(now_s: float) -> None:
        time.sleep(0.06)
        step(now_s)

    guard.station.step = hang  # type: ignore[method-assign]
    guard.thread.start()
    time.sleep(0.6)
    guard.close()
    assert "WATCHDOG=1" not in told
