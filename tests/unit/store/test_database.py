import asyncio
import contextlib
import logging
import sqlite3
import threading
from pathlib import Path

import pytest

from agent.store.database import Database, Limits
from agent.store.errors import Reason, StoreInUse, StoreUnavailable
from agent.store.files import StoreFiles
from agent.store.group import Durability
from agent.store.writer import Timing
from tests.unit.store.stores import SMALL, opened, snapshot

LATER = Durability.WITHIN_SECONDS


def insert(connection: sqlite3.Connection, key: str, text: str = "") -> str:
    connection.execute("INSERT INTO document VALUES ('k', ?, ?)", (key, text.encode()))
    return key


def keys(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT key FROM document ORDER BY rowid").fetchall()
    return [key for (key,) in rows]


def keys_on_disk(path: Path, target: Path) -> list[str]:
    """What another process would find after a kill -9 now."""
    copy = snapshot(path, target)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        return keys(connection)


async def test_commits_wait_for_the_disk(database: Database) -> None:
    def settings(connection: sqlite3.Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "page_size", "trusted_schema", "foreign_keys")
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    assert await database.write(settings) == ("wal", 2, 1024, 0, 1)


async def test_files_and_directory_are_for_their_owner_only(database: Database) -> None:
    await database.write(lambda connection: insert(connection, "a"))
    directory = database.files.database.parent
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert len(modes) >= 4
    assert set(modes.values()) == {0o600}


async def test_a_write_returns_what_the_function_returned(database: Database) -> None:
    assert await database.write(lambda connection: insert(connection, "a")) == "a"
    assert await database.read(keys) == ["a"]


async def test_a_write_before_effect_is_on_the_disk_when_it_returns(
    database: Database, tmp_path: Path
) -> None:
    await database.write(lambda connection: insert(connection, "a"))
    assert keys_on_disk(database.files.database, tmp_path / "copy") == ["a"]


async def test_writes_take_effect_in_the_order_of_the_calls(database: Database) -> None:
    names = [f"{number:03}" for number in range(300)]
    calls = [
        database.write(
            lambda connection, name=name: insert(connection, name),
            LATER if int(name) % 3 else Durability.BEFORE_EFFECT,
        )
        for name in names
    ]
    await asyncio.gather(*calls)
    await database.write(lambda connection: None)
    assert await database.read(keys) == names


async def test_writes_that_arrive_during_a_commit_share_the_next_one(database: Database) -> None:
    gate = threading.Event()
    commits = 0

    def block(_: sqlite3.Connection) -> None:
        gate.wait(5)

    def count(connection: sqlite3.Connection) -> None:
        def trace(statement: str) -> None:
            nonlocal commits
            commits += statement == "COMMIT"

        connection.set_trace_callback(trace)

    first = asyncio.ensure_future(database.write(block))
    await asyncio.sleep(0)
    tracing = asyncio.ensure_future(database.write(count))
    calls = [
        asyncio.ensure_future(database.write(lambda c, n=str(number): insert(c, n)))
        for number in range(50)
    ]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, tracing, *calls)
    assert commits == 1


