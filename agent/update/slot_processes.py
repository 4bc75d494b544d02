"""The processes that run from a slot. Only the standard library is used."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.update.slot_tree import interpreter_of

_GUARD: Final = b"hal.guard"
_STARTED: Final = 19
"""Where the time of its start stands in a process's `stat`, counted from behind its name."""


def process_in(slot: Path) -> int | None:
    """Return a process that runs from a slot, such as a guard that has not moved on yet."""
    for process, _ in _processes(slot):
        return int(process.name)
    return None


def guard_age_s(slot: Path) -> float | None:
    """Return for how long the youngest guard of a slot has run, None without one."""
    ages = []
    for process, words in _processes(slot):
        if _GUARD in words:
            with contextlib.suppress(OSError):
                ages.append(_age_s(process))
    return min(ages, default=None)


def _processes(slot: Path) -> Iterator[tuple[Path, list[bytes]]]:
    interpreter = str(interpreter_of(slot)).encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0] == interpreter:
                yield process, words


def _age_s(process: Path) -> float:
    fields = (process / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    uptime_s = float(Path("/proc/uptime").read_text("ascii").split()[0])
    return uptime_s - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
