"""Files that are replaced as a whole, and folders, on the disk before a call returns.

Only the standard library is used: this is part of what starts before any slot is trusted.
"""

import contextlib
import os
from pathlib import Path


def replace_file(target: Path, content: bytes, mode: int = 0o644) -> None:
    """Write beside the file, then take its name; both are on the disk when this returns."""
    beside = target.with_name(target.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(beside, flags, mode)
    try:
        # The mode is meant as it is, whatever the umask of the service that this runs in.
        os.fchmod(descriptor, mode)
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(target)
    sync_folder(target.parent)


def replace_link(link: Path, target: str) -> None:
    """Let a symbolic link point elsewhere, at once and on the disk."""
    beside = link.with_name(link.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    beside.symlink_to(target)
    beside.replace(link)
    sync_folder(link.parent)


def remove_file(path: Path) -> None:
    """Remove a file, if there is one, so that it does not come back after a power cut."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def sync_file_system(folder: Path) -> None:
    """Put everything on the disk that was written to a folder's file system; raises `OSError`.

    For a tree of many files this is one flush of the disk where fsync would be one for each.
    """
    import ctypes  # noqa: PLC0415 - only an installation needs it

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(folder))
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
