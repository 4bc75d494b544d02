import asyncio
import sqlite3
from pathlib import Path

import pytest

from agent.store.counters import Counters
from agent.store.database import Database
from tests.unit.store.stores import opened, snapshot


async def test_it_begins_with_one_and_leaves_no_gap(database: Database) -> None:
    counters = Counters(database)
    assert await counters.last("pagination") == 0
    numbers = await asyncio.gather(*(counters.next("pagination") for _ in range(20)))
    assert numbers == list(range(1, 21))
    assert await counters.last("pagination") == 20


async def test_counters_are_independent(database: Database) -> None:
    counters = Counters(database)
    assert [await counters.next(name) for name in ("a", "b", "a")] == [1, 1, 2]


async def test_a_number_is_on_the_disk_before_it_is_returned(path: Path, tmp_path: Path) -> None:
    async with opened(path) as database:
        await Counters(database).next("pagination")
        copy = snapshot(path, tmp_path / "killed" / "stationd.db")
    async with opened(copy) as database:
        assert await Counters(database).next("pagination") == 2


async def test_a_number_taken_in_a_write_that_fails_is_not_taken(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        assert Counters.take(connection, "pagination") == 1
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fail)
    assert await Counters(database).next("pagination") == 1


async def test_a_counter_never_goes_back(database: Database) -> None:
    counters = Counters(database)
    await counters.save("pagination", 7)
    await counters.save("pagination", 7)
    with pytest.raises(ValueError, match="numbers would repeat"):
        await counters.save("pagination", 6)
    assert await counters.next("pagination") == 8
