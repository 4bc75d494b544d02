import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.connection import TABLES
from agent.store.counters import Counters
from agent.store.database import Database
from agent.store.errors import SchemaTooNew
from agent.store.files import StoreFiles
from agent.store.migrate import (
    Migration,
    apply,
    migrate,
    migrations,
    schema_version,
    usable_from,
)
from agent.store.sessions import Sessions, TransactionNumbers
from agent.store.settings import Documents
from tests.unit.store.stores import SMALL, content, entry, opened, queue

VERSION1 = Path(__file__).with_name("version1.sql").read_text("utf-8")


@pytest.fixture
def memory() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def make_version1(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION1)


def test_all_steps_make_all_tables(memory: sqlite3.Connection, path: Path) -> None:
    migrate(memory, StoreFiles(path))
    names = {name for (name,) in memory.execute("SELECT name FROM sqlite_schema")}
    assert set(TABLES) <= names
    assert schema_version(memory) == len(migrations())


def test_a_step_that_fails_leaves_nothing_behind(memory: sqlite3.Connection) -> None:
    step = Migration(1, "0001_bad.sql", "CREATE TABLE a (x); CREATE TABLE a (x);")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        apply(memory, step)
    assert memory.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert schema_version(memory) == 0
    assert not memory.in_transaction


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0003_c.sql"):
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match="without a gap"):
        migrations(tmp_path)


async def test_an_old_database_is_brought_up_to_date_with_everything_in_it(path: Path) -> None:
    make_version1(path)
    async with opened(path) as database, queue(database) as outbox:
        head = outbox.head()
        assert head is not None
        assert (head.id, head.entry.body, head.stamp.utc_ms) == (41, b"an old body", None)
        assert (head.entry.must_keep, head.schema, len(outbox)) == (True, 1, 2)
        assert await Sessions(database).load_all() == {1: b"an old body"}
        numbers = await TransactionNumbers.open(database, "wss://csms.example/")
        assert numbers.number_of("tx-4") == 4711
        documents = await Documents.open(database)
        assert documents.get("variable", "OCPPCommCtrlr.HeartbeatInterval") == "600"
        assert await Counters(database).next("pagination") == 18
        assert await outbox.append([entry(1)]) == (43,)
        assert await outbox.dropped() == ()
        assert database.recovery is None
    async with opened(path) as database:
        assert database.recovery is None


async def test_the_old_form_is_kept_for_a_fall_back(path: Path) -> None:
    make_version1(path)
    async with opened(path):
        pass
    copy = StoreFiles(path).before_migration(1)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert schema_version(connection) == 1
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
    assert copy.stat().st_mode & 0o777 == 0o600


async def test_a_copy_that_cannot_be_kept_does_not_stop_the_start(path: Path) -> None:
    make_version1(path)
    StoreFiles(path).before_migration(1).mkdir()
    async with opened(path) as database, queue(database) as outbox:
        assert len(outbox) == 2


async def test_a_newer_schema_is_refused_with_file_and_remedy(path: Path) -> None:
    async with opened(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE reservation (id INTEGER PRIMARY KEY) STRICT")
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    before = content(path)
    with pytest.raises(SchemaTooNew, match=r"has schema 99, .* install the newer") as caught:
        await Database.open(path, SMALL)
    assert str(path) in str(caught.value)
    assert content(path) == before


def newer(path: Path, usable_from: str) -> None:
    """Do what the next version's migration would do."""
    step = Migration(
        len(migrations()) + 1,
        "next.sql",
        f"{usable_from}CREATE TABLE forecast (id INTEGER PRIMARY KEY, at TEXT) STRICT",
    )
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        apply(connection, step)


async def test_a_newer_schema_that_says_so_is_used_after_a_fall_back_and_nothing_is_lost(
    path: Path,
) -> None:
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(1)])
    newer(path, f"-- usable from schema {len(migrations())} on\n")
    async with opened(path) as database, queue(database) as outbox:
        assert database.recovery is None
        await outbox.append([entry(2)])
        assert len(outbox) == 2
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert schema_version(connection) == len(migrations()) + 1
        assert connection.execute("SELECT count(*) FROM forecast").fetchone() == (0,)


async def test_a_newer_schema_that_says_nothing_of_older_software_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    newer(path, "")
    with pytest.raises(SchemaTooNew):
        await Database.open(path, SMALL)


def test_of_several_steps_the_strictest_counts() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        first = Migration(1, "1", "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        apply(connection, first)
        apply(connection, Migration(2, "2", "CREATE TABLE b (id)"))
        apply(connection, Migration(3, "3", "-- usable from schema 1 on\nCREATE TABLE c (id)"))
        assert usable_from(connection) == 2


def test_every_migration_from_here_on_lets_the_version_before_it_work() -> None:
    """The slot that an update falls back to must start on what the new version left behind."""
    for step in migrations()[5:]:
        assert step.usable_from < step.version, step.name


async def test_a_version_number_that_the_tables_contradict_is_damage(path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(1)])
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    async with opened(path) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert database.recovery.is_complete
        assert len(outbox) == 1
