"""The identity of one simulated world: a token file in the state directory.

Whoever holds the file's lock runs the world; its random token names the board's socket. A wiped
state directory therefore means a new world, and the board of the old one notices that its file is
gone.
"""

import fcntl
import os
from pathlib import Path

_TOKEN_CHARS = 32


class WorldTaken(Exception):
    """Another process runs this world; connect to it."""


class World:
    """A world that this process runs; `token` is what its socket is named after."""

    def __init__(self, path: Path, file: int, token: str) -> None:
        self._path = path
        self._file = file
        self.token = token

    @property
    def directory(self) -> Path:
        """Where the world keeps its files."""
        return self._path.parent

    def is_ours(self) -> bool:
        """Tell whether the state directory still names this world."""
        return _same_file(self._path, self._file)

    def close(self) -> None:
        """Let another process run the world."""
        os.close(self._file)


def board_directory(state_dir: Path) -> Path:
    """Return where the board keeps its files."""
    return state_dir / "board"


def socket_address(token: str) -> str:
    """Return the board's abstract socket name, which vanishes with its process."""
    return f"\0stationd-board-{token}"


def read_token(state_dir: Path) -> str | None:
    """Return the token of the present world, None where no board has ever run."""
    try:
        token = _world_path(state_dir).read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return token if len(token) == _TOKEN_CHARS else None


def claim_world(state_dir: Path) -> World:
    """Become the process that runs the world; raises `WorldTaken`, `OSError`."""
    path = _world_path(state_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise WorldTaken(f"another board runs with {path}") from None
        if _same_file(path, file):
            return World(path, file, _token_of(file))
        os.close(file)


def _world_path(state_dir: Path) -> Path:
    return board_directory(state_dir) / "world"


def _same_file(path: Path, file: int) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    return os.path.samestat(there, os.fstat(file))


def _token_of(file: int) -> str:
    token = os.pread(file, _TOKEN_CHARS + 1, 0)
    if len(token) != _TOKEN_CHARS or not token.isalnum():
        token = os.urandom(_TOKEN_CHARS // 2).hex().encode()
        os.ftruncate(file, 0)
        os.pwrite(file, token, 0)
    return token.decode("ascii")
