"""`stationd setup` at a real terminal: what is shown of a password, and Ctrl-C in the middle."""

import os
import pty
import select
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.patience import PATIENT_S

PASSWORD = "a-secret-of-the-csms"
BEFORE_THE_PASSWORD = ["Maker", "AC11", "77", "1", "ws://csms.example/ocpp", "CS1"]
CTRL_C = "\x03"


def at_a_terminal(config: Path, typed: Sequence[str]) -> tuple[int, str]:
    """Type each line when the last prompt has come; return exit code and what was shown."""
    child, terminal = pty.fork()
    if child == 0:
        words = [sys.executable, "-m", "agent", "setup", "--config", str(config)]
        os.execv(words[0], words)  # noqa: S606 - this very Python
    shown = ""
    for line in typed:
        shown += _until_asked(terminal)
        os.write(terminal, line.encode() if line == CTRL_C else f"{line}\n".encode())
    shown += _until_it_ends(terminal, CTRL_C if typed[-1] == CTRL_C else "")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def _until_asked(terminal: int) -> str:
    shown = ""
    while not shown.endswith(": "):
        ready, _, _ = select.select([terminal], [], [], PATIENT_S)
        assert ready, f"no question came after {shown!r}"
        shown += os.read(terminal, 4096).decode()
    return shown


def _until_it_ends(terminal: int, again: str) -> str:
    """Read on; `again` is typed anew: a key may come right before the program waits."""
    shown = b""
    for _ in range(int(PATIENT_S)):
        if not select.select([terminal], [], [], 1.0)[0]:
            os.write(terminal, again.encode())
            continue
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            return shown.decode()
    raise AssertionError(f"it does not end; {shown!r}")


def test_a_password_is_not_shown_and_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    answers = [*BEFORE_THE_PASSWORD, PASSWORD, "simulated", "1", "sType2", "16", "3"]
    code, shown = at_a_terminal(tmp_path / "station.toml", answers)
    assert code == 0, shown
    assert "Maker" in shown
    assert PASSWORD not in shown
    assert (tmp_path / "password").read_text() == f"{PASSWORD}\n"
    assert PASSWORD not in (tmp_path / "station.toml").read_text()


@pytest.mark.parametrize("answered", [0, 4, 6, 8])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, answered: int) -> None:
    """Also while the password is asked for, and after it."""
    answers = [*BEFORE_THE_PASSWORD, PASSWORD, "simulated", "1"][:answered]
    code, shown = at_a_terminal(tmp_path / "station.toml", [*answers, CTRL_C])
    assert code == 1
    assert "interrupted" in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []
