"""Demos as real processes, in a temporary folder whose left-overs can be seen."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENT_S

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class DemoRun:
    """A demo that runs with `folder` as its place for temporary files."""

    folder: Path
    process: subprocess.Popen[str]
    shown: list[str]

    def read_until(self, text: str) -> None:
        """Read the output up to a line with this text; fails at the end of the output."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.shown.append(line.rstrip("\n"))
            if text in line:
                return
        raise AssertionError(f"{text!r} was never shown:\n" + "\n".join(self.shown))

    def finish(self) -> int:
        """Read the rest of the output and return the exit code."""
        assert self.process.stdout is not None
        self.shown += self.process.stdout.read().splitlines()
        return self.process.wait(PATIENT_S)

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    @property
    def daemon(self) -> int:
        """The process id of the station's daemon."""
        pid = self.process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)

    @property
    def text(self) -> str:
        """Everything that was shown."""
        return "\n".join(self.shown)

    def left_over(self) -> list[str]:
        """Files and processes that are still there once there was time for them to go."""
        give_up_s = time.monotonic() + PATIENT_S
        while (found := self._found()) and time.monotonic() < give_up_s:
            time.sleep(0.02)
        return found

    def _found(self) -> list[str]:
        files = [path.name for path in self.folder.iterdir()]
        return files + [line for line in _command_lines() if str(self.folder) in line]


@contextmanager
def demo(*arguments: str) -> Iterator[DemoRun]:
    """Start a demo; what is left of it at the end is killed, by its process id."""
    with tempfile.TemporaryDirectory(prefix="d-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "demo", *arguments],
            cwd=ROOT,
            env=dict(os.environ) | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Whoever runs the tests in the background may have had SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        try:
            yield DemoRun(Path(folder), process, [])
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_text("utf-8", "replace").replace("\0", " ")
        except OSError:
            continue  # it has just ended
