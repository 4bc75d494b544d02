"""Finding the board of a state directory, and starting it when it is missing.

Guard and services may do so at the same moment: the world's lock decides, the loser's board leaves
at once and both connect to the winner.
"""

import os
import socket
import sys
import time
from pathlib import Path

from hal.api import HardwareLost
from hal.mock.world import board_directory, read_token, socket_address

START_TIMEOUT_S = 10.0
RETRY_S = 0.02


def try_connect(state_dir: Path) -> socket.socket | None:
    """Connect to the running board, None if there is none; raises `HardwareLost`."""
    try:
        token = read_token(state_dir)
    except OSError as error:
        raise HardwareLost(f"the simulated board cannot be found: {error}") from error
    if token is None:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(socket_address(token))
    except OSError:
        connection.close()
        return None
    return connection


def connect(state_dir: Path) -> socket.socket:
    """Connect to the board, starting it when missing; blocks, raises `HardwareLost`."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while (connection := try_connect(state_dir)) is None:
        if time.monotonic() > deadline_s:
            log = board_directory(state_dir) / "board.log"
            raise HardwareLost(f"the simulated board does not start; {log} says why")
        _start(state_dir)
        connection = try_connect(state_dir)
        if connection is not None:
            break
        time.sleep(RETRY_S)
    return connection


def _start(state_dir: Path) -> None:
    """Start a board and wait until it listens, has found another one, or has failed."""
    directory = board_directory(state_dir)
    log = directory / "board.log"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "hal.mock", "--state-dir", str(state_dir), "--detach"],
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), _LOG_FLAGS, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsigmask=[],
        )
    except OSError as error:
        raise HardwareLost(f"the simulated board cannot be started in {directory}: {error}") from (
            error
        )
    _, status = os.waitpid(child, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise HardwareLost(f"the simulated board ended with {code}; {log} says why")


_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _environment() -> dict[str, str]:
    """Let the board find this very package, wherever it was imported from."""
    root = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    path = root if not known else f"{root}{os.pathsep}{known}"
    return dict(os.environ) | {"PYTHONPATH": path}
