from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.store.outbox import Outbox
from tests.unit.store.stores import opened, queue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stationd.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with opened(path) as found:
        yield found


@pytest.fixture
async def outbox(database: Database) -> AsyncIterator[Outbox]:
    async with queue(database) as found:
        yield found
