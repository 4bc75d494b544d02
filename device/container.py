"""One container with a booted systemd, driven from outside."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

START_S = 60.0
# Both are needed for DeviceAllow to be enforced inside.
# A container has no memory locking, which the guard wants, unless it is given.
_NSPAWN = (
    "--system-call-filter=bpf",
    "--capability=CAP_BPF,CAP_IPC_LOCK",
    "--register=no",
    "--keep-unit",
)


_WANTS_TO_BOOT = 133


class NotReached(AssertionError):
    """Something did not come true in time."""


def wait_until(condition: Callable[[], object], within_s: float, what: str) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if condition():
            return
        time.sleep(0.1)
    raise NotReached(f"within {within_s} s: {what}")


class Container:
    """Boots a root file system; `run` executes inside. Its network is this machine's.

    `devices` are files of this machine's `/dev` that it has as well.
    """

    def __init__(self, root: Path, log: Path, devices: Sequence[str] = ()) -> None:
        self.root = root
        self._devices = [f"--bind={device}" for device in devices]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def boot(self) -> None:
        """Start, and wait until systemd has started everything."""
        self._output = self._log.open("ab")
        # The name is that of a folder of this machine's as well, which two must not share.
        name = f"stationd-{os.getpid()}-{id(self) & 0xFFFF:x}"
        command = ["systemd-nspawn", "-b", "-D", str(self.root), f"--machine={name}"]
        self._process = subprocess.Popen(
            [*command, *_NSPAWN, *self._devices],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )
        self._await_running()

    def reboot(self) -> None:
        """Let the system restart itself, as `reboot` does on a machine."""
        self.run("systemctl", "reboot", check=False)
        self.follow_reboot(START_S)

    def follow_reboot(self, within_s: float) -> None:
        """Wait until the system restarts itself, and start it again."""
        assert self._process is not None
        # That the system wants to be started again is told by the exit code; it is up to us then.
        assert self._process.wait(within_s) == _WANTS_TO_BOOT
        self._ended()
        self.boot()

    def power_off(self) -> None:
        """Stop in order; the container can be booted again."""
        if self._process is None:
            return
        if self._leader() is not None:
            self.run("systemctl", "poweroff", check=False)
        try:
            self._process.wait(30.0)
        except subprocess.TimeoutExpired:
            self.cut_power()
        self._ended()

    def cut_power(self) -> None:
        """End every process at once."""
        assert self._process is not None
        leader = self._leader()
        if leader is not None:
            os.kill(leader, signal.SIGKILL)
        self._process.kill()
        self._process.wait(30.0)
        self._ended()

    def run(
        self, *words: str, check: bool = True, input_text: str | None = None, limit_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Execute a command as root inside."""
        leader = self._leader()
        assert leader is not None, "the container does not run"
        done = subprocess.run(
            ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "--", *words],
            input=input_text,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def text(self, *words: str) -> str:
        """Return what a command prints."""
        return self.run(*words).stdout.strip()

    def property(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.text("systemctl", "show", "--value", "--property", name, unit)

    def journal(self, unit: str) -> str:
        """Return what a unit has logged."""
        return self.text("journalctl", "--no-pager", "--output=cat", "--unit", unit)

    def _await_running(self) -> None:
        def is_running() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise NotReached(f"the container has ended; see {self._log}")
            if self._leader() is None:
                return False
            done = self.run("systemctl", "is-system-running", check=False)
            return done.stdout.strip() in ("running", "degraded")

        wait_until(is_running, START_S, f"the system runs; see {self._log}")

    def _leader(self) -> int | None:
        """Return the process that is number 1 inside."""
        if self._process is None or self._process.poll() is not None:
            return None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in children.read_text().split():
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0]
            except OSError:
                continue
            if command.endswith((b"/systemd", b"/init")):
                return int(child)
        return None

    def _ended(self) -> None:
        self._process = None
        if self._output is not None:
            self._output.close()
