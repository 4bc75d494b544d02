import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.store.carve import carve

PAGE = 1024
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False).filter(lambda value: not value.is_integer()),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.binary(max_size=5000),
)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=30))
def test_every_row_of_every_type_and_size_is_found(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    path = tmp_path / "db"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
    found = {row[0]: row[1:] for row in carve(path, tmp_path / "none", PAGE, 4)}
    assert found == dict(enumerate(rows, 1))


def test_pages_in_the_log_stand_for_those_of_the_database(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.execute("INSERT INTO t VALUES (1, 'old'), (2, 'kept')")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("UPDATE t SET a = 'new' WHERE id = 1")
        log = path.with_name("db-wal")
        found = set(carve(path, log, PAGE, 2))
    assert found == {(1, "new"), (2, "kept")}


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pages=st.lists(st.binary(min_size=8, max_size=PAGE), max_size=4), log=st.binary())
def test_garbage_is_survived(tmp_path: Path, pages: list[bytes], log: bytes) -> None:
    path = tmp_path / "db"
    path.write_bytes(b"".join(b"\x0d" + page.ljust(PAGE - 1, b"\x81") for page in pages))
    (tmp_path / "log").write_bytes(log)
    for row in carve(path, tmp_path / "log", PAGE, 4):
        assert len(row) == 4


def test_a_chain_of_pages_that_bites_its_tail_ends(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.execute("INSERT INTO t VALUES (1, zeroblob(9000))")
    content = bytearray(path.read_bytes())
    for start in range(2 * PAGE, len(content), PAGE):
        content[start : start + 4] = (start // PAGE + 1).to_bytes(4, "big")
    path.write_bytes(content)
    assert [row[0] for row in carve(path, tmp_path / "none", PAGE, 2)] == [1]


@pytest.mark.parametrize("size", [0, 100, PAGE - 1])
def test_a_file_shorter_than_a_page_holds_nothing(tmp_path: Path, size: int) -> None:
    path = tmp_path / "db"
    path.write_bytes(bytes(size))
    assert list(carve(path, tmp_path / "none", PAGE, 2)) == []
