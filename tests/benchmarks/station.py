"""A station on this machine for benchmarks: daemon, guard and simulated board as real processes."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from hal.guard.spawn import ensure_guard
from hal.mock.backends import BoardControl
from tests.benchmarks import processes

ROOT = Path(__file__).parents[2]
END_TIMEOUT_S = 20.0
POLL_S = 0.01

CONFIG = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
state_dir = "{folder}/state"
[csms]
url = "{url}"
identity = "CS001"
versions = ["{version}"]
security_profile = 0
allow_insecure = true
[guard]
min_closing_interval_s = 0.0
[bench]
socket = "{folder}/bench.sock"
[log]
level = "{log_level}"
"""
EVSE = """
[[evse]]
id = {number}
connector_type = "cType2"
max_current_a = 32
phases = 3
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
meter = {{ backend = "mock" }}
reader = {{ backend = "mock" }}
"""


@dataclass
class BenchStation:
    """One station, whose files are in `folder`; an async context manager that ends everything.

    `variables` are initial values of the device model by their notation.
    """

    folder: Path
    url: str
    version: str
    evses: int = 1
    variables: Mapping[str, str | int | bool] = field(default_factory=lambda: MappingProxyType({}))
    log_level: str = "warning"
    interpreter_options: tuple[str, ...] = ()
    pid: int | None = field(default=None, init=False)
    _boards: list[BoardControl] = field(default_factory=list, init=False)

    async def __aenter__(self) -> Self:
        """Write the configuration; nothing runs yet."""
        text = CONFIG.format(
            folder=self.folder, url=self.url, version=self.version, log_level=self.log_level
        )
        text += "".join(EVSE.format(number=number) for number in range(1, self.evses + 1))
        text += "[variables]\n"
        text += "".join(f'"{name}" = {json.dumps(v)}\n' for name, v in self.variables.items())
        self.config_file.write_text(text)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End daemon, guard and board."""
        if self.pid is not None:
            await self.kill()
        for board in self._boards:
            await board.close()
        for pid in processes.module_processes(self.folder).values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        await self._await_the_end_of_helpers()

    @property
    def config_file(self) -> Path:
        """The station's configuration."""
        return self.folder / "station.toml"

    @property
    def log_file(self) -> Path:
        """What the daemon says."""
        return self.folder / "station.log"

    @property
    def guard_socket(self) -> Path:
        """Where the guard listens."""
        return self.folder / "state" / "guard.sock"

    def board(self) -> BoardControl:
        """Return a bench of the board itself, which works without the daemon."""
        board = BoardControl(self.folder / "state", range(1, self.evses + 1))
        self._boards.append(board)
        return board

    async def start_guard(self) -> None:
        """Start guard and board, unless they run."""
        await asyncio.to_thread(ensure_guard, self.config_file, self.guard_socket)

    def start(self) -> float:
        """Start the daemon; return when, on the monotonic clock, just before it."""
        log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        command = [sys.executable, *self.interpreter_options]
        command += ["-m", "agent", "run", "--config", str(self.config_file)]
        environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
        begin_s = time.monotonic()
        self.pid = os.posix_spawn(
            sys.executable,
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log_file), log, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        return begin_s

    async def kill(self) -> int:
        """Kill the daemon without warning; return the bytes it has caused to be written."""
        return await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Stop the daemon as a service manager would; return the bytes it caused to be written."""
        return await self._end(signal.SIGTERM)

    async def operate(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Carry out one operation over the daemon's own bench socket."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "bench.sock")
        try:
            writer.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        if not answer["ok"]:
            raise RuntimeError(f"{op}: {answer['error']}")
        return answer

    async def until(self, holds: Any, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait until something holds of the daemon's `state`; raises TimeoutError with the log."""
        state: dict[str, Any] = {}
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError, json.JSONDecodeError):
                state = await self.operate("state")
                if holds(state):
                    return state
            await asyncio.sleep(POLL_S)
        log = self.log_file.read_text()[-2000:]
        raise TimeoutError(f"did not come true within {timeout_s} s; last: {state}\n{log}")

    async def _end(self, number: signal.Signals) -> int:
        pid, self.pid = self.pid, None
        if pid is None:
            raise RuntimeError("the daemon does not run")
        os.kill(pid, number)
        descriptor = os.pidfd_open(pid)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, ended.set)
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        # A dead process keeps its account until somebody takes notice of its end.
        written = processes.bytes_written(pid)
        os.waitpid(pid, 0)  # noqa: ASYNC222 - it has ended, so this does not wait
        return written

    async def _await_the_end_of_helpers(self) -> None:
        deadline_s = time.monotonic() + END_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if not processes.module_processes(self.folder):
                return
            await asyncio.sleep(POLL_S)
