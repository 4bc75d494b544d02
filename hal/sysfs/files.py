"""The kernel's sysfs as a port: read, write and list its files. Tests put a kernel in its place."""

import os
from pathlib import Path
from typing import Protocol

ROOT = Path("/sys")
_MOST_BYTES = 4096


class ValueFile(Protocol):
    """One file that is read again and again; the kernel makes its text anew each time."""

    def read(self) -> str:
        """Return the text without the line end; raises `OSError`."""

    def close(self) -> None: ...


class Sysfs(Protocol):
    """A sysfs tree; every call raises `OSError` as the kernel does."""

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return what a folder holds, sorted; nothing if it does not exist."""

    def resolve(self, path: Path) -> Path:
        """Return where a path leads once all links are followed."""

    def exists(self, path: Path) -> bool: ...

    def is_writable(self, path: Path) -> bool: ...

    def read(self, path: Path) -> str:
        """Return a file's text without the line end."""

    def write(self, path: Path, text: str) -> None: ...

    def open(self, path: Path) -> ValueFile:
        """Open a file that will be read often."""


class KernelSysfs:
    """The sysfs of the running kernel. Paths are absolute, below `/sys`."""

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return what a folder holds, sorted; nothing if it does not exist."""
        try:
            return tuple(sorted(os.listdir(folder)))  # noqa: PTH208 -- plain names are wanted
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def resolve(self, path: Path) -> Path:
        """Return where a path leads once all links are followed."""
        return path.resolve()

    def exists(self, path: Path) -> bool:
        """Tell whether there is such a file."""
        return path.exists()

    def is_writable(self, path: Path) -> bool:
        """Tell whether this process may write a file."""
        return os.access(path, os.W_OK)

    def read(self, path: Path) -> str:
        """Return a file's text without the line end; raises `OSError`."""
        return path.read_bytes().decode(errors="replace").strip()

    def write(self, path: Path, text: str) -> None:
        """Hand a text to the kernel in one piece; raises `OSError` if it refuses."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def open(self, path: Path) -> ValueFile:
        """Open a file that will be read often; raises `OSError`."""
        return _OpenFile(path)


class _OpenFile:
    """A file kept open; reading it from its start makes the kernel write it anew."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> str:
        return os.pread(self._descriptor, _MOST_BYTES, 0).decode(errors="replace").strip()

    def close(self) -> None:
        os.close(self._descriptor)
