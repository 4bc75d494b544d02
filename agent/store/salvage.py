"""Read what can be read of a damaged table, row by row, into a sound one."""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator

from agent.core.records import dataclass
from agent.store.body import DamagedBodyError, unpack

_SOME_ROW = 1 << 32
_MOST_FAILURES = 20_000
# Ever smaller ranges are tried all over the table: one that yields nothing by then holds nothing.
_MOST_FAILURES_WITHOUT_A_ROW = 2_000
_PACKED_COLUMN = "body"

# SQLite's messages quote what is damaged, and that need not be text.
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class TableSalvage:
    """How much of one table was read."""

    table: str
    rows: int
    is_complete: bool
    """False when rows were unreadable, or may have been."""


def salvage_table(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    table: str,
    *,
    deadline_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> TableSalvage:
    """Copy every readable row of `table` that the target's constraints accept.

    Rows keep their ids. Stops at `deadline_s`. Raises only for faults of `target`.
    """
    columns = _common_columns(source, target, table)
    if not columns:
        return TableSalvage(table, 0, is_complete=False)
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    # The names come from the target's own schema.
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
    select = f"SELECT rowid, {names} FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ?"  # noqa: S608
    reader = _RangeReader(source, f"{select} ORDER BY rowid", lambda: clock() > deadline_s)
    packed = columns.index(_PACKED_COLUMN) if _PACKED_COLUMN in columns else None
    kept = refused = 0
    for row in reader.rows(*_bounds(source, table)):
        is_kept = _is_sound(row[1:], packed) and _insert(target, insert, row[1:])
        kept, refused = kept + is_kept, refused + (not is_kept)
    return TableSalvage(table, kept, is_complete=not refused and reader.is_complete)


class _RangeReader:
    """Reads a range of row ids, halving it around what fails.

    Largest ranges come first, so that a limited effort reads as much as it can.
    """

    def __init__(self, source: sqlite3.Connection, query: str, is_late: Callable[[], bool]) -> None:
        self._source = source
        self._query = query
        self._is_late = is_late
        self.is_complete = True

    def rows(self, low: int, high: int) -> Iterator[Row]:
        ranges = deque([(low, high)])
        failures, most_failures = 0, _MOST_FAILURES_WITHOUT_A_ROW
        while ranges:
            if self._is_late() or failures > most_failures:
                self.is_complete = False
                return
            low, high = ranges.popleft()
            try:
                for row in self._source.execute(self._query, (low, high)):
                    low, most_failures = int(row[0]) + 1, _MOST_FAILURES
                    yield row
            except UNREADABLE:
                failures += 1
                self.is_complete = False
                ranges.extend(_halves(low, high))


def _halves(low: int, high: int) -> list[tuple[int, int]]:
    if low >= high:
        return []
    middle = (low + high) // 2
    return [(low, middle), (middle + 1, high)]


def _common_columns(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str
) -> list[str]:
    wanted = _columns(target, table)
    try:
        found = set(_columns(source, table))
    except UNREADABLE:
        return []
    return [column for column in wanted if column in found]


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [
        str(name)
        for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    ]


def _bounds(source: sqlite3.Connection, table: str) -> tuple[int, int]:
    """Return the first and last row id; a generous guess where the ends are damaged."""
    ends = []
    for function, guess in (("min", 0), ("max", _SOME_ROW)):
        query = f"SELECT {function}(rowid) FROM {table} NOT INDEXED"  # noqa: S608 - our own table
        try:
            (end,) = source.execute(query).fetchone()
        except UNREADABLE:
            end = guess
        ends.append(0 if end is None else int(end))
    return ends[0], ends[1]


def _is_sound(values: Row, packed: int | None) -> bool:
    if packed is None:
        return True
    body = values[packed]
    if not isinstance(body, bytes):
        return False
    try:
        unpack(body)
    except DamagedBodyError:
        return False
    return True


def _insert(target: sqlite3.Connection, statement: str, values: Row) -> bool:
    try:
        return target.execute(statement, values).rowcount == 1
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError):
        # A damaged value of the wrong type.
        return False
