"""One slot: an application tree with its own virtual environment, written as a whole.

The mark is written last and removed first, so that a slot with a mark is complete. Only the
standard library is used: this is part of what starts before any slot is trusted.
"""

import compileall
import json
import os
import platform
import py_compile
import shutil
import sys
from pathlib import Path
from typing import Final

from agent.core.records import dataclass
from agent.update.bundle import Progress, VerifiedBundle
from agent.update.durable import remove_file, replace_file, sync_file_system, sync_folder
from agent.update.manifest import OWN_NAMES

MARK, _ENVIRONMENT, _PYTHON = OWN_NAMES
INTERPRETER: Final = Path(sys.base_prefix) / f"bin/python3.{sys.version_info.minor}"
"""The system's Python, which every slot's environment stands on."""
_ROOM_PER_BYTE: Final = 2
"""The compiled form of a module takes about as much again."""
_ROOM_FLOOR_BYTES: Final = 4 << 20


class NoRoom(OSError):
    """The disk has no room for what is to be written; the message says how much is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMark:
    """What a complete slot holds. `bundle_sha256` is that of the signed part it came from."""

    version: str
    rollback_index: int
    bundle_sha256: str


def read_mark(slot: Path) -> SlotMark | None:
    """Return what a slot holds; None if it is empty or incomplete."""
    try:
        document = json.loads((slot / MARK).read_text("utf-8"))
        mark = SlotMark(
            version=str(document["version"]),
            rollback_index=int(document["rollback_index"]),
            bundle_sha256=str(document["bundle_sha256"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return mark if interpreter_of(slot).exists() else None


def interpreter_of(slot: Path) -> Path:
    """Return the Python that runs a slot's programs."""
    return slot / _PYTHON


def empty(slot: Path) -> None:
    """Remove a slot's tree; raises `OSError`."""
    remove_file(slot / MARK)
    if slot.is_dir():
        for folder, _, _ in os.walk(slot):
            Path(folder).chmod(0o755)
        shutil.rmtree(slot)
    sync_folder(slot.parent)


def write(
    slot: Path,
    bundle: VerifiedBundle,
    sha256: bytes,
    base: Path | None,
    progress: Progress | None = None,
) -> None:
    """Write a bundle's tree into an empty slot and make it complete.

    Everything is on the disk before the mark is. Raises `OSError`, `BundleError`.
    """
    require_room(slot.parent, bundle.manifest.tree_bytes * _ROOM_PER_BYTE)
    slot.mkdir(mode=0o755)
    bundle.unpack(slot, base, progress)
    _make_environment(slot)
    _compile(slot)
    _protect(slot)
    sync_file_system(slot)
    mark = SlotMark(
        version=bundle.manifest.version,
        rollback_index=bundle.manifest.rollback_index,
        bundle_sha256=sha256.hex(),
    )
    replace_file(slot / MARK, _as_text(mark), 0o444)
    slot.chmod(0o555)
    sync_folder(slot.parent)


def _as_text(mark: SlotMark) -> bytes:
    document = {name: getattr(mark, name) for name in SlotMark.__dataclass_fields__}
    return json.dumps(document, sort_keys=True).encode()


def require_room(folder: Path, size_bytes: int) -> None:
    """Check that so much fits on a disk, and some is left for everything else; raises `NoRoom`."""
    room = os.statvfs(folder)
    free, wanted = room.f_bavail * room.f_frsize, size_bytes + _ROOM_FLOOR_BYTES
    if free < wanted:
        raise NoRoom(f"{folder} has {free >> 20} MiB free, {wanted >> 20} MiB are needed")


def _make_environment(slot: Path) -> None:
    """Make the tree a virtual environment over the system's interpreter."""
    version = platform.python_version()
    text = (
        f"home = {INTERPRETER.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    (slot / _ENVIRONMENT).write_text(text, "utf-8")
    interpreter = interpreter_of(slot)
    interpreter.parent.mkdir(exist_ok=True)
    interpreter.symlink_to(INTERPRETER)


def _compile(slot: Path) -> None:
    """Compile every module, so that a start neither compiles nor writes.

    A module that does not compile stays as it is: libraries bring such, for other versions.
    """
    compileall.compile_dir(
        slot,
        quiet=2,
        legacy=False,
        maxlevels=None,
        stripdir=str(slot),
        prependdir="/opt/stationd",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _protect(slot: Path) -> None:
    """Make the tree read-only for everybody."""
    for folder, _, files in os.walk(slot, topdown=False):
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o555 if path.stat().st_mode & 0o100 else 0o444)
        if folder != str(slot):
            Path(folder).chmod(0o555)
