"""Starting a guard where no service manager does: on a laptop, on a bench.

The guard gets a session of its own, so that it outlives whoever started it, and leaves by itself
once nobody needs it.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from hal.guard import endpoint
from hal.guard.exit_codes import ALREADY_RUNNING
from hal.guard.protocol import FRAME_BYTES, FrameError, Hello, Role, decode, encode

START_LIMIT_S = 5.0
PROBE_LIMIT_S = 0.5
ORPHANED_S = 10.0
END_LIMIT_S = 1.0
_POLL_S = 0.01
_LEAVE = "--exit-when-orphaned"
_LOG_LIMIT_BYTES = 1_000_000


class GuardNotStarted(Exception):
    """No guard came up; the message says what it complained about."""


def ensure_guard(config_path: Path, socket: Path) -> None:
    """Return once a guard answers on `socket`, starting one unless it already does.

    Blocks for a fraction of a second, so call it from a thread where that matters. The guard's
    messages go to `<socket>.log`. Raises `GuardNotStarted`.
    """
    if is_alive(socket):
        return
    socket.parent.mkdir(parents=True, exist_ok=True)
    log = socket.with_name(socket.name + ".log")
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.unlink()
    before_bytes = log.stat().st_size if log.exists() else 0
    _wait_for_answer(socket, _start(config_path, log), log, before_bytes)


def end_guard(pid: int) -> bool:
    """End a guard that `ensure_guard` started, now or earlier; return whether it is gone.

    A guard that a service manager started is left alone. Blocks for a second at most.
    """
    if not _is_ours(pid):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + END_LIMIT_S
    while _is_ours(pid):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(_POLL_S)
    return True


def is_alive(path: Path) -> bool:
    """Tell whether a guard answers; the services' connection is not disturbed."""
    try:
        connection = endpoint.connect(path)
    except OSError:
        return False
    with connection:
        connection.settimeout(PROBE_LIMIT_S)
        try:
            connection.send(encode(Hello(Role.PROBE, os.getpid()), 1))
            answer, _ = decode(connection.recv(FRAME_BYTES + 1))
        except (OSError, FrameError):
            return False
    return isinstance(answer, Hello)


def _is_ours(pid: int) -> bool:
    """Tell whether that process runs and leaves when orphaned; one that has ended is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return {b"hal.guard", _LEAVE.encode()} <= set(words)


def _start(config: Path, log: Path) -> int:
    command = ["-m", "hal.guard", "run", "--config", str(config.absolute())]
    leave = [_LEAVE, str(ORPHANED_S)]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, *command, *leave],
        _environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        ],
        setsid=True,
        setsigmask=[],
    )


def _environment() -> dict[str, str]:
    """Let the guard find this very package, and keep it from the caller's service manager."""
    root = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    mine = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    kept = {name: value for name, value in os.environ.items() if name not in mine}
    return kept | {"PYTHONPATH": root if not known else f"{root}{os.pathsep}{known}"}


def _wait_for_answer(socket: Path, pid: int, log: Path, before_bytes: int) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while not is_alive(socket):
        if _has_failed(pid) or time.monotonic() > deadline_s:
            raise GuardNotStarted(f"no guard on {socket}: {_complaint(log, before_bytes)}")
        time.sleep(_POLL_S)


def _has_failed(pid: int) -> bool:
    """Tell whether our guard gave up; if it only found another one, that one will answer."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return ended == pid and os.waitstatus_to_exitcode(status) != ALREADY_RUNNING


def _complaint(log: Path, before_bytes: int) -> str:
    if not log.exists():
        return "it said nothing"
    said = log.read_bytes()[before_bytes:].decode(errors="replace").strip()
    return said.splitlines()[-1] if said else f"it said nothing; see {log}"
