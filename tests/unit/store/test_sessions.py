import logging
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.store.errors import StoreUnavailable
from agent.store.outbox import Outbox
from agent.store.sessions import Sessions, TransactionNumbers
from tests.unit.store.stores import entry, opened, queue


async def test_a_session_survives_with_the_event_it_belongs_to(path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        for text in (b"first", b"second"):
            await outbox.append(
                [entry(1)], lambda connection, text=text: Sessions.upsert(connection, 2, text)
            )
        await outbox.append([], lambda connection: Sessions.upsert(connection, 1, b""))
    async with opened(path) as database:
        assert await Sessions(database).load_all() == {1: b"", 2: b"second"}


async def test_a_deleted_session_is_gone(outbox: Outbox, database: Database) -> None:
    await outbox.append([], lambda connection: Sessions.upsert(connection, 1, b"x"))
    await outbox.append([entry(1)], lambda connection: Sessions.delete(connection, 1))
    assert await Sessions(database).load_all() == {}


async def test_a_destroyed_session_does_not_take_the_others_along(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for evse_id in (1, 2):
        await database.write(
            lambda connection, evse=evse_id: Sessions.upsert(connection, evse, b"x")
        )
    await database.write(
        lambda connection: (
            connection.execute("UPDATE session SET body=x'11' WHERE evse_id=1") and None
        )
    )
    with caplog.at_level(logging.ERROR):
        assert await Sessions(database).load_all() == {2: b"x"}
    assert "the session of EVSE 1 is lost" in caplog.text


async def test_the_csms_number_of_a_transaction_survives_a_restart(path: Path) -> None:
    async with opened(path) as database:
        numbers = await TransactionNumbers.open(database, "wss://a")
        await numbers.remember("tx-1", 4711)
        await numbers.remember("tx-1", 4712)
        await numbers.remember("tx-2", -5)
    async with opened(path) as database:
        numbers = await TransactionNumbers.open(database, "wss://a")
        assert (numbers.number_of("tx-1"), numbers.transaction_of(4712)) == (4712, "tx-1")
        assert (numbers.number_of("tx-2"), numbers.transaction_of(-5)) == (-5, "tx-2")
        assert numbers.number_of("tx-3") is None
        assert numbers.transaction_of(1) is None


async def test_another_csms_has_other_numbers(database: Database) -> None:
    first = await TransactionNumbers.open(database, "wss://a")
    await first.remember("tx-1", 1)
    second = await TransactionNumbers.open(database, "wss://b")
    assert second.number_of("tx-1") is None


async def test_a_repeated_number_means_the_latest_transaction(database: Database) -> None:
    numbers = await TransactionNumbers.open(database, "wss://a")
    await numbers.remember("tx-1", 1)
    await numbers.remember("tx-2", 1)
    assert numbers.transaction_of(1) == "tx-2"
    reopened = await TransactionNumbers.open(database, "wss://a")
    assert reopened.transaction_of(1) == "tx-2"


async def test_only_the_latest_numbers_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.sessions._NUMBERS_KEPT", 3)
    numbers = await TransactionNumbers.open(database, "wss://a")
    for number in range(6):
        await numbers.remember(f"tx-{number}", number % 4)
    reopened = await TransactionNumbers.open(database, "wss://a")
    for found in (numbers, reopened):
        assert [found.number_of(f"tx-{n}") for n in range(6)] == [None, None, None, 3, 0, 1]
        assert found.transaction_of(2) is None
        assert found.transaction_of(0) == "tx-4"


async def test_a_number_is_used_even_when_the_disk_refuses_it(database: Database) -> None:
    numbers = await TransactionNumbers.open(database, "wss://a")
    await database.write(lambda connection: connection.execute("PRAGMA query_only=ON") and None)
    with pytest.raises(StoreUnavailable):
        await numbers.remember("tx-1", 9)
    assert numbers.number_of("tx-1") == 9