async def test_what_a_function_raises_undoes_only_that_function(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        insert(connection, "half")
        raise LookupError("mine")

    results = await asyncio.gather(
        database.write(lambda connection: insert(connection, "before")),
        database.write(fail),
        database.write(lambda connection: insert(connection, "before")),  # a duplicate
        database.write(lambda connection: insert(connection, "after")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [str, LookupError, sqlite3.IntegrityError, str]
    assert await database.read(keys) == ["before", "after"]
    assert database.last_failure is None


async def test_a_function_that_ends_the_transaction_fails_alone(database: Database) -> None:
    results = await asyncio.gather(
        database.write(lambda connection: insert(connection, "a")),
        database.write(lambda connection: connection.execute("ROLLBACK") and None),
        database.write(lambda connection: insert(connection, "b")),
        return_exceptions=True,
    )
    assert isinstance(results[1], StoreUnavailable)
    assert await database.read(keys) == ["a", "b"]


async def test_class_b_waits_for_company(path: Path, tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=0, timing=Timing(delay_s=60, writes=10))
    async with opened(path, limits) as database:
        for number in range(9):
            await database.write(lambda c, n=str(number): insert(c, n), LATER)
        await database.ping()
        assert keys_on_disk(path, tmp_path / "nine") == []
        await database.write(lambda c: insert(c, "9"), LATER)
        await database.ping()
        assert len(keys_on_disk(path, tmp_path / "ten")) == 10


async def test_class_b_is_committed_with_the_next_class_a(path: Path, tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=0, timing=Timing(delay_s=60, writes=10))
    async with opened(path, limits) as database:
        await database.write(lambda c: insert(c, "b"), LATER)
        await database.write(lambda c: insert(c, "a"))
        assert keys_on_disk(path, tmp_path / "copy") == ["b", "a"]


async def test_class_b_is_committed_after_the_delay_without_any_other_write(path: Path) -> None:
    limits = Limits(reserve_bytes=0, timing=Timing(delay_s=0.02, writes=10))
    async with opened(path, limits) as database:
        settled: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        await database.write(lambda c: insert(c, "b"), LATER, settled.set_result)
        assert not settled.done()
        assert await asyncio.wait_for(settled, 5) is None
        assert await database.read(keys) == ["b"]


async def test_the_fact_is_known_before_the_awaiter_goes_on(database: Database) -> None:
    seen: list[str] = []

    async def write() -> None:
        await database.write(lambda c: insert(c, "a"), settled=lambda _: seen.append("settled"))
        seen.append("returned")

    await write()
    assert seen == ["settled", "returned"]


async def test_a_cancelled_awaiter_does_not_cancel_the_write(database: Database) -> None:
    task = asyncio.ensure_future(database.write(lambda c: insert(c, "a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(lambda c: None)
    assert await database.read(keys) == ["a"]


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await database.read(lambda connection: insert(connection, "a"))
    assert caught.value.reason is Reason.READ_ONLY
    assert await database.read(keys) == []


async def test_a_mistake_in_a_read_is_the_readers_own(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.read(lambda connection: connection.execute("SELECT * FROM absent"))


async def test_closing_writes_out_what_was_submitted(path: Path) -> None:
    limits = Limits(reserve_bytes=0, timing=Timing(delay_s=60, writes=1000))
    database = await Database.open(path, limits)
    task = asyncio.ensure_future(database.write(lambda c: insert(c, "a")))
    database.post(lambda c: insert(c, "b"), lambda _: None)
    await asyncio.sleep(0)
    await database.close()
    assert await task == "a"
    async with opened(path) as database:
        assert sorted(await database.read(keys)) == ["a", "b"]


async def test_a_closed_store_says_so(path: Path) -> None:
    database = await Database.open(path, SMALL)
    await database.close()
    await database.close()
    for use in (database.write(keys), database.read(keys), database.ping()):
        with pytest.raises(StoreUnavailable, match="is closed") as caught:
            await use
        assert caught.value.reason is Reason.CLOSED


async def test_two_daemons_on_one_directory_are_refused(path: Path) -> None:
    async with opened(path):
        with pytest.raises(StoreInUse, match="stop it first"):
            await Database.open(path, SMALL)
    async with opened(path) as database:
        assert database.recovery is None


async def test_ping_waits_for_the_writer_and_needs_no_disk(database: Database) -> None:
    gate = threading.Event()
    stuck = asyncio.ensure_future(database.write(lambda _: gate.wait(5)))
    await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await database.ping()
    gate.set()
    await stuck
    await database.ping()


async def test_a_crash_of_the_writer_leaves_nobody_waiting(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_: object) -> None:
        raise RuntimeError("bug")

    group = "agent.store.group.GroupCommit.commit"
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(group, crash)
        with pytest.raises(StoreUnavailable):
            await database.write(lambda c: insert(c, "a"))
    assert "the store's writer ended" in caplog.text
    with pytest.raises(StoreUnavailable):
        await database.ping()


async def test_a_full_database_gives_its_reserve_to_class_a_only(path: Path) -> None:
    async with opened(path) as database:
        await database.write(lambda c: c.execute("PRAGMA max_page_count=60") and None)
        page = "x" * 900
        results = await asyncio.gather(
            *(database.write(lambda c, n=str(n): insert(c, n, page), LATER) for n in range(100)),
            return_exceptions=True,
        )
        assert {getattr(result, "reason", None) for result in results} == {None, Reason.FULL}
        assert database.last_failure is not None
        assert database.lost_writes > 0
        assert StoreFiles(path).reserve.exists()
        await database.write(lambda c: insert(c, "important", page))
        assert not StoreFiles(path).reserve.exists()
        assert database.last_failure is None
        assert "important" in await database.read(keys)


async def test_a_full_database_refuses_with_a_typed_error_and_deleting_helps(path: Path) -> None:
    limits = Limits(max_bytes=60 * 1024, reserve_bytes=20 * 1024, timing=SMALL.timing)
    page = "x" * 900
    async with opened(path, limits) as database:
        results = await asyncio.gather(
            *(database.write(lambda c, n=str(n): insert(c, n, page)) for n in range(100)),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, StoreUnavailable)]
        assert {failure.reason for failure in failures} == {Reason.FULL}
        assert "free space" in str(failures[0])
        assert len(await database.read(keys)) == 100 - len(failures) > 20
        await database.write(lambda c: c.execute("DELETE FROM document WHERE rowid < 10") and None)
        await database.write(lambda c: insert(c, "again", page))
        assert (await database.read(keys))[-1] == "again"


async def test_a_storage_that_turns_read_only_is_a_typed_error(database: Database) -> None:
    await database.write(lambda c: c.execute("PRAGMA query_only=ON") and None)
    with pytest.raises(StoreUnavailable, match="writable") as caught:
        await database.write(lambda c: insert(c, "a"))
    assert caught.value.reason is Reason.READ_ONLY
    assert database.last_failure is caught.value
    assert await database.read(keys) == []


async def test_another_program_that_holds_the_database_fails_all_writes_at_once(
    database: Database,
) -> None:
    await database.write(lambda c: c.execute("PRAGMA busy_timeout=30") and None)
    other = sqlite3.connect(database.files.database, isolation_level=None)
    with contextlib.closing(other):
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *(database.write(lambda c, n=str(n): insert(c, n)) for n in range(50)),
            return_exceptions=True,
        )
        assert {getattr(result, "reason", None) for result in results} == {Reason.BUSY}
        other.execute("ROLLBACK")
    await database.write(lambda c: insert(c, "free"))


async def test_a_refusing_disk_allows_to_go_on_with_a_copy_in_ram(
    path: Path, tmp_path: Path
) -> None:
    async with opened(path) as database:
        await database.write(lambda c: insert(c, "kept"))
        copy_directory = tmp_path / "ram"
        copy = await Database.open_copy(path, copy_directory, SMALL)
        assert await copy.read(keys) == ["kept"]
        await copy.write(lambda c: insert(c, "new"))
        await copy.close()
        copy = await Database.open_copy(path, copy_directory, SMALL)
        assert await copy.read(keys) == ["kept", "new"]
        await copy.close()
        assert await database.read(keys) == ["kept"]


async def test_a_copy_of_nothing_starts_empty(tmp_path: Path) -> None:
    copy = await Database.open_copy(tmp_path / "none" / "stationd.db", tmp_path / "ram", SMALL)
    assert await copy.read(keys) == []
    await copy.close()


async def test_the_instance_id_stays_with_the_database(path: Path, tmp_path: Path) -> None:
    async with opened(path) as database:
        first = database.instance_id
    async with opened(path) as database:
        assert database.instance_id == first
        assert len(first) == 16
    async with opened(tmp_path / "other" / "stationd.db") as database:
        assert database.instance_id != first
