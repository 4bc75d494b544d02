"""The alarm that ends a guard that hangs; a process of its own each time, as it is deadly."""

import signal
import subprocess
import sys

import pytest

from tests.patience import PATIENT_S

PRELUDE = """
import time
from hal.guard.dead_man import DeadMan, tell_where_it_hung
tell_where_it_hung()
man = DeadMan({limit_s})
"""
FEED_FOR_A_WHILE = """
end_s = time.monotonic() + 0.3
while time.monotonic() < end_s:
    man.feed(time.monotonic())
    time.sleep(0.005)
"""


def run(body: str, limit_s: float | None = 0.1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE.format(limit_s=limit_s) + body],
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )


def test_a_guard_that_hangs_is_ended_and_says_where() -> None:
    done = run("def hang_in_a_driver():\n    time.sleep(10)\nman.feed(0.0)\nhang_in_a_driver()\n")
    assert done.returncode == -signal.SIGALRM
    assert "hang_in_a_driver" in done.stderr


@pytest.mark.parametrize("limit_s", [0.2, None])
def test_a_guard_that_goes_on_is_left_alone(limit_s: float | None) -> None:
    assert run(FEED_FOR_A_WHILE, limit_s).returncode == 0


def test_a_guard_that_holds_no_lines_may_wait() -> None:
    assert run("man.feed(0.0)\nman.rest()\ntime.sleep(0.3)\n").returncode == 0
