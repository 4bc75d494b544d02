"""One SQLite connection set up for durability, and the check whether a file is sound."""

import sqlite3
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from agent.core.records import dataclass
from agent.store.errors import Reason, StoreUnavailable, from_sqlite_error
from agent.store.files import StoreFiles, create_private, sync_directory
from agent.store.migrate import refuse_newer, schema_damage

# Small pages: an event, its session and the id counter dirty three pages, and every commit
# writes each dirty page whole. 1024 bytes more than halve the wear compared with 4096.
PAGE_BYTES = 1024
APPLICATION_ID = 1937007732
TABLES = (
    "meta",
    "counter_copy",
    "counter",
    "session",
    "csms_transaction",
    "document",
    "dropped",
    "security_log",
    "local_list",
    "local_list_version",
    "learnt_card",
    "authorization_cache",
    "outbox",
)

_BUSY_TIMEOUT_S = 5.0
_LOG_BYTES = 4 * 1024 * 1024
_CHECKPOINT_BYTES = 1024 * 1024
_PROGRESS_STEPS = 10_000
_SYNCHRONOUS_FULL = 2

_SETTINGS = (
    f"PRAGMA page_size={PAGE_BYTES}",  # only a new file takes it
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA mmap_size=0",
    # Some builds overwrite what is deleted; acknowledging would write as much as storing.
    "PRAGMA secure_delete=OFF",
    f"PRAGMA wal_autocheckpoint={_CHECKPOINT_BYTES // PAGE_BYTES}",
    # Growing a log costs twice the writes of reusing one, so it is not cut back.
    f"PRAGMA journal_size_limit={_LOG_BYTES}",
)


class Damage(StrEnum):
    """What is wrong with the files found at the start."""

    FOREIGN = "something else in the database's place"
    UNRECOGNIZABLE = "no database, or its first page is destroyed"
    MALFORMED = "malformed"
    LOG_WITHOUT_DATABASE = "a write-ahead log without its database"


@dataclass(frozen=True, slots=True)
class Finding:
    """The damage and SQLite's words for it."""

    damage: Damage
    detail: str


def connect_writer(files: StoreFiles) -> sqlite3.Connection:
    """Open (or create, mode 0600) the database: write-ahead log, every commit on the disk.

    StoreUnavailable when the storage refuses either of them.
    """
    path = files.database
    is_new = not path.exists()
    create_private(path)
    connection = open_file(path)
    connection.text_factory = _decode
    try:
        for setting in _SETTINGS:
            connection.execute(setting)
        _require_durability(connection, path)
        if is_new:
            sync_directory(path.parent)
    except BaseException as error:
        connection.close()
        raise from_sqlite_error(error, path) or error from error
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a second connection that cannot write; it is used from one thread at a time."""
    connection = open_file(path, any_thread=True)
    connection.text_factory = _decode
    for setting in (*_SETTINGS, "PRAGMA query_only=ON"):
        connection.execute(setting)
    return connection


def open_file(
    path: Path, *, read_only: bool = False, any_thread: bool = False
) -> sqlite3.Connection:
    """Open without settings; transactions are always explicit."""
    return sqlite3.connect(
        path.absolute().as_uri() + ("?mode=ro" if read_only else "?mode=rw"),
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=not any_thread,
    )


def find_damage(
    files: StoreFiles, *, limit_s: float, clock: Callable[[], float] = time.monotonic
) -> Finding | None:
    """Say what is wrong with the files; None when they are sound or absent.

    The check stops after `limit_s`; a file is sound then as far as it was read.
    SchemaTooNew when only the software is wrong. StoreUnavailable when the disk is.
    """
    path = files.database
    if path.is_dir():
        return Finding(Damage.FOREIGN, "it is a directory")
    if not path.exists() or path.stat().st_size == 0:
        return _check_absent(files)
    # A connection that may write would merge the log into the file it is to judge.
    connection = open_file(path, read_only=True)
    connection.text_factory = _decode
    try:
        deadline_s = clock() + limit_s
        connection.set_progress_handler(lambda: int(clock() > deadline_s), _PROGRESS_STEPS)
        return _check(connection, files)
    except sqlite3.DatabaseError as error:
        return _judge(error, path)
    except UnicodeDecodeError as error:
        # SQLite's message quotes the damaged schema.
        return Finding(Damage.MALFORMED, str(error))
    finally:
        connection.close()


def _decode(text: bytes) -> str:
    """Decode any bytes: a damaged name must not make the other rows of its table unreadable."""
    return text.decode("utf-8", "replace")


def _check_absent(files: StoreFiles) -> Finding | None:
    # SQLite would delete such a log unread.
    if files.log.exists() and files.log.stat().st_size > 0:
        return Finding(Damage.LOG_WITHOUT_DATABASE, f"{files.log.stat().st_size} bytes")
    return None


def _check(connection: sqlite3.Connection, files: StoreFiles) -> Finding | None:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if names and application != APPLICATION_ID:
        return Finding(Damage.FOREIGN, f"application id {application}")
    altered = schema_damage(connection)
    if altered is not None:
        return Finding(Damage.MALFORMED, altered)
    refuse_newer(connection, files)
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        return Finding(Damage.MALFORMED, verdict)
    return _check_counters(connection) if "counter" in names else None


def _check_counters(connection: sqlite3.Connection) -> Finding | None:
    # The check above skips constraints on a connection that cannot write.
    query = "SELECT count(*) FROM counter WHERE mirror <> -value"
    altered = int(connection.execute(query).fetchone()[0])
    return Finding(Damage.MALFORMED, f"{altered} counters changed") if altered else None


def _judge(error: sqlite3.DatabaseError, path: Path) -> Finding | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return None
    if code == sqlite3.SQLITE_NOTADB:
        return Finding(Damage.UNRECOGNIZABLE, str(error))
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}:
        return Finding(Damage.MALFORMED, str(error))
    raise from_sqlite_error(error, path) or error


def _require_durability(connection: sqlite3.Connection, path: Path) -> None:
    journal = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous=FULL")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if journal != "wal" or synchronous != _SYNCHRONOUS_FULL:
        raise StoreUnavailable(
            Reason.INPUT_OUTPUT,
            f"{path}: no durable commits here (journal {journal}, synchronous {synchronous}):"
            " put state_dir on a local file system",
        )
