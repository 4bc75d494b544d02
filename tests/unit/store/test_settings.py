import asyncio
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.store.errors import StoreUnavailable
from agent.store.settings import Documents
from tests.unit.store.stores import opened


async def test_texts_survive_a_restart_by_kind_and_key(path: Path) -> None:
    async with opened(path) as database:
        documents = await Documents.open(database)
        await documents.put("variable", "a", "1")
        await documents.put("profile", "a", "{}")
        await documents.put("variable", "a", "2")
        await documents.put_many("variable", {"b": "ä\0", "c": ""})
    async with opened(path) as database:
        documents = await Documents.open(database)
        assert documents.items("variable") == {"a": "2", "b": "ä\0", "c": ""}
        assert documents.get("profile", "a") == "{}"
        assert documents.get("profile", "b") is None
        assert documents.items("other") == {}


async def test_a_deleted_text_is_gone_for_good(path: Path) -> None:
    async with opened(path) as database:
        documents = await Documents.open(database)
        await documents.put("k", "a", "1")
        await documents.delete("k", "a")
        await documents.delete("k", "never was")
        await documents.delete("never was", "a")
        assert documents.get("k", "a") is None
    async with opened(path) as database:
        assert (await Documents.open(database)).items("k") == {}


async def test_a_change_writes_and_forgets_at_once_or_not_at_all(path: Path) -> None:
    async with opened(path) as database:
        documents = await Documents.open(database)
        await documents.put_many("k", {"a": "1", "b": "2"})
        await documents.change("k", {"a": None, "b": "3", "c": "4", "never was": None})
        assert documents.items("k") == {"b": "3", "c": "4"}
        await database.write(lambda connection: connection.execute("PRAGMA query_only=ON") and None)
        with pytest.raises(StoreUnavailable):
            await documents.change("k", {"b": None, "c": "5"})
        assert documents.items("k") == {"b": "3", "c": "4"}
    async with opened(path) as database:
        assert (await Documents.open(database)).items("k") == {"b": "3", "c": "4"}


async def test_what_was_handed_out_does_not_change(database: Database) -> None:
    documents = await Documents.open(database)
    await documents.put("k", "a", "1")
    items = documents.items("k")
    await documents.put("k", "a", "2")
    assert items == {"a": "1"}


async def test_concurrent_changes_end_in_the_order_of_the_calls(database: Database) -> None:
    documents = await Documents.open(database)
    await asyncio.gather(*(documents.put("k", "a", str(number)) for number in range(20)))
    assert documents.get("k", "a") == "19"
    assert (await Documents.open(database)).get("k", "a") == "19"


async def test_a_refused_change_leaves_the_old_text(database: Database) -> None:
    documents = await Documents.open(database)
    await documents.put("k", "a", "1")
    await database.write(lambda connection: connection.execute("PRAGMA query_only=ON") and None)
    with pytest.raises(StoreUnavailable):
        await documents.put("k", "a", "2")
    with pytest.raises(StoreUnavailable):
        await documents.delete("k", "a")
    assert documents.get("k", "a") == "1"
