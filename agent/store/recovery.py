"""Recovery at the start: set damaged files aside, rebuild a database from what they still hold.

The steps can be cut off anywhere. Until the rebuilt database has its name `.rebuilt` the damaged
files are untouched; from then on the next start completes the exchange.
"""

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from agent.core.records import dataclass
from agent.store.carve import carve
from agent.store.connection import PAGE_BYTES, TABLES, Damage, Finding, open_file
from agent.store.cursor import instance_of
from agent.store.files import StoreFiles, create_private, log_of, sync_directory
from agent.store.migrate import migrate
from agent.store.outbox_table import COLUMN_COUNT, insert_carved, note_gap
from agent.store.salvage import UNREADABLE, TableSalvage, salvage_table

_LOGGER = logging.getLogger(__name__)
_KEPT_SETS = 3
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_INTERIOR_PAGE = 5
# Where the sequence of ids was unreadable, rows that were lost may have had higher ones.
_LOST_IDS = 1_000_000


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What the start found and saved; worth a security event and a look at the storage."""

    damage: Damage
    detail: str
    set_aside: tuple[Path, ...]
    """Where the damaged files are now."""
    tables: tuple[TableSalvage, ...]

    @property
    def is_complete(self) -> bool:
        """True when nothing seems to be missing."""
        return bool(self.tables) and all(table.is_complete for table in self.tables)

    @property
    def rows(self) -> int:
        """Rows that were saved."""
        return sum(table.rows for table in self.tables)


def recover(
    files: StoreFiles,
    finding: Finding,
    *,
    limit_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> RecoveryReport:
    """Rebuild the database within about `limit_s`; it is in place afterwards.

    OSError or sqlite3.Error when the storage cannot hold a new one: nothing has changed then.
    """
    _LOGGER.error("%s: %s (%s): recovering", files.database, finding.damage, finding.detail)
    deadline_s = clock() + limit_s
    try:
        _build_empty(files)
        tables = _fill(files, finding, deadline_s, clock)
        _sync(files.rebuilding)
    finally:
        _remove_with_log(files.source)
    files.rebuilding.rename(files.rebuilt)
    report = RecoveryReport(finding.damage, finding.detail, _exchange(files), tables)
    _LOGGER.error("%s: %d rows recovered", files.database, report.rows)
    return report


def finish_interrupted(files: StoreFiles) -> RecoveryReport | None:
    """Complete an exchange that a power cut stopped, and remove unfinished work."""
    _remove_with_log(files.source)
    _remove_with_log(files.rebuilding)
    if not files.rebuilt.exists():
        return None
    detail = "an earlier recovery was interrupted"
    return RecoveryReport(Damage.MALFORMED, detail, _exchange(files), ())


def _build_empty(files: StoreFiles) -> None:
    _remove_with_log(files.rebuilding)
    create_private(files.rebuilding)
    with _opened(files.rebuilding) as target:
        target.execute(f"PRAGMA page_size={PAGE_BYTES}")
        target.execute("PRAGMA journal_mode=MEMORY")
        migrate(target, files)


def _fill(
    files: StoreFiles, finding: Finding, deadline_s: float, clock: Callable[[], float]
) -> tuple[TableSalvage, ...]:
    """Read from one source after the other, until every table yielded something."""
    tables = {name: TableSalvage(name, 0, is_complete=False) for name in TABLES}
    sequences: list[int] = []
    with _opened(files.rebuilding) as target:
        target.execute("PRAGMA journal_mode=MEMORY")
        target.execute("BEGIN")
        for path in _sources(files, finding):
            with _opened(path, read_only=True) as source:
                # One table's damaged definition must not hide the others.
                source.execute("PRAGMA writable_schema=ON")
                for name in [table.table for table in tables.values() if not table.rows]:
                    tables[name] = salvage_table(
                        source, target, name, deadline_s=deadline_s, clock=clock
                    )
                sequences += _read_sequence(source)
            if all(table.rows or table.is_complete for table in tables.values()):
                break
        if not tables["outbox"].is_complete:
            tables["outbox"] = _carve(files, target, tables["outbox"])
        tables["counter"] = _restore_counters(target, tables)
        _keep_instance(files, target)
        _continue_ids(target, sequences)
        target.execute("COMMIT")
    return tuple(tables.values())


def _carve(files: StoreFiles, target: sqlite3.Connection, found: TableSalvage) -> TableSalvage:
    more = sum(
        insert_carved(target, row)
        for row in carve(files.database, files.log, PAGE_BYTES, COLUMN_COUNT)
    )
    return replace(found, rows=found.rows + more)


def _restore_counters(
    target: sqlite3.Connection, tables: Mapping[str, TableSalvage]
) -> TableSalvage:
    """Take over from their copies the counters that are unreadable or behind."""
    target.execute(
        "INSERT INTO counter (name, value, mirror)"
        " SELECT name, value, mirror FROM counter_copy WHERE true ON CONFLICT (name)"
        " DO UPDATE SET value = max(value, excluded.value), mirror = min(mirror, excluded.mirror)"
    )
    rows = int(target.execute("SELECT count(*) FROM counter").fetchone()[0])
    is_complete = tables["counter"].is_complete or tables["counter_copy"].is_complete
    return TableSalvage("counter", rows, is_complete=is_complete)


def _keep_instance(files: StoreFiles, target: sqlite3.Connection) -> None:
    """Take the database's lost name from the cursor beside it: what is acknowledged stays so."""
    instance_id = instance_of(files.cursor)
    if instance_id is not None:
        target.execute("INSERT OR IGNORE INTO meta VALUES ('instance_id', ?)", (instance_id.hex(),))


