import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.store.errors import NotTheHead, Reason, StoreUnavailable
from agent.store.files import StoreFiles
from agent.store.group import Durability
from agent.store.outbox import Dropped, Entry, Outbox, OutboxLimits, Row
from agent.store.sessions import Sessions
from tests.unit.store.stores import STAMP, entry, opened, queue, snapshot

LATER = Durability.WITHIN_SECONDS


async def drain(outbox: Outbox) -> list[int]:
    """Acknowledge everything; return the ids as they came."""
    found = []
    while len(outbox):
        await asyncio.wait_for(outbox.wait_not_empty(), 5)
        head = outbox.head()
        assert head is not None
        found.append(head.id)
        outbox.acknowledge(head.id)
    return found


async def drained(outbox: Outbox) -> AsyncIterator[Row]:
    """Acknowledge everything; yield the rows as they come."""
    while len(outbox):
        await asyncio.wait_for(outbox.wait_not_empty(), 5)
        head = outbox.head()
        assert head is not None
        yield head
        outbox.acknowledge(head.id)


def stored_ids(connection: sqlite3.Connection) -> list[int]:
    return [row_id for (row_id,) in connection.execute("SELECT id FROM outbox ORDER BY id")]


async def test_a_row_comes_back_as_it_was_appended(outbox: Outbox) -> None:
    (row_id,) = await outbox.append([Entry("Security", b"\0\xff", None, None, must_keep=False)])
    head = outbox.head()
    assert head is not None
    assert (head.id, head.stamp, head.schema) == (row_id, STAMP, 3)
    assert head.entry == Entry("Security", b"\0\xff", None, None, must_keep=False)


@pytest.mark.requirement("E04.FR.01", "E12.FR.01")
async def test_rows_survive_a_restart_in_their_order(path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        ids = await outbox.append([entry(number) for number in range(5)])
    async with opened(path) as database, queue(database) as outbox:
        head = outbox.head()
        assert head is not None
        assert head.entry == entry(0)
        assert len(outbox) == 5
        assert await drain(outbox) == list(ids)


async def test_the_head_is_told_only_after_its_commit(outbox: Outbox) -> None:
    append = asyncio.ensure_future(outbox.append([entry(1)]))
    await asyncio.sleep(0)
    assert outbox.head() is None
    assert len(outbox) == 0
    await append
    assert outbox.head() is not None


async def test_a_class_b_row_becomes_the_head_when_it_is_committed(outbox: Outbox) -> None:
    await outbox.append([entry(1)], durability=LATER)
    assert outbox.head() is None
    await asyncio.wait_for(outbox.wait_not_empty(), 5)
    assert outbox.head() is not None


async def test_class_a_and_b_keep_their_order(outbox: Outbox) -> None:
    calls = [
        outbox.append([entry(number)], durability=LATER if number % 3 else Durability.BEFORE_EFFECT)
        for number in range(40)
    ]
    ids = [row_id for (row_id,) in await asyncio.gather(*calls)]
    await outbox.append([entry(40)])
    assert await drain(outbox) == [*ids, 41]
    assert ids == list(range(1, 41))


async def test_also_shares_the_transaction(outbox: Outbox, database: Database) -> None:
    def also(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO document VALUES ('k', 'a', x'00')")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO document VALUES ('k', 'b', x'00')")
        raise LookupError

    await outbox.append([entry(1)], also)
    with pytest.raises(LookupError):
        await outbox.append([entry(2)], fail)
    rows = await database.read(lambda c: c.execute("SELECT key FROM document").fetchall())
    assert rows == [("a",)]
    assert await database.read(stored_ids) == [1]
    assert len(outbox) == 1


async def test_also_alone_needs_no_entry(outbox: Outbox, database: Database) -> None:
    assert await outbox.append([], lambda c: c.execute("DELETE FROM session") and None) == ()
    assert len(outbox) == 0


async def test_an_id_that_failed_is_not_given_to_another_row(path: Path) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise LookupError

    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(1)])
        with pytest.raises(LookupError):
            await outbox.append([entry(2), entry(3)], fail)
        assert await outbox.append([entry(4)]) == (4,)
        assert len(outbox) == 2
    async with opened(path) as database, queue(database) as outbox:
        assert len(outbox) == 2
        assert await drain(outbox) == [1, 4]


