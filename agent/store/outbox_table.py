"""The outbox as rows: what an entry is, and the statements that store, read and give up rows."""

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import replace

from agent.core.records import dataclass
from agent.store.body import DamagedBodyError, pack, unpack
from agent.store.thinning import every_other

_LONGEST_REASON = 500
_THIN_SPAN = 4000
_GAP_END = "outbox_gap_end"
_COLUMNS = (
    "id, kind, body, transaction_id, seq_no, must_keep, boot_id, monotonic_s, utc_ms, schema,"
    " checksum"
)
COLUMN_COUNT = 11
_MONOTONIC = 7
_INSERT = f"INSERT INTO outbox ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - constants
_INSERT_MISSING = _INSERT.replace("INSERT", "INSERT OR IGNORE")
_LOAD = f"SELECT {_COLUMNS} FROM outbox WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"  # noqa: S608 - constants

_Values = tuple[int, str, bytes, str | None, int | None, int, str, float, int | None, int]
"""The columns without the checksum."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One domain event to deliver; the body is opaque here."""

    kind: str
    body: bytes
    transaction_id: str | None
    seq_no: int | None
    must_keep: bool
    """False for what may be given up when the queue overflows (periodic values)."""
    stamp: "Stamp | None" = None
    """When it happened, if it is stored later than that."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something happened, as far as the station knew the time."""

    boot_id: str
    monotonic_s: float
    utc_ms: int | None
    """None while the clock is not set; `boot_id` and `monotonic_s` allow to correct it later."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored entry."""

    id: int
    """Grows with every entry and never repeats in this database."""
    entry: Entry
    stamp: Stamp
    schema: int
    """Which form of the body the writer used."""
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was given up of one kind."""

    kind: str
    rows: int
    last_reason: str
    last_row_id: int
    last_transaction_id: str | None


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the queue ends in the table, and how long it is."""

    last_id: int
    """Highest id ever used."""
    last_stored_id: int
    length: int
    stored_bytes: int
    """Upper bound."""


@dataclass(frozen=True, slots=True)
class Span:
    """Ids after one and up to another."""

    after_id: int
    through_id: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows read for delivery, and the ids whose bodies are destroyed."""

    rows: tuple[Row, ...]
    damaged_ids: tuple[int, ...]
    through_id: int
    """Everything up to this id was looked at."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """What one thinning gave up; the next one continues after `through_id`."""

    rows: int
    stored_bytes: int
    through_id: int


def insert(
    connection: sqlite3.Connection, rows: Sequence[tuple[int, Entry]], stamp: Stamp, schema: int
) -> tuple[Row, ...]:
    """Store entries under ids that follow the last one; return them as rows."""
    if not rows:
        return ()
    first_id = rows[0][0]
    if first_id > last_used_id(connection) + 1:
        note_gap(connection, first_id - 1)
    stored: list[Row] = []
    for row_id, entry in rows:
        row = Row(row_id, entry, entry.stamp or stamp, schema, 0)
        values = _values(row)
        connection.execute(_INSERT, (*values, _checksum(values)))
        stored.append(replace(row, stored_bytes=len(values[2])))
    return tuple(stored)


def load(connection: sqlite3.Connection, span: Span, limit: int) -> Loaded:
    """Read up to `limit` rows of `span` in order of their ids."""
    found = connection.execute(_LOAD, (span.after_id, span.through_id, limit)).fetchall()
    rows: list[Row] = []
    damaged: list[int] = []
    for values in found:
        try:
            rows.append(_row(values[:-1], values[-1]))
        except DamagedBodyError:
            damaged.append(values[0])
    seen_id = span.through_id if len(found) < limit else found[-1][0]
    return Loaded(tuple(rows), tuple(damaged), seen_id)


def measure(connection: sqlite3.Connection, acknowledged_id: int) -> Extent:
    """Find the queue's end and length without reading it.

    Ids run without a gap, except up to the noted end of gaps: only there rows are counted.
    """
    last_id = max(last_used_id(connection), acknowledged_id)
    first, last = connection.execute("SELECT min(id), max(id) FROM outbox").fetchone()
    if last is None or last <= acknowledged_id:
        return Extent(last_id, acknowledged_id, 0, 0)
    base = max(acknowledged_id, first - 1)
    gap_end = max(base, min(gap_end_id(connection), last))
    counted = "SELECT count(*) FROM outbox WHERE id > ? AND id <= ?"
    in_gaps = int(connection.execute(counted, (base, gap_end)).fetchone()[0])
    return Extent(last_id, last, in_gaps + last - gap_end, _used_bytes(connection))


def holds(
    connection: sqlite3.Connection, after_id: int, kind: str, transaction_id: str | None
) -> bool:
    """Tell whether a row of this kind, and of this transaction if one is given, is after an id."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM outbox WHERE id > ? AND kind = ?"
        " AND (?3 IS NULL OR transaction_id = ?3))"
    )
    found = connection.execute(query, (after_id, kind, transaction_id)).fetchone()
    return bool(found[0])


