"""Questions to the running station: one JSON line out, one JSON line back, over a Unix socket."""

import json
import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.cli.options import default_config_file

API_SECTION = "local_api"
BENCH_SECTION = "bench"
DEFAULT_STATE_DIR = Path("/var/lib/stationd")
API_SOCKET_NAME = "api.sock"
TIMEOUT_S = 10.0

_CHUNK_BYTES = 65_536
_MAX_REPLY_BYTES = 1 << 30


class StationNotReached(Exception):
    """The question could not be asked or was not answered; the message names the remedy."""


class QuestionRefused(Exception):
    """The station understood the question and says why it will not do it.

    `reply` is its whole answer.
    """

    def __init__(self, reply: Mapping[str, Any]) -> None:
        super().__init__(str(reply.get("error", "refused without a reason")))
        self.reply = reply


def socket_path(section: str, config_file: Path, given: Path | None) -> Path:
    """Return the socket's path: the given one, or what the configuration's section says.

    Only the keys that decide it are read: who may ask the station need not be able to read all
    that the file names. Raises StationNotReached.
    """
    if given is not None:
        return given
    configured = _path(config_file, section, "socket")
    if configured is None and section == API_SECTION:
        state_dir = _path(config_file, "station", "state_dir") or DEFAULT_STATE_DIR
        return state_dir / API_SOCKET_NAME
    if configured is None:
        raise StationNotReached(
            f"{config_file} has no [{section}] socket: name the socket with --socket, the station's"
            " configuration with --config, or add the section"
        )
    return configured


def ask(path: Path, request: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Send one request and return the reply, whose `ok` is true.

    Raises StationNotReached and QuestionRefused.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            _connect(connection, path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _line_from(connection)
        except TimeoutError:
            raise StationNotReached(
                f"the station did not answer on {path} within {timeout_s:g} s: look at its log"
            ) from None
        except OSError as error:
            raise StationNotReached(_remedy(path, error)) from None
    return _reply(path, line)


def _path(config_file: Path, section: str, key: str) -> Path | None:
    """Return one path of the configuration, taken from the file's folder; None if it is absent."""
    try:
        document = tomllib.loads(config_file.read_text("utf-8"))
    except FileNotFoundError:
        if config_file == default_config_file():
            return None
        raise StationNotReached(
            f"{config_file}: there is no such file; name the configuration with --config"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StationNotReached(
            f"{config_file}: cannot be read: {reason}; name the socket with --socket"
        ) from None
    table = document.get(section)
    value = table.get(key) if isinstance(table, dict) else None
    return config_file.parent / value if isinstance(value, str) else None


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect through the socket's folder: an address has little room, a path may be long."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _line_from(connection: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n") and len(received) < _MAX_REPLY_BYTES:
        chunk = connection.recv(_CHUNK_BYTES)
        if not chunk:
            break
        received += chunk
    return bytes(received)


def _reply(path: Path, line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not line.endswith(b"\n") or not isinstance(reply, dict):
        what = "hung up without an answer" if not line else "gave an answer that is no JSON line"
        raise StationNotReached(f"{path}: the station {what}: look at its log")
    if reply.get("ok") is not True:
        raise QuestionRefused(reply)
    return reply


def _remedy(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return (
                f"no station answers on {path}: start it with `systemctl start stationd` or"
                " `stationd run`, or name another socket with --socket or --config"
            )
        case PermissionError():
            return f"no right to use {path}: ask as the user that runs the station, or as root"
        case ConnectionResetError() | BrokenPipeError():
            return f"{path}: the station hung up without an answer: look at its log"
        case _:
            return f"{path}: {error.strerror or error}"
