"""The list and the cache on the disk: what survives, what is undone, what is noticed."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ports import StorageRefused
from agent.store.authorization import StoredCache, StoredLocalList
from agent.store.database import Database
from agent.store.endurance import Endurance
from agent.store.hash_key import load_or_create_hash_key
from tests.unit.store.stores import opened

TEXTS = {"ISO14443:04a2": '{"status":"Accepted"}', "eMAID:nl-tnm": '{"status":"Blocked"}'}


async def refuse_writes(database: Database) -> None:
    await database.write(lambda connection: connection.execute("PRAGMA query_only=ON") and None)


@pytest.mark.requirement("D01.FR.10", "D01.FR.01")
async def test_the_list_survives_with_its_version(path: Path) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert (stored.version, len(stored.keys()), stored.size_bytes) == (0, 0, 0)
        await stored.change(3, TEXTS, (), replaces=True)
        await stored.change(4, {"a": "1"}, ["eMAID:nl-tnm", "never was"], replaces=False)
        size_bytes = stored.size_bytes
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert stored.version == 4
        assert set(stored.keys()) == {"a", "ISO14443:04a2"}
        assert stored.get("ISO14443:04a2") == '{"status":"Accepted"}'
        assert stored.size_bytes == size_bytes > 0
        await stored.change(1, {}, (), replaces=True)
        assert (stored.version, stored.size_bytes) == (1, 0)
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert (stored.version, len(stored.keys())) == (1, 0)


async def test_a_refused_list_leaves_the_old_one(path: Path) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        await stored.change(3, TEXTS, (), replaces=True)
        await refuse_writes(database)
        with pytest.raises(StorageRefused):
            await stored.change(4, {"a": "1"}, (), replaces=True)
        assert (stored.version, set(stored.keys())) == (3, set(TEXTS))
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert (stored.version, set(stored.keys())) == (3, set(TEXTS))


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM local_list WHERE key = 'a'",
        "UPDATE local_list SET body = x'00' WHERE key = 'a'",
        "DELETE FROM local_list_version",
    ],
)
async def test_a_list_that_lost_something_counts_as_never_sent(path: Path, damage: str) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        await stored.change(3, {**TEXTS, "a": "1"}, (), replaces=True)
        await database.write(lambda connection: connection.execute(damage) and None)
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert (stored.version, len(stored.keys())) == (0, 0)
        await stored.change(1, {"b": "2"}, (), replaces=False)
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert (stored.version, set(stored.keys())) == (1, {"b"})


async def test_learnt_cards_survive_beside_the_list_and_change_nothing_of_it(path: Path) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        await stored.learn({"card": "1", "other": "2"}, ())
        await stored.learn({"third": "3"}, ["other", "never was"])
        assert (stored.version, len(stored.keys()), stored.size_bytes) == (0, 0, 0)
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert stored.learnt() == {"card": "1", "third": "3"}
        assert (stored.version, stored.get("card")) == (0, None)


@pytest.mark.parametrize(
    ("put", "removed", "replaces", "left"),
    [
        ({"new": "1"}, (), False, {"a", "b", "c"}),
        ({"a": "1"}, ("b",), False, {"c"}),
        ({}, (), True, set()),
    ],
)
async def test_what_a_list_says_of_a_card_overrules_that_it_was_learnt(
    path: Path, put: dict[str, str], removed: tuple[str, ...], replaces: bool, left: set[str]
) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        await stored.learn(dict.fromkeys("abc", "card"), ())
        await stored.change(1, put, removed, replaces=replaces)
        assert stored.learnt().keys() == left
    async with opened(path) as database:
        assert (await StoredLocalList.open(database)).learnt().keys() == left


async def test_learnt_cards_that_the_storage_refuses_are_not_learnt(path: Path) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        await stored.learn({"a": "1"}, ())
        await refuse_writes(database)
        with pytest.raises(StorageRefused):
            await stored.learn({"b": "2"}, ["a"])
        with pytest.raises(StorageRefused):
            await stored.change(1, {}, (), replaces=True)
        assert stored.learnt() == {"a": "1"}


async def test_a_damaged_learnt_card_is_lost_alone_and_goes_with_the_next_whole_list(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        await stored.change(3, TEXTS, (), replaces=True)
        await stored.learn({"a": "1", "b": "2"}, ())
        damage = "UPDATE learnt_card SET body = x'00' WHERE key = 'a'"
        await database.write(lambda connection: connection.execute(damage) and None)
    async with opened(path) as database:
        stored = await StoredLocalList.open(database)
        assert (stored.version, stored.learnt()) == (3, {"b": "2"})
        assert "an entry of the learnt cards is lost" in caplog.text
        await stored.change(4, {}, (), replaces=True)
        count = "SELECT count(*) FROM learnt_card"
        assert await database.read(lambda connection: connection.execute(count).fetchone()) == (0,)


@pytest.mark.requirement("C10.FR.02")
async def test_the_cache_survives_and_is_handed_out_once(path: Path) -> None:
    async with opened(path) as database:
        cache = await StoredCache.open(database, Endurance())
        assert cache.load() == {}
        cache.save({"a": "1", "b": "2"}, ())
        cache.save({"a": "3"}, ["b"])
        cache.save({}, ())
    async with opened(path) as database:
        cache = await StoredCache.open(database, Endurance())
        assert cache.load() == {"a": "3"}
        assert cache.load() == {}
        assert not cache.is_behind


@pytest.mark.requirement("C11.FR.01", "C11.FR.05")
async def test_clearing_is_durable_or_refused(path: Path) -> None:
    async with opened(path) as database:
        cache = await StoredCache.open(database, Endurance())
        cache.save({"a": "1"}, ())
        await cache.clear()
        cache.save({"b": "2"}, ())
    async with opened(path) as database:
        cache = await StoredCache.open(database, Endurance())
        assert cache.load() == {"b": "2"}
        await refuse_writes(database)
        with pytest.raises(StorageRefused):
            await cache.clear()
    async with opened(path) as database:
        assert (await StoredCache.open(database, Endurance())).load() == {"b": "2"}


async def test_what_the_storage_refused_is_written_later(path: Path) -> None:
    async with opened(path) as database:
        endurance = Endurance()
        cache = await StoredCache.open(database, endurance)
        cache.save({"a": "1"}, ())
        await database.write(lambda _: None)

        def break_table(connection: sqlite3.Connection) -> None:
            connection.execute("ALTER TABLE authorization_cache RENAME TO hidden")

        def mend_table(connection: sqlite3.Connection) -> None:
            connection.execute("ALTER TABLE hidden RENAME TO authorization_cache")

        await database.write(break_table)
        cache.save({"b": "2"}, ["a"])
        cache.save({"b": "3"}, ())
        await database.write(lambda _: None)
        assert cache.is_behind
        await database.write(mend_table)
        await cache.catch_up()
        assert not cache.is_behind
    async with opened(path) as database:
        assert (await StoredCache.open(database, Endurance())).load() == {"b": "3"}


async def test_an_unreadable_entry_is_left_out(path: Path) -> None:
    async with opened(path) as database:
        cache = await StoredCache.open(database, Endurance())
        cache.save({"a": "1", "b": "2"}, ())
        damage = "UPDATE authorization_cache SET body = x'0102' WHERE key = 'a'"
        await database.write(lambda connection: connection.execute(damage) and None)
    async with opened(path) as database:
        assert (await StoredCache.open(database, Endurance())).load() == {"b": "2"}


@pytest.mark.requirement("C10.FR.12")
def test_the_hash_key_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "cache.key"
    key = load_or_create_hash_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_or_create_hash_key(path) == key


@given(damage=st.binary(max_size=64).filter(lambda content: len(content) != 32))
@settings(max_examples=20)
def test_a_damaged_hash_key_is_replaced(
    tmp_path_factory: pytest.TempPathFactory, damage: bytes
) -> None:
    path = tmp_path_factory.mktemp("keys") / "cache.key"
    path.write_bytes(damage)
    key = load_or_create_hash_key(path)
    assert load_or_create_hash_key(path) == key != damage


def test_without_a_place_for_its_key_the_cache_works_for_this_run(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("not a folder")
    assert len(load_or_create_hash_key(tmp_path / "keys" / "cache.key")) == 32
