"""How far the outbox is acknowledged: a tiny file, so that an acknowledgement costs no commit.

The file is written without waiting for the disk: the kernel keeps it over any end of the
process. A power cut may bring an older value back, which only means sending again. Two slots
are written in turn, each with a checksum, so that a torn write leaves the other one.
"""

import os
import struct
import zlib
from pathlib import Path

from agent.store.errors import from_os_error

_MAGIC = b"ACK1"
_CONTENT = struct.Struct(">4s16sQ")
_CHECKSUM = struct.Struct(">I")
_SLOT_BYTES = _CONTENT.size + _CHECKSUM.size
# A sector each: the unit that a disk writes whole or not.
_OFFSETS = (0, 512)


class AcknowledgementCursor:
    """The highest acknowledged row id of one database; never goes back."""

    def __init__(self, path: Path, instance_id: bytes) -> None:
        """Open or create the file; what another database left there counts as nothing.

        StoreUnavailable when the file cannot be written.
        """
        self._path = path
        self._instance_id = instance_id
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_os_error(error, path) from error
        positions = [self._read(offset) for offset in _OFFSETS]
        self.position = max(positions)
        """Every row up to this id is acknowledged."""
        self._next_slot = positions.index(min(positions))

    def advance(self, row_id: int) -> None:
        """Note that every row up to `row_id` is acknowledged.

        Survives the end of the process once it returns. StoreUnavailable when the file cannot
        be written: `position` has moved all the same, for this process.
        """
        if row_id <= self.position:
            raise ValueError(f"{self._path}: {row_id} is not after {self.position}")
        self.position = row_id
        content = _CONTENT.pack(_MAGIC, self._instance_id, row_id)
        slot = content + _CHECKSUM.pack(zlib.crc32(content))
        try:
            os.pwrite(self._descriptor, slot, _OFFSETS[self._next_slot])
        except OSError as error:
            raise from_os_error(error, self._path) from error
        self._next_slot = 1 - self._next_slot

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _read(self, offset: int) -> int:
        found = _unpacked(os.pread(self._descriptor, _SLOT_BYTES, offset))
        return found[1] if found is not None and found[0] == self._instance_id else 0


def instance_of(path: Path) -> bytes | None:
    """Return the id of the database that the cursor file belongs to, if it can be told."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    slots = (_unpacked(content[offset : offset + _SLOT_BYTES]) for offset in _OFFSETS)
    found = [slot for slot in slots if slot is not None]
    return max(found, key=lambda slot: slot[1])[0] if found else None


def _unpacked(slot: bytes) -> tuple[bytes, int] | None:
    """Return database id and row id of a sound slot."""
    if len(slot) < _SLOT_BYTES:
        return None
    content, (checksum,) = slot[: _CONTENT.size], _CHECKSUM.unpack(slot[_CONTENT.size :])
    magic, instance_id, row_id = _CONTENT.unpack(content)
    if magic != _MAGIC or checksum != zlib.crc32(content):
        return None
    return instance_id, row_id
