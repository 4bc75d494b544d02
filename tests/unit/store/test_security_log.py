import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.endurance import Endurance
from agent.store.errors import Reason, StoreUnavailable
from agent.store.security_log import StoredSecurityLog, seal
from tests.unit.store.stores import opened, snapshot

AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
CLEARED = "SecurityLogWasCleared"


async def fill(log: StoredSecurityLog, count: int, kind: str = "InvalidMessages") -> None:
    for n in range(count):
        await log.append(AT + timedelta(seconds=n), kind, f"info {n}", critical=False)


async def numbers(log: StoredSecurityLog) -> list[int]:
    return [entry.number for entry in await log.entries()]


def damage(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.requirement("A04.FR.04")
async def test_entries_survive_the_process(path: Path, tmp_path: Path) -> None:
    async with opened(path) as database:
        log = await StoredSecurityLog.open(database, Endurance(), 100)
        await log.append(AT, "StartupOfTheDevice", "PowerUp", critical=True)
        killed = snapshot(path, tmp_path / "after" / "stationd.db")
    async with opened(killed) as database:
        log = await StoredSecurityLog.open(database, Endurance(), 100)
        (entry,) = await log.entries()
    assert log.loss is None
    assert (entry.number, entry.at, entry.kind, entry.technical_info, entry.critical) == (
        *(1, "2026-03-02T07:00:00.000Z", "StartupOfTheDevice", "PowerUp"),
        True,
    )


async def test_a_full_log_gives_up_its_oldest_entries_and_stays_whole(path: Path) -> None:
    async with opened(path) as database:
        await fill(await StoredSecurityLog.open(database, Endurance(), 10), 25)
        log = await StoredSecurityLog.open(database, Endurance(), 10)
        assert await numbers(log) == list(range(16, 26))
        assert log.loss is None


@pytest.mark.parametrize(
    ("statement", "loss"),
    [
        ("UPDATE security_log SET technical_info = 'x' WHERE number = 3", "entry 3 was changed"),
        ("UPDATE security_log SET at = '1970' WHERE number = 1", "entry 1 was changed"),
        ("DELETE FROM security_log WHERE number = 3", "entries are missing before 4"),
        ("DELETE FROM security_log WHERE number > 3", "entries 4 to 5 are missing"),
        ("DELETE FROM security_log", "entries 1 to 5 are missing"),
    ],
)
async def test_what_was_done_to_the_log_is_noticed_once(
    path: Path, statement: str, loss: str
) -> None:
    async with opened(path) as database:
        await fill(await StoredSecurityLog.open(database, Endurance(), 10), 5)
    damage(path, statement)
    async with opened(path) as database:
        log = await StoredSecurityLog.open(database, Endurance(), 10)
        assert log.loss == loss
        await log.append(AT, CLEARED, loss, critical=True)
        assert (await log.entries())[-1].number == 6
        assert (await StoredSecurityLog.open(database, Endurance(), 10)).loss is None


async def test_entries_wait_in_memory_while_the_storage_refuses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as database:
        endurance = Endurance()
        log = await StoredSecurityLog.open(database, endurance, 10)
        with monkeypatch.context() as patched:

            async def refuse(*_: object) -> None:
                raise StoreUnavailable(Reason.FULL, "no room")

            patched.setattr(database, "write", refuse)
            await fill(log, 3)
            assert log.is_behind
            assert endurance.refuses
        assert await endurance.catch_up()
        assert await numbers(log) == [1, 2, 3]
        assert [entry.technical_info for entry in await log.entries()] == [
            *("info 0", "info 1", "info 2")
        ]


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_texts_share_a_seal(one: str, two: str, other: str, another: str) -> None:
    assert (seal(one, 1, two) == seal(other, 1, another)) is ((one, two) == (other, another))