async def test_ids_go_on_after_the_queue_ran_empty(path: Path) -> None:
    for expected in range(1, 5):
        async with opened(path) as database, queue(database) as outbox:
            assert await outbox.append([entry(expected)]) == (expected,)
            await drain(outbox)


async def test_only_the_head_can_be_acknowledged_or_dropped(outbox: Outbox) -> None:
    with pytest.raises(NotTheHead, match="nothing is the head"):
        outbox.acknowledge(1)
    await outbox.append([entry(1), entry(2)])
    with pytest.raises(NotTheHead, match="row 1 is the head, not row 2"):
        outbox.acknowledge(2)
    with pytest.raises(NotTheHead):
        await outbox.drop(2, "no")
    assert len(outbox) == 2


async def test_acknowledged_rows_do_not_come_back_after_a_kill(path: Path, tmp_path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(number) for number in range(10)])
        for row_id in range(1, 8):
            outbox.acknowledge(row_id)
        copy = snapshot(path, tmp_path / "killed" / "stationd.db")
    async with opened(copy) as database, queue(database) as outbox:
        assert len(outbox) == 3
        assert await drain(outbox) == [8, 9, 10]


async def test_a_lost_cursor_means_sending_again_and_losing_nothing(path: Path) -> None:
    async with opened(path) as database:
        outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=1)
        await outbox.append([entry(number) for number in range(3)])
        outbox.acknowledge(1)
    StoreFiles(path).cursor.unlink()
    async with opened(path) as database, queue(database) as outbox:
        assert await drain(outbox) == [1, 2, 3]
        assert await outbox.append([entry(3)]) == (4,)


async def test_a_cursor_ahead_of_the_database_hides_no_new_row(path: Path) -> None:
    """A disk that lies about flushing may keep the cursor and lose the latest commits."""
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(1)])
        database_then = snapshot(path, path.with_name("then.db"))
        await outbox.append([entry(2), entry(3)])
        for row_id in (1, 2, 3):
            outbox.acknowledge(row_id)
        cursor = StoreFiles(path).cursor.read_bytes()
    StoreFiles(database_then).cursor.write_bytes(cursor)
    async with opened(database_then) as database, queue(database) as outbox:
        assert len(outbox) == 0
        assert await outbox.append([entry(4)]) == (4,)
        assert await drain(outbox) == [4]


async def test_acknowledged_rows_are_deleted_with_the_next_append(
    outbox: Outbox, database: Database
) -> None:
    await outbox.append([entry(number) for number in range(4)])
    outbox.acknowledge(1)
    outbox.acknowledge(2)
    assert await database.read(stored_ids) == [1, 2, 3, 4]
    await outbox.append([entry(5)])
    assert await database.read(stored_ids) == [3, 4, 5]


async def test_acknowledged_rows_are_deleted_in_batches(outbox: Outbox, database: Database) -> None:
    await outbox.append([entry(number) for number in range(450)])
    for row_id in range(1, 251):
        await outbox.wait_not_empty()
        outbox.acknowledge(row_id)
    await database.write(lambda _: None)
    assert await database.read(stored_ids) == list(range(201, 451))


async def test_closing_deletes_what_is_acknowledged(path: Path) -> None:
    async with opened(path) as database:
        async with queue(database) as outbox:
            await outbox.append([entry(1), entry(2)])
            outbox.acknowledge(1)
        assert await database.read(stored_ids) == [2]


