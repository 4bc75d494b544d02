"""The cache service over a real store: what is kept under which name, and what refuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.core.authorization_cache import CachePolicy, ClearCache
from agent.core.commands import Verdict
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo
from agent.services.authorization_cache import AuthorizationCacheService
from agent.store.authorization import StoredCache
from agent.store.database import Database
from agent.store.endurance import Endurance
from tests.unit.store.stores import opened

NOW = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
GOOD = IdTokenInfo(
    AuthorizationStatus.ACCEPTED, IdToken("G", "Central"), NOW.replace(year=2030), (1, 2), -3, "en"
)
CARD, PIN = IdToken("04A2B3C4"), IdToken("735918", "KeyCode")
KEY = b"k" * 32


@asynccontextmanager
async def service(database: Database, key: bytes = KEY) -> AsyncIterator[AuthorizationCacheService]:
    store = await StoredCache.open(database, Endurance())
    yield AuthorizationCacheService(store, key, CachePolicy, lambda: NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stationd.db"


@pytest.mark.requirement("C10.FR.02", "C10.FR.12", "C10.FR.14", "C01.FR.25", "C04.FR.03")
async def test_every_field_survives_under_a_name_that_is_no_token(path: Path) -> None:
    async with opened(path) as database, service(database) as cache:
        cache.note(CARD, GOOD)
        cache.note(PIN, GOOD)
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    assert b"04a2b3c4" not in raw.lower()
    assert b"735918" not in raw
    async with opened(path) as database:
        async with service(database) as cache:
            for token in (CARD, IdToken("04a2b3c4"), PIN):
                known = cache.look_up(token)
                assert known is not None
                assert (known.info, known.by) == (GOOD, AuthorizedBy.CACHE)
            assert cache.look_up(IdToken("04A2B3C4", "ISO15693")) is None
        async with service(database, b"other" * 7) as cache:
            assert cache.look_up(CARD) is None


@pytest.mark.requirement("C11.FR.05", "C11.FR.01")
async def test_what_the_disk_does_not_forget_is_not_called_cleared(path: Path) -> None:
    async with opened(path) as database, service(database) as cache:
        cache.note(CARD, GOOD)
        await database.write(lambda c: c.execute("PRAGMA query_only=ON") and None)
        outcome = await cache.clear(ClearCache())
        assert outcome.verdict is Verdict.REJECTED
        assert cache.look_up(CARD) is not None


async def test_an_entry_of_another_time_is_ignored(path: Path) -> None:
    async with opened(path) as database:
        store = await StoredCache.open(database, Endurance())
        store.save({"a": "{", "b": '{"info":{"status":"Splendid"}}', "c": "7"}, ())
    async with opened(path) as database, service(database) as cache:
        assert cache.size_bytes == 0
