"""Find the queue's rows in raw pages, without the tree that led to them.

A long queue hangs on few inner pages; when one is destroyed, SQLite reaches nothing below it.
The rows are still there, and each carries a checksum, so what is found is genuine.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

_LEAF = 0x0D
_FILE_HEADER_BYTES = 100
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_LARGEST_ROW = 1 << 20
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_REAL = 7
_ZERO, _ONE = 8, 9
_FIRST_STRING = 12

Value = None | int | float | str | bytes


def carve(database: Path, log: Path, page_bytes: int, columns: int) -> Iterator[tuple[Value, ...]]:
    """Yield everything that looks like a row of `columns` columns, the first being its id.

    Pages in the log stand for those of the database. Nothing is verified here.
    """
    pages = _Pages(database, log, page_bytes)
    for number in range(1, pages.count + 1):
        for row_id, record in _records(pages, number):
            row = _decode(record)
            if row is not None and len(row) == columns:
                yield (row_id, *row[1:])


class _Pages:
    """The pages of a database with its log applied."""

    def __init__(self, database: Path, log: Path, page_bytes: int) -> None:
        self.page_bytes = page_bytes
        self._stored = database.read_bytes() if database.is_file() else b""
        self._logged = dict(_frames(log.read_bytes(), page_bytes)) if log.is_file() else {}
        self.count = max([len(self._stored) // page_bytes, *self._logged])

    def __getitem__(self, number: int) -> bytes:
        start = (number - 1) * self.page_bytes
        return self._logged.get(number) or self._stored[start : start + self.page_bytes]


def _frames(log: bytes, page_bytes: int) -> Iterator[tuple[int, bytes]]:
    salt = log[16:24]
    step = _FRAME_HEADER_BYTES + page_bytes
    for start in range(_LOG_HEADER_BYTES, len(log) - step + 1, step):
        # Frames of an earlier round of the log have another salt.
        if log[start + 8 : start + 16] == salt:
            number = int.from_bytes(log[start : start + 4], "big")
            yield number, log[start + _FRAME_HEADER_BYTES : start + step]


def _records(pages: _Pages, number: int) -> Iterator[tuple[int, bytes]]:
    """Yield id and record of each cell of a leaf page; pages of other kinds have none."""
    page = pages[number]
    header = _FILE_HEADER_BYTES if number == 1 else 0
    if len(page) < pages.page_bytes or page[header] != _LEAF:
        return
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    for position in range(header + 8, min(header + 8 + 2 * count, len(page) - 1), 2):
        start = int.from_bytes(page[position : position + 2], "big")
        size, start = _varint(page, start)
        row_id, start = _varint(page, start)
        if 0 < size <= _LARGEST_ROW:
            yield row_id, _payload(pages, page[start:], size)


def _payload(pages: _Pages, cell: bytes, size: int) -> bytes:
    """Collect a record that may go on in a chain of overflow pages."""
    usable = pages.page_bytes
    if size <= usable - 35:
        return cell[:size]
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    local = local if local <= usable - 35 else least
    found, number = cell[:local], int.from_bytes(cell[local : local + 4], "big")
    while len(found) < size and 0 < number <= pages.count:
        page = pages[number]
        found += page[4:usable]
        number = int.from_bytes(page[:4], "big")
    return found[:size]


def _decode(record: bytes) -> tuple[Value, ...] | None:
    """Decode SQLite's record format; None when it is none."""
    header_size, position = _varint(record, 0)
    values: list[Value] = []
    start = header_size
    while position < min(header_size, len(record)):
        kind, position = _varint(record, position)
        size = _size(kind)
        content = record[start : start + size]
        if len(content) < size:
            return None
        values.append(_value(kind, content))
        start += size
    return tuple(values)


def _size(kind: int) -> int:
    if kind >= _FIRST_STRING:
        return (kind - _FIRST_STRING) // 2
    return 8 if kind == _REAL else (*_INTEGER_BYTES, 8, 0, 0, 0, 0)[kind]


def _value(kind: int, content: bytes) -> Value:
    if kind >= _FIRST_STRING:
        return content.decode("utf-8", "replace") if kind % 2 else content
    if kind in {_ZERO, _ONE}:
        return kind - _ZERO
    if kind == _REAL:
        return float(struct.unpack(">d", content)[0])
    return int.from_bytes(content, "big", signed=True) if content else None


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Read SQLite's number of 1 to 9 bytes; return it and the position after it."""
    value = 0
    for _ in range(8):
        if position >= len(content):
            return 0, position
        byte = content[position]
        position += 1
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, position
    last = content[position] if position < len(content) else 0
    return (value << 8) | last, position + 1
