"""The demo's station: a folder of its own, real processes, and nothing left behind.

The daemon is this program's child. Guard and board are processes of their own that the daemon and
the guard start; both are stopped here too, because nobody will need them any more.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.sim.demo_bench import LineSocket
from hal.api import HardwareLost
from hal.mock.client import try_connect
from hal.mock.line_server import peer_pid

IDENTITY = "DEMO01"
STOP_LIMIT_S = 8.0
_LONGEST_SOCKET_PATH = 100
_POLL_S = 0.02
_LOG_TAIL_LINES = 30

_STATION_TOML = """\
[station]
vendor = "stationd"
model = "Demo AC22"
serial_number = "DEMO-0001"
state_dir = "state"

[csms]
url = "{csms_url}"
identity = "{identity}"
versions = ["{version}"]
security_profile = 0
allow_insecure = true

[[evse]]
id = 1
connector_type = "sType2"
cable = "socket"
max_current_a = 32
phases = 3
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
proximity = {{ backend = "mock" }}
lock = {{ backend = "mock" }}
meter = {{ backend = "mock" }}
reader = {{ backend = "mock" }}

[guard]
socket = "guard.sock"
grace_s = 5.0
min_closing_interval_s = 1.0

[local_api]
socket = "api.sock"

[bench]
socket = "bench.sock"

[variables]
"SampledDataCtrlr.TxUpdatedInterval" = 2
"""


class StationNotStarted(Exception):
    """The station's processes did not come up; the message says which and the log why."""


class DemoStation:
    """The station's processes in a temporary folder; use it as an asynchronous context."""

    def __init__(self, csms_url: str, version: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stationd-demo-"))
        self._config = self._folder / "station.toml"
        self._log = self._folder / "daemon.log"
        self._daemon: Process | None = None
        text = _STATION_TOML.format(csms_url=csms_url, identity=IDENTITY, version=version)
        self._config.write_text(text, "utf-8")

    @property
    def bench_socket(self) -> Path:
        """Where the test bench listens."""
        return self._folder / "bench.sock"

    @property
    def api_socket(self) -> Path:
        """Where the local API listens."""
        return self._folder / "api.sock"

    async def __aenter__(self) -> Self:
        """Promise to stop everything at the end."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop everything and remove the folder."""
        await self.stop()

    async def start(self) -> None:
        """Start the daemon, which starts guard and board. Raises StationNotStarted."""
        self._check_folder()
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._daemon = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "agent", "run"),
                *("--config", str(self._config), "--with-guard"),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for this process, which stops the daemon itself
            )
        except OSError as error:
            raise StationNotStarted(f"{sys.executable} does not start: {error.strerror}") from error
        finally:
            os.close(log)

    async def connect(self, path: Path, timeout_s: float) -> LineSocket:
        """Connect to one of the station's sockets as soon as it listens.

        Raises StationNotStarted.
        """
        give_up_s = asyncio.get_running_loop().time() + timeout_s
        while True:
            try:
                return await LineSocket.connect(path)
            except OSError as error:
                if self.trouble() is not None:
                    raise StationNotStarted(str(self.trouble())) from None
                if asyncio.get_running_loop().time() > give_up_s:
                    what = f"the station did not open {path.name} within {timeout_s:g} s"
                    raise StationNotStarted(f"{what}: {error.strerror}") from None
            await asyncio.sleep(_POLL_S)

    def trouble(self) -> str | None:
        """Say why the station cannot go on, None while it runs."""
        if self._daemon is None or self._daemon.returncode is None:
            return None
        return f"the station's daemon has ended with exit code {self._daemon.returncode}"

    def log_tail(self) -> list[str]:
        """Return the last lines that the daemon and its guard wrote."""
        lines = []
        for log in (self._log, *sorted(self._folder.glob("*.sock.log"))):
            if log.exists():
                written = log.read_text("utf-8", "replace").splitlines()
                lines += [f"{log.name}: {line}" for line in written[-_LOG_TAIL_LINES:]]
        return lines

    async def stop(self) -> None:
        """End the daemon, then guard and board, and remove the folder; may be called twice."""
        try:
            await self._stop_daemon()
            await self._stop_guard()
        finally:
            await self._remove_folder()

    def _check_folder(self) -> None:
        longest = max(len(os.fsencode(path)) for path in (self.bench_socket, self.api_socket))
        if longest > _LONGEST_SOCKET_PATH:
            raise StationNotStarted(
                f"the path of {self._folder} is too long for sockets: set TMPDIR to a shorter one"
            )

    async def _stop_daemon(self) -> None:
        daemon = self._daemon
        if daemon is None or daemon.returncode is not None:
            return
        daemon.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await daemon.wait()
        except TimeoutError:
            daemon.kill()
            await daemon.wait()

    async def _stop_guard(self) -> None:
        """Ask the guard to open everything and leave; it would do so later by itself."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.connect(str(self._folder / "guard.sock"))
                guard = os.pidfd_open(peer_pid(connection))
        except OSError:
            return  # there is none, or it is leaving already
        try:
            await _end(guard)
        finally:
            os.close(guard)

    async def _remove_folder(self) -> None:
        """Remove the folder; the board ends because its world is gone."""
        try:
            board = try_connect(self._folder / "state")
        except HardwareLost:
            board = None
        shutil.rmtree(self._folder, ignore_errors=True)
        if board is not None:
            with board:
                await _readable(board.fileno(), STOP_LIMIT_S)  # its end closes the connection


async def _end(process: int) -> None:
    """Terminate a process that is not our child, by its descriptor; kill it if it will not go."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal.pidfd_send_signal(process, number)
        if await _readable(process, STOP_LIMIT_S):
            return


async def _readable(descriptor: int, timeout_s: float) -> bool:
    """Wait until a descriptor is readable; a process's is when the process has ended."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        async with asyncio.timeout(timeout_s):
            await ready.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True


def _environment() -> dict[str, str]:
    """Let the station's processes find this very package, whatever the working folder holds."""
    root = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    path = root if not known else f"{root}{os.pathsep}{known}"
    return dict(os.environ) | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