def insert_carved(connection: sqlite3.Connection, found: tuple[object, ...]) -> bool:
    """Store a row that was found in raw pages; False unless it is genuine and missing."""
    *values, checksum = found
    monotonic_s = values[_MONOTONIC]
    if isinstance(monotonic_s, int):
        values[_MONOTONIC] = float(monotonic_s)  # SQLite stores 2.0 as the integer 2
    if checksum != zlib.crc32(repr(tuple(values)).encode()):
        return False
    return connection.execute(_INSERT_MISSING, found).rowcount == 1


def last_used_id(connection: sqlite3.Connection) -> int:
    """Return the highest id that was ever committed."""
    query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox'"
    return int(connection.execute(query).fetchone()[0])


def delete_through(connection: sqlite3.Connection, row_id: int) -> None:
    """Forget acknowledged rows."""
    connection.execute("DELETE FROM outbox WHERE id <= ?", (row_id,))


def gap_end_id(connection: sqlite3.Connection) -> int:
    """Return the id after which no row was given up."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_GAP_END,)).fetchone()
    return int(found[0]) if found else 0


def note_gap(connection: sqlite3.Connection, row_id: int) -> None:
    """Note that ids up to `row_id` may be missing."""
    if row_id > gap_end_id(connection):
        connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_GAP_END, str(row_id))
        )


def give_up(connection: sqlite3.Connection, row_id: int, reason: str) -> None:
    """Delete one row for good and journal why."""
    query = "DELETE FROM outbox WHERE id = ? RETURNING kind, transaction_id"
    found = connection.execute(query, (row_id,)).fetchall()
    for kind, transaction_id in found:
        _journal(connection, Dropped(kind, 1, reason, row_id, transaction_id))
    note_gap(connection, row_id)


def thin(connection: sqlite3.Connection, span: Span, reason: str) -> Thinned:
    """Give up every second optional row of each transaction at the start of `span`."""
    through_id = min(span.through_id, span.after_id + _THIN_SPAN)
    query = (
        "SELECT id, kind, length(body), transaction_id, coalesce(seq_no, id) FROM outbox"
        " WHERE id > ? AND id <= ? AND must_keep = 0 ORDER BY id"
    )
    found = connection.execute(query, (span.after_id, through_id)).fetchall()
    doomed = every_other(found, lambda row: (row[1], row[3]), lambda row: int(row[4]))
    connection.executemany("DELETE FROM outbox WHERE id = ?", [(row[0],) for row in doomed])
    for dropped in _by_kind(doomed, reason):
        _journal(connection, dropped)
    if doomed:
        note_gap(connection, max(row[0] for row in doomed))
    return Thinned(len(doomed), sum(row[2] for row in doomed), through_id)


def read_dropped(connection: sqlite3.Connection) -> tuple[Dropped, ...]:
    """Return everything given up so far, by kind."""
    columns = "kind, rows, last_reason, last_row_id, last_transaction_id"
    rows = connection.execute(f"SELECT {columns} FROM dropped ORDER BY kind")  # noqa: S608 - constant
    return tuple(Dropped(*values) for values in rows)


def _used_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of everything stored; summing up the bodies would read all of them."""
    pages, free, page_bytes = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page_bytes


def _by_kind(doomed: Sequence[tuple[int, str, int, str | None, int]], reason: str) -> list[Dropped]:
    found: dict[str, Dropped] = {}
    for row_id, kind, _, transaction_id, _ in doomed:
        rows = found[kind].rows if kind in found else 0
        found[kind] = Dropped(kind, rows + 1, reason, row_id, transaction_id)
    return list(found.values())


def _journal(connection: sqlite3.Connection, dropped: Dropped) -> None:
    connection.execute(
        "INSERT INTO dropped (kind, rows, last_reason, last_row_id, last_transaction_id)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind) DO UPDATE SET"
        " rows = rows + excluded.rows, last_reason = excluded.last_reason,"
        " last_row_id = excluded.last_row_id, last_transaction_id = excluded.last_transaction_id",
        (
            dropped.kind,
            dropped.rows,
            dropped.last_reason[:_LONGEST_REASON],
            dropped.last_row_id,
            dropped.last_transaction_id,
        ),
    )


def _values(row: Row) -> _Values:
    entry, stamp = row.entry, row.stamp
    return (
        row.id,
        entry.kind,
        pack(entry.body),
        entry.transaction_id,
        entry.seq_no,
        int(entry.must_keep),
        stamp.boot_id,
        float(stamp.monotonic_s),
        stamp.utc_ms,
        row.schema,
    )


def _row(values: _Values, checksum: int) -> Row:
    if checksum != _checksum(values):
        raise DamagedBodyError("the row's checksum is wrong")
    row_id, kind, body, transaction_id, seq_no, must_keep = values[:6]
    boot_id, monotonic_s, utc_ms, schema = values[6:]
    entry = Entry(kind, unpack(body), transaction_id, seq_no, bool(must_keep))
    return Row(row_id, entry, Stamp(boot_id, monotonic_s, utc_ms), schema, len(body))


def _checksum(values: _Values) -> int:
    """Cover the whole row: energy told for another transaction would be billed to another."""
    return zlib.crc32(repr(values).encode())
