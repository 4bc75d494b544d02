"""The service manager's socket."""

import os
import socket
from pathlib import Path

import pytest

from hal.guard.notify import ServiceManager


def test_without_a_service_manager_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    manager = ServiceManager()
    assert not manager.tell("READY=1")
    assert manager.watchdog_s is None
    manager.close()


@pytest.mark.parametrize("abstract", [False, True])
def test_a_state_reaches_the_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    name = f"guard-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        manager = ServiceManager()
        assert manager.tell("READY=1")
        assert listener.recv(100) == b"READY=1"
        manager.close()


def test_a_service_manager_that_is_gone_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    manager = ServiceManager()
    assert not manager.tell("READY=1")
    manager.close()


@pytest.mark.parametrize(
    ("limit_us", "pid", "watchdog_s"),
    [
        ("2000000", None, 2.0),
        ("2000000", str(os.getpid()), 2.0),
        ("2000000", "1", None),
        ("", None, None),
    ],
    ids=[f"case {number}" for number in range(4)],
)
def test_the_watchdog_is_for_this_process_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit_us: str,
    pid: str | None,
    watchdog_s: float | None,
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    monkeypatch.setenv("WATCHDOG_USEC", limit_us)
    if pid is None:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
    else:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    manager = ServiceManager()
    assert manager.watchdog_s == watchdog_s
    manager.close()