async def test_a_cursor_that_cannot_be_written_does_not_stop_the_queue(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    await outbox.append([entry(1), entry(2)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        outbox.acknowledge(1)
    assert "may be sent again" in caplog.text
    head = outbox.head()
    assert head is not None
    assert head.id == 2


async def test_attempts_count_for_one_head_only(outbox: Outbox) -> None:
    await outbox.append([entry(1), entry(2)])
    outbox.attempts += 3
    outbox.acknowledge(1)
    assert outbox.attempts == 0


@pytest.mark.requirement("E13.FR.04")
async def test_a_dropped_row_is_journalled_and_the_next_is_the_head(path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(number) for number in range(3)])
        await outbox.drop(1, "first reason")
        await outbox.drop(2, "x" * 1000)
        head = outbox.head()
        assert head is not None
        assert head.id == 3
    async with opened(path) as database, queue(database) as outbox:
        expected = Dropped("TransactionEvent", 2, "x" * 500, 2, "tx-0")
        assert await outbox.dropped() == (expected,)
        assert await drain(outbox) == [3]


async def test_a_drop_that_cannot_be_stored_leaves_the_head(
    outbox: Outbox, database: Database
) -> None:
    await outbox.append([entry(1)])
    await database.write(lambda c: c.execute("PRAGMA query_only=ON") and None)
    with pytest.raises(StoreUnavailable):
        await outbox.drop(1, "no")
    head = outbox.head()
    assert head is not None
    assert head.id == 1


async def test_a_long_queue_is_delivered_from_a_short_look_ahead(path: Path) -> None:
    limits = OutboxLimits(look_ahead=7)
    async with opened(path) as database, queue(database, limits) as outbox:
        ids = await outbox.append([entry(number) for number in range(100)])
        assert await drain(outbox) == list(ids)
        assert outbox.head() is None


async def test_a_waiting_consumer_wakes_up(outbox: Outbox) -> None:
    waiting = asyncio.ensure_future(outbox.wait_not_empty())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.append([entry(1)])
    await asyncio.wait_for(waiting, 5)


async def test_an_append_that_fails_stores_nothing_and_says_why(
    outbox: Outbox, database: Database
) -> None:
    await database.write(lambda c: c.execute("PRAGMA query_only=ON") and None)
    with pytest.raises(StoreUnavailable) as caught:
        await outbox.append([entry(1)])
    assert caught.value.reason is Reason.READ_ONLY
    assert len(outbox) == 0


async def test_a_row_whose_body_is_destroyed_is_given_up_and_journalled(path: Path) -> None:
    async with opened(path) as database:
        async with queue(database) as outbox:
            await outbox.append([entry(number) for number in range(3)])
        await database.write(
            lambda c: c.execute("UPDATE outbox SET body = x'00' WHERE id IN (1, 2)") and None
        )
        async with queue(database) as outbox:
            assert len(outbox) == 1
            assert await drain(outbox) == [3]
            await database.write(lambda _: None)
            (dropped,) = await outbox.dropped()
            assert (dropped.rows, dropped.last_reason) == (2, "the stored body is destroyed")


class TestOverflow:
    LIMITS = OutboxLimits(max_rows=100, look_ahead=5)

    @pytest.mark.requirement("E04.FR.07", "E04.FR.08", "E12.FR.04", "E12.FR.05")
    async def test_every_second_optional_row_goes_and_no_other(self, path: Path) -> None:
        async with opened(path) as database, queue(database, self.LIMITS) as outbox:
            await outbox.append(
                [entry(number, must_keep=number % 10 == 0) for number in range(1, 101)]
            )
            await outbox.append([entry(101)])
            # Ten numbers are a transaction; its oldest and newest optional rows stay.
            gone = {n for n in range(7, 101) if n == 7 or (n > 10 and n % 10 in {2, 4, 6, 8})}
            kept = set(range(1, 102)) - gone
            assert len(outbox) == len(kept)
            (dropped,) = await outbox.dropped()
            assert (dropped.rows, dropped.last_reason) == (len(gone), "the queue was full")
            assert await drain(outbox) == sorted(kept)

    @pytest.mark.requirement("E04.FR.08", "E11.FR.05", "E12.FR.05")
    async def test_of_transactions_side_by_side_each_keeps_every_other_row(
        self, path: Path
    ) -> None:
        limits = OutboxLimits(max_rows=100, look_ahead=4)
        async with opened(path) as database, queue(database, limits) as outbox:
            for number in range(50):
                pair = [Entry("E", b"x", name, number, must_keep=False) for name in ("a", "b")]
                await outbox.append(pair)
            await outbox.append([entry(101)])
            rows = [row async for row in drained(outbox)]
            kept = {
                name: [r.entry.seq_no for r in rows if r.entry.transaction_id == name]
                for name in ("a", "b")
            }
            assert kept["a"] == kept["b"] == [0, 1, *range(2, 49, 2), 49]

    async def test_the_queue_stays_bounded_over_a_long_outage(self, path: Path) -> None:
        async with opened(path) as database, queue(database, self.LIMITS) as outbox:
            for number in range(600):
                await outbox.append([entry(number, must_keep=number % 40 == 0)])
                assert len(outbox) <= 101
            found = await drain(outbox)
            assert any(row_id > 560 and row_id % 40 != 1 for row_id in found)
            assert any(row_id < 300 and row_id % 40 != 1 for row_id in found)
            assert {1 + number for number in range(0, 600, 40)} <= set(found)
            (dropped,) = await outbox.dropped()
            assert dropped.rows + len(found) == 600

    async def test_rows_that_must_be_kept_are_never_given_up(self, path: Path) -> None:
        async with opened(path) as database, queue(database, self.LIMITS) as outbox:
            for number in range(150):
                await outbox.append([entry(number)])
            assert len(outbox) == 150
            assert await outbox.dropped() == ()

    async def test_bytes_are_a_limit_too(self, path: Path) -> None:
        limits = OutboxLimits(max_bytes=20_000, look_ahead=5)
        async with opened(path) as database, queue(database, limits) as outbox:
            for _ in range(100):
                body = os.urandom(500)
                await outbox.append([Entry("MeterValues", body, None, None, must_keep=False)])
            assert len(outbox) < 60
            assert outbox.head() is not None

    async def test_the_length_is_right_after_a_restart(self, path: Path) -> None:
        async with opened(path) as database, queue(database, self.LIMITS) as outbox:
            for number in range(250):
                await outbox.append([entry(number, must_keep=number % 7 == 0)])
            length = len(outbox)
            outbox.acknowledge(1)
        async with opened(path) as database, queue(database, self.LIMITS) as outbox:
            assert len(outbox) == length - 1
            assert len(await drain(outbox)) == length - 1

    async def test_a_failure_while_thinning_leaves_the_queue_usable(self, path: Path) -> None:
        def fail(_: sqlite3.Connection) -> None:
            raise LookupError

        async with opened(path) as database, queue(database, self.LIMITS) as outbox:
            await outbox.append([entry(number, must_keep=False) for number in range(100)])
            with pytest.raises(LookupError):
                await outbox.append([entry(100)], fail)
            assert len(outbox) == 100
            await outbox.append([entry(100)])
            assert len(outbox) < 70


class TestFailingStorage:
    async def test_a_head_that_cannot_be_read_is_a_typed_error(self, path: Path) -> None:
        async with opened(path) as database:
            async with queue(database) as outbox:
                await outbox.append([entry(number) for number in range(5)])
            outbox = await Outbox.open(
                database, stamp=lambda: STAMP, schema=1, limits=OutboxLimits(look_ahead=2)
            )
            outbox.acknowledge(1)
            outbox.acknowledge(2)
        for _ in range(2):
            with pytest.raises(StoreUnavailable) as caught:
                await outbox.wait_not_empty()
            assert caught.value.reason is Reason.CLOSED
        await outbox.close()

    async def test_acknowledgements_survive_a_close_without_the_database(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with opened(path) as database:
            outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=1)
            await outbox.append([entry(1), entry(2)])
            outbox.acknowledge(1)
        await outbox.close()
        assert "only the cursor file holds the acknowledgements" in caplog.text
        async with opened(path) as database, queue(database) as outbox:
            assert await drain(outbox) == [2]

    async def test_a_queue_of_a_closed_store_cannot_be_opened(self, path: Path) -> None:
        async with opened(path) as database:
            pass
        with pytest.raises(StoreUnavailable, match="is closed"):
            await Outbox.open(database, stamp=lambda: STAMP, schema=1)


def log_bytes(path: Path) -> int:
    return StoreFiles(path).log.stat().st_size


async def test_an_event_with_its_session_dirties_three_pages(path: Path) -> None:
    """Flash wears by pages written: the event, its session, and the last id."""
    events = 60
    async with opened(path) as database, queue(database) as outbox:

        async def deliver(number: int) -> None:
            body = os.urandom(300)
            await outbox.append(
                [Entry("TransactionEvent", body, "tx", number, must_keep=True)],
                lambda connection: Sessions.upsert(connection, 1, body),
            )
            outbox.acknowledge(number)

        await deliver(1)
        before = log_bytes(path)
        for number in range(2, events + 2):
            await deliver(number)
        assert log_bytes(path) - before == events * 3 * (1024 + 24)
