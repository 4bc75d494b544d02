"""The non-volatile memory of the simulated meters: one small file per register.

Each file has two slots with a sequence number and a CRC, written in turn, so that a torn write
leaves the other one. Writes are not synced: they survive the death of the board at any instant,
which is what a simulated meter owes its reader, not a power cut of the host.
"""

import logging
import os
import struct
import zlib
from pathlib import Path

NEW_METER_MICRO_WH = 1_234_567_000_000

_SLOT = struct.Struct("<4sQQ")
_CRC = struct.Struct("<I")
_SLOT_BYTES = _SLOT.size + _CRC.size
_SLOT_OFFSETS = (0, 512)
_MAGIC = b"ENRG"

_log = logging.getLogger(__name__)


class RegisterMemory:
    """One meter's stored register, in microwatt-hours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._sequence, self.micro_wh = self._load()

    def store(self, micro_wh: int) -> None:
        """Write the register if it has changed; a full disk is logged and tried again next time."""
        if micro_wh == self.micro_wh and self._sequence:
            return
        sequence = self._sequence + 1
        slot = _SLOT.pack(_MAGIC, sequence, micro_wh)
        record = slot + _CRC.pack(zlib.crc32(slot))
        try:
            os.pwrite(self._file, record, _SLOT_OFFSETS[sequence % 2])
        except OSError as error:
            _log.warning("cannot store the meter register in %s: %s", self._path, error)
            return
        self._sequence, self.micro_wh = sequence, micro_wh

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    def _load(self) -> tuple[int, int]:
        slots = [self._slot(offset) for offset in _SLOT_OFFSETS]
        newest = max((slot for slot in slots if slot), default=None)
        if newest is not None:
            return newest
        if os.fstat(self._file).st_size:
            _log.warning("meter register %s has no intact slot; it starts anew", self._path)
        return 0, NEW_METER_MICRO_WH

    def _slot(self, offset: int) -> tuple[int, int] | None:
        record = os.pread(self._file, _SLOT_BYTES, offset)
        if len(record) < _SLOT_BYTES:
            return None
        slot, crc = record[: _SLOT.size], _CRC.unpack(record[_SLOT.size :])[0]
        magic, sequence, micro_wh = _SLOT.unpack(slot)
        if magic != _MAGIC or crc != zlib.crc32(slot):
            return None
        return sequence, micro_wh
