"""What is refused is told with its remedy."""

import ctypes
import errno
import gc
import os
from types import SimpleNamespace

import pytest

from hal.guard import real_time


def library(result: int) -> object:
    return lambda *_, **__: SimpleNamespace(mlockall=lambda flags: result)


def test_everything_granted_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []

    def granted(pid: int, policy: int, parameter: os.sched_param) -> None:
        asked.append((pid, policy, parameter.sched_priority))

    monkeypatch.setattr(os, "sched_setscheduler", granted)
    monkeypatch.setattr(ctypes, "CDLL", library(0))
    assert real_time.enter_real_time() is None
    assert asked == [(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, 50)]


def test_both_refusals_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    monkeypatch.setattr(ctypes, "CDLL", library(-1))
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.ENOMEM)
    reason = real_time.enter_real_time()
    assert reason is not None
    assert "SCHED_FIFO: Operation not permitted (CAP_SYS_NICE" in reason
    assert "mlockall: Cannot allocate memory (CAP_IPC_LOCK" in reason


def test_the_collector_has_little_left_to_do() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    made: list[list[object]] = [[] for _ in range(1000)]
    try:
        real_time.calm_garbage_collection()
        # The tests themselves are out of its reach already, and stay so: see tests/conftest.py.
        assert gc.get_freeze_count() >= frozen + len(made)
        assert gc.get_threshold()[0] >= 50_000
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
