import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.reserve import Reserve

SIZE = 64 * 1024


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def reserve(connection: sqlite3.Connection, tmp_path: Path, clock: FakeClock) -> Reserve:
    return Reserve(
        connection, tmp_path / "reserve", max_bytes=400 * 1024, reserve_bytes=SIZE, clock=clock
    )


def max_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA max_page_count").fetchone()[0])


def test_it_holds_real_blocks_and_limits_the_pages(
    reserve: Reserve, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    assert reserve.held
    status = (tmp_path / "reserve").stat()
    assert status.st_size == SIZE
    assert status.st_blocks * 512 >= SIZE
    assert max_pages(connection) == 100


def test_giving_up_frees_the_file_and_the_pages_once(
    reserve: Reserve, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    assert reserve.give_up()
    assert not (tmp_path / "reserve").exists()
    assert max_pages(connection) == 100 + SIZE // 4096
    assert not reserve.give_up()


def test_it_is_taken_back_after_a_minute(
    reserve: Reserve, clock: FakeClock, connection: sqlite3.Connection
) -> None:
    reserve.give_up()
    clock.now_s += 59
    reserve.take_back()
    assert not reserve.held
    clock.now_s += 2
    reserve.take_back()
    assert reserve.held
    assert max_pages(connection) == 100


def test_it_is_not_taken_back_while_the_database_needs_it(
    reserve: Reserve, clock: FakeClock, connection: sqlite3.Connection
) -> None:
    reserve.give_up()
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (zeroblob(?))", (101 * 4096,))
    clock.now_s += 120
    reserve.take_back()
    assert not reserve.held
    connection.execute("DELETE FROM t")
    clock.now_s += 120
    reserve.take_back()
    assert reserve.held


def test_it_never_takes_the_last_space(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = os.statvfs(tmp_path)
    little = os.statvfs_result(
        (space.f_bsize, 1024, 100_000, 100, 100, 1000, 1000, 1000, 0, 255)  # 100 kB are left
    )
    monkeypatch.setattr(os, "statvfs", lambda _: little)
    reserve = Reserve(
        connection, tmp_path / "r", max_bytes=1 << 20, reserve_bytes=SIZE, clock=lambda: 0.0
    )
    assert not reserve.held
    assert not (tmp_path / "r").exists()


def test_a_disk_that_refuses_the_file_is_no_reason_to_stop(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    reserve = Reserve(
        connection, tmp_path / "r", max_bytes=1 << 20, reserve_bytes=SIZE, clock=lambda: 0.0
    )
    assert not reserve.held
    assert not (tmp_path / "r").exists()
