"""Small files that are there whole or not at all, also after a power cut, and for nobody else."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_NEW: Final = ".new"


def private_folder(folder: Path) -> Path:
    """Make a folder for the service's user alone; remove what a power cut left half written.

    A folder or file that is open to others is closed to them. Raises OSError.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _tighten(folder, FOLDER_MODE)
    for path in folder.iterdir():
        if path.name.endswith(_NEW):
            path.unlink()
        elif path.is_file():
            _tighten(path, FILE_MODE)
    return folder


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is whole on the disk when this returns. Raises OSError."""
    temporary = path.with_name(path.name + _NEW)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, FILE_MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file, if it is there. Raises OSError."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tighten(path: Path, wanted: int) -> None:
    mode = stat.S_IMODE(path.lstat().st_mode)
    if mode & ~wanted and not path.is_symlink():
        path.chmod(wanted)