def _read_sequence(source: sqlite3.Connection) -> list[int]:
    """Return the last id that the queue used, if that can be read."""
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"
    try:
        return [int(seq) for (seq,) in source.execute(query).fetchall()]
    except (*UNREADABLE, ValueError, TypeError):
        return []


def _continue_ids(target: sqlite3.Connection, sequences: list[int]) -> None:
    """Ids must not repeat, and those between the saved rows are not all in use."""
    highest = int(target.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0])
    sequence = max(highest, *sequences) if sequences else highest + _LOST_IDS
    target.execute("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
    target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)", (sequence,))
    note_gap(target, sequence)


def _sources(files: StoreFiles, finding: Finding) -> Iterator[Path]:
    """Yield what to read from, best first; the next is for when one holds nothing readable."""
    match finding.damage:
        case Damage.FOREIGN:
            return
        case Damage.LOG_WITHOUT_DATABASE:
            if _first_page_from_log(files):
                yield files.source
            return
        case Damage.MALFORMED:
            yield files.database
        case Damage.UNRECOGNIZABLE:
            pass
    if _transplant_schema(files):
        yield files.source


def _first_page_from_log(files: StoreFiles) -> bool:
    """Give the log a database to belong to: page 1 as it stands in the log itself."""
    content = files.log.read_bytes()
    page_bytes = int.from_bytes(content[8:12], "big") or PAGE_BYTES
    step = _FRAME_HEADER_BYTES + page_bytes
    for start in range(_LOG_HEADER_BYTES, len(content) - step + 1, step):
        if int.from_bytes(content[start : start + 4], "big") == 1:
            create_private(files.source)
            files.source.write_bytes(content[start + _FRAME_HEADER_BYTES : start + step])
            shutil.copyfile(files.log, log_of(files.source))
            return True
    return False


def _transplant_schema(files: StoreFiles) -> bool:
    """Make a copy with the schema pages of an empty database: for where those are destroyed.

    The same migrations put the same tables on the same pages.
    """
    pages = files.database.stat().st_size // PAGE_BYTES
    empty = files.rebuilding.read_bytes()
    if pages < len(empty) // PAGE_BYTES:
        return False
    has_log = files.log.exists()
    first = bytearray(empty[:PAGE_BYTES])
    first[18:20] = b"\2\2" if has_log else b"\1\1"  # format: write-ahead log or not
    first[28:32] = pages.to_bytes(4, "big")
    _remove_with_log(files.source)
    create_private(files.source)
    shutil.copyfile(files.database, files.source)
    if has_log:
        shutil.copyfile(files.log, log_of(files.source))
    with files.source.open("r+b") as file:
        file.write(first)
        for number in _children_of_first_page(empty):
            start = (number - 1) * PAGE_BYTES
            file.seek(start)
            file.write(empty[start : start + PAGE_BYTES])
    return True


def _children_of_first_page(empty: bytes) -> list[int]:
    """Return the pages that hold the schema when page 1 alone is too small for it."""
    header = empty[100:112]  # of the b-tree page, after the file's header
    if header[0] != _INTERIOR_PAGE:
        return []
    count = int.from_bytes(header[3:5], "big")
    cells = [int.from_bytes(empty[at : at + 2], "big") for at in range(112, 112 + 2 * count, 2)]
    children = [int.from_bytes(empty[cell : cell + 4], "big") for cell in cells]
    return [*children, int.from_bytes(header[8:12], "big")]


def _exchange(files: StoreFiles) -> tuple[Path, ...]:
    """Set the damaged files aside and give the rebuilt database its name."""
    aside = files.set_aside(max((number for number, _ in files.all_set_aside()), default=0) + 1)
    moved = []
    for path, new in ((files.database, aside), (files.log, log_of(aside))):
        if path.is_dir() or (path.exists() and path.stat().st_size):
            path.rename(new)
            moved.append(new)
        else:
            path.unlink(missing_ok=True)
    files.shared_memory.unlink(missing_ok=True)
    files.rebuilt.rename(files.database)
    sync_directory(files.database.parent)
    _forget_oldest(files)
    return tuple(moved)


def _forget_oldest(files: StoreFiles) -> None:
    """Keep the latest evidence only: it must not fill the disk."""
    numbers = sorted({number for number, _ in files.all_set_aside()})
    for number, path in list(files.all_set_aside()):
        if number in numbers[:-_KEPT_SETS]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _remove_with_log(path: Path) -> None:
    for name in (path, log_of(path), StoreFiles(path).shared_memory):
        name.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _opened(path: Path, *, read_only: bool = False) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(open_file(path, read_only=read_only))
