"""Load on every core and on the disk, to measure what real-time behaviour is worth."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOG = "while True: pass"
WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
block = os.urandom(1 << 20)
while True:
    for index in range(32):
        os.pwrite(file, block, index << 20)
        os.fsync(file)
"""


@contextmanager
def heavy_load(folder: Path) -> Iterator[str]:
    """Run a hog for each core and one that writes and syncs all the time; yield their names."""
    cores = len(os.sched_getaffinity(0))
    commands = [[sys.executable, "-c", HOG] for _ in range(cores)]
    commands.append([sys.executable, "-c", WRITER, str(folder / "load")])
    pids = [os.posix_spawn(sys.executable, command, dict(os.environ)) for command in commands]
    try:
        yield f"{cores} processor hogs and a disk writer"
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
