"""The files of one store: names, permissions, and the lock that keeps a second daemon out."""

import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from agent.core.records import dataclass
from agent.store.errors import StoreInUse, from_os_error

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """Every path the store uses; all lie beside the database."""

    database: Path

    @property
    def log(self) -> Path:
        """The write-ahead log; SQLite dictates its name."""
        return self._beside("-wal")

    @property
    def shared_memory(self) -> Path:
        """Index of the write-ahead log; worthless after a restart."""
        return self._beside("-shm")

    @property
    def lock(self) -> Path:
        return self._beside(".lock")

    @property
    def reserve(self) -> Path:
        return self._beside(".reserve")

    @property
    def cursor(self) -> Path:
        """The acknowledgement cursor of the outbox."""
        return self._beside(".cursor")

    @property
    def rebuilding(self) -> Path:
        """A recovered database while it is being filled."""
        return self._beside(".rebuilding")

    @property
    def rebuilt(self) -> Path:
        """A complete recovered database on its way to the real name."""
        return self._beside(".rebuilt")

    @property
    def source(self) -> Path:
        """A patched copy of damaged files, to read from during recovery."""
        return self._beside(".source")

    def of_recovery(self) -> Iterator[Path]:
        """Yield the unfinished work of a recovery that lies on the disk."""
        for path in (self.source, self.rebuilding, self.rebuilt):
            work = StoreFiles(path)
            yield from (name for name in (path, work.log, work.shared_memory) if name.exists())

    def before_migration(self, version: int) -> Path:
        """Return where the database is kept as software with schema `version` knew it."""
        return self._beside(f".schema-{version}")

    def set_aside(self, number: int) -> Path:
        """Return where damaged file number `number` goes."""
        return self._beside(f".damaged-{number}")

    def all_set_aside(self) -> Iterator[tuple[int, Path]]:
        """Yield the damaged files kept so far, with their numbers."""
        prefix = f"{self.database.name}.damaged-"
        for path in self.database.parent.iterdir():
            number = path.name.removeprefix(prefix).removesuffix("-wal")
            if path.name.startswith(prefix) and number.isdecimal():
                yield int(number), path

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)


def log_of(database: Path) -> Path:
    """Return the write-ahead log that SQLite reads together with `database`."""
    return StoreFiles(database).log


def prepare_directory(directory: Path) -> None:
    """Create the directory for its owner only; StoreUnavailable when that is impossible.

    A directory that exists already keeps its permissions: it may serve others too.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_mode & 0o077:
            _LOGGER.warning("%s is open to other users: chmod 700 it", directory)
    except OSError as error:
        raise from_os_error(error, directory) from error


def create_private(path: Path) -> None:
    """Create an empty file that only its owner may read; an existing one is left alone."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise from_os_error(error, path) from error


def sync_directory(directory: Path) -> None:
    """Make names created or renamed in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class InstanceLock:
    """Held while a daemon owns the store; the kernel frees it however the process ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock; StoreInUse when another process (or this one, twice) holds it."""
        create_private(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            message = f"{path}: process {holder or 'unknown'} uses this store: stop it first"
            raise StoreInUse(f"{message}, or set another state_dir") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let the next owner in. The file stays: removing it would race with a new owner."""
        os.close(self._descriptor)
