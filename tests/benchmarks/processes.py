"""What the kernel knows of a process: memory, processor time, bytes written."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
KIB = 1024


def resident_mb(pid: int) -> float:
    """Return VmRSS in MB (10**6 bytes)."""
    return _kib(PROC / str(pid) / "status", "VmRSS") * KIB / 1e6


def proportional_mb(pid: int) -> float:
    """Return PSS in MB: shared pages count in equal parts for everybody who shares them."""
    return _kib(PROC / str(pid) / "smaps_rollup", "Pss") * KIB / 1e6


def cpu_s(pid: int) -> float:
    """Return the processor time of all living threads, in seconds with nanosecond resolution."""
    return sum(_thread_ns(task) for task in (PROC / str(pid) / "task").iterdir()) / 1e9


def bytes_written(pid: int) -> int:
    """Return the bytes that a process caused to be written to disks, dead or alive."""
    text = (PROC / str(pid) / "io").read_text()
    found = re.search(r"^write_bytes: (\d+)$", text, re.MULTILINE)
    if found is None:
        raise LookupError(f"the kernel does not account input and output of process {pid}")
    return int(found[1])


def module_processes(folder: Path) -> dict[str, int]:
    """Return guard and board of a folder: module name to process id, by their command lines."""
    return dict(_modules_at_work(str(folder).encode()))


def _modules_at_work(folder: bytes) -> Iterator[tuple[str, int]]:
    for entry in PROC.glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        modules = {b"hal.guard", b"hal.mock"} & set(words)
        if modules and any(folder in word for word in words):
            yield modules.pop().decode(), int(entry.parent.name)


def _thread_ns(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended between listing and reading


def _kib(file: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", file.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{file} does not tell {name}; kernel {os.uname().release}")
    return int(found[1])
