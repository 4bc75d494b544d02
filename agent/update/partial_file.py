"""A file that comes in pieces: what is surely on the disk, and of which file on the server.

Beside the data lies a note of the server's name for this very content (ETag or Last-Modified),
its size, and how many bytes were synced. After a power cut only those count.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from agent.core.firmware_order import DownloadInterrupted, DownloadRefused
from agent.core.records import dataclass

SYNC_BYTES: Final = 4 * 1024 * 1024
SPARE_BYTES: Final = 32 * 1024 * 1024
"""What a download leaves free for everything else on this disk."""
_LONGEST_NOTE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a server's file is called: `validator` names its very content, '' if nothing does."""

    location_digest: str
    validator: str = ""
    size: int | None = None


def digest_of(location: str) -> str:
    """Return what stands for a location in the note, since that may hold a password."""
    return hashlib.sha256(location.encode()).hexdigest()


class PartialFile:
    """One image on its way; `received` bytes of it are there. Calls block; raise as noted.

    A disk that is full or broken interrupts the download: room may come.
    """

    def __init__(self, image: Path, max_bytes: int) -> None:
        self._image = image
        self._part = image.with_name(image.name + ".part")
        self._note = image.with_name(image.name + ".note")
        self._fresh_note = image.with_name(image.name + ".note.new")
        self._max_bytes = max_bytes
        self._file: BinaryIO | None = None
        self._origin: Origin | None = None
        self._synced = 0
        self.received = 0

    def open(self, location: str) -> Origin | None:
        """Go on with what came of a location before; return its origin, None to begin anew."""
        with _disk():
            self._image.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._image.unlink(missing_ok=True)
            found = self._noted(digest_of(location))
            if found is None:
                self.forget()
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            self._file = os.fdopen(descriptor, "r+b")
            if found is not None:
                self._origin, self._synced = found
            self._cut(self._synced)
            return self._origin

    @property
    def size(self) -> int | None:
        """How large the whole file is, None while nobody knows."""
        return None if self._origin is None else self._origin.size

    def restart(self, origin: Origin) -> None:
        """Throw away what is there and begin with another file."""
        self._origin, self._synced = None, 0
        self._check_size(origin.size or 0)
        self._origin = origin
        with _disk():
            self._cut(0)
            self._write_note()

    def make_sure_of_room(self) -> None:
        """Check that the rest fits on the disk; raises `DownloadInterrupted`."""
        size = self._origin.size if self._origin else None
        rest = SYNC_BYTES if size is None else max(size - self.received, 0)
        with _disk():
            free = shutil.disk_usage(self._image.parent).free
        if free < rest + SPARE_BYTES:
            raise DownloadInterrupted(f"the disk is full: {rest} bytes more do not fit")

    def write(self, chunk: bytes) -> None:
        """Add a piece; raises `DownloadRefused` when the file becomes too large."""
        self._check_size(self.received + len(chunk))
        with _disk():
            self._opened.write(chunk)
            self.received += len(chunk)
            if self.received - self._synced >= SYNC_BYTES:
                self.sync()

    def sync(self) -> None:
        """Let what was received count also after a power cut."""
        with _disk():
            if self._file is not None and self.received != self._synced:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._synced = self.received
                self._write_note()
        if self._file is not None:
            self.make_sure_of_room()

    def finish(self) -> None:
        """Make it the image; it is on the disk at return."""
        with _disk():
            self._opened.flush()
            os.fsync(self._opened.fileno())
            self.close()
            self._part.replace(self._image)
            self._note.unlink(missing_ok=True)
            _sync_folder(self._image.parent)

    def close(self) -> None:
        """Release the file; what was received stays."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def forget(self) -> None:
        """Remove everything that came of it. Raises OSError."""
        self.close()
        for path in (self._image, self._part, self._note, self._fresh_note):
            path.unlink(missing_ok=True)

    @property
    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise DownloadInterrupted("the partial file is closed")
        return self._file

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise DownloadRefused(f"the file is larger than {self._max_bytes} bytes")
        known = self._origin.size if self._origin else None
        if known is not None and size > known:
            raise DownloadInterrupted("the server sends more than it said")

    def _cut(self, size: int) -> None:
        self._opened.truncate(size)
        self._opened.seek(size)
        self.received = size

    def _noted(self, location_digest: str) -> tuple[Origin, int] | None:
        """Read the note; whatever is wrong with it means to begin anew."""
        try:
            text = self._note.read_text("utf-8")[:_LONGEST_NOTE]
            told, present = json.loads(text), self._part.stat().st_size
            origin, synced = _origin(told), int(told["synced"])
        except (OSError, ValueError, ArithmeticError, LookupError, TypeError, RecursionError):
            return None
        goes_on = origin.location_digest == location_digest and origin.validator
        return (origin, synced) if goes_on and 0 < synced <= present else None

    def _write_note(self) -> None:
        origin = self._origin
        if origin is None:
            return
        told = {
            "location": origin.location_digest,
            "validator": origin.validator,
            "size": origin.size,
            "synced": self._synced,
        }
        fresh = self._fresh_note
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._note)
        _sync_folder(self._note.parent)


def _origin(told: Any) -> Origin:
    size = told["size"]
    return Origin(
        location_digest=str(told["location"]),
        validator=str(told["validator"]),
        size=None if size is None else int(size),
    )


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """Word what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise DownloadInterrupted(f"the disk refuses: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
