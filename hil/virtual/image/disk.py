"""A folder as a disk."""

import os
from pathlib import Path

from hil.virtual.image.programs import run

MIB = 1 << 20
# What the file system itself needs, in proportion and at least.
OVERHEAD = 1.15
LEAST_MIB = 8


def make_disk(folder: Path, target: Path, *, spare_mib: int = 0) -> None:
    """Write a folder into an ext4 file system; everything in it belongs to root.

    Without `spare_mib` it is for reading only, and has no journal.
    """
    blocks = sum(_size(Path(place) / name) for place, _, names in os.walk(folder) for name in names)
    size_mib = int(blocks * OVERHEAD / MIB) + LEAST_MIB + spare_mib
    kind = ("-O", "has_journal" if spare_mib else "^has_journal", "-N", "16384", "-m", "0")
    run(
        *("mke2fs", "-q", "-t", "ext4", "-b", "4096", *kind, "-d", folder),
        *("-E", "root_owner=0:0", target, f"{size_mib}M"),
    )


def _size(path: Path) -> int:
    return (path.lstat().st_size + 4095) // 4096 * 4096
