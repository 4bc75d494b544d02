import contextlib
import os
import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.store import recovery
from agent.store.connection import Damage, find_damage
from agent.store.counters import Counters
from agent.store.database import Database
from agent.store.errors import Reason, StoreUnavailable
from agent.store.files import StoreFiles, log_of
from agent.store.outbox import Entry, Outbox, Stamp
from agent.store.sessions import Sessions, TransactionNumbers
from agent.store.settings import Documents
from tests.examples import examples
from tests.unit.store.stores import (
    SMALL,
    STAMP,
    content,
    entry,
    opened,
    place,
    queue,
    snapshot,
    truncate,
)

ROWS = 300
PAGE = 1024
ORIGIN: list[bytes] = []


async def fill(path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append(
            [entry(number) for number in range(ROWS)],
            lambda connection: Sessions.upsert(connection, 1, b"session"),
        )
        documents = await Documents.open(database)
        await documents.put_many("variable", {f"v{n}": "x" * 50 for n in range(100)})
        await (await TransactionNumbers.open(database, "csms")).remember("tx", 5)
        await Counters(database).save("pagination", 77)


async def delivered(outbox: Outbox) -> list[int]:
    found = []
    while len(outbox):
        await outbox.wait_not_empty()
        head = outbox.head()
        assert head is not None
        assert head.entry == entry(head.id - 1)
        found.append(head.id)
        outbox.acknowledge(head.id)
    return found


@pytest.fixture
async def filled(path: Path) -> Path:
    """A closed store with something in every table."""
    await fill(path)
    return path


def overwrite(path: Path, start: int, garbage: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(garbage)


def pages_of(path: Path, table: str) -> list[int]:
    """The leaf pages of one table, by their number."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno"
        return [number for (number,) in connection.execute(query, (table,))]


async def test_a_sound_store_is_left_alone(filled: Path) -> None:
    async with opened(filled) as database:
        assert database.recovery is None
    assert not list(filled.parent.glob("*.damaged-*"))


async def test_one_destroyed_page_costs_only_its_rows(filled: Path) -> None:
    leaves = pages_of(filled, "outbox")
    assert len(leaves) > 10
    overwrite(filled, (leaves[5] - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database, queue(database) as outbox:
        report = database.recovery
        assert report is not None
        assert report.damage is Damage.MALFORMED
        assert not report.is_complete
        by_table = {table.table: table for table in report.tables}
        assert ROWS - 20 < by_table["outbox"].rows < ROWS
        assert not by_table["outbox"].is_complete
        assert by_table["document"].is_complete
        assert by_table["document"].rows == 100
        assert await Counters(database).next("pagination") == 78
        assert await Sessions(database).load_all() == {1: b"session"}
        assert (await TransactionNumbers.open(database, "csms")).number_of("tx") == 5
        assert await outbox.append([entry(ROWS)]) == (ROWS + 1,)
        found = await delivered(outbox)
        assert found == sorted(found)
        assert len(found) == by_table["outbox"].rows + 1
        assert {1, ROWS, ROWS + 1} <= set(found)


async def test_damaged_files_are_kept_as_they_were(filled: Path) -> None:
    leaves = pages_of(filled, "outbox")
    overwrite(filled, (leaves[5] - 1) * PAGE, b"\xa5" * PAGE)
    before = content(filled)
    async with opened(filled) as database:
        assert database.recovery is not None
        (aside,) = database.recovery.set_aside
    assert aside == StoreFiles(filled).set_aside(1)
    assert content(aside) == before


async def test_a_recovered_store_is_sound_at_the_next_start(filled: Path) -> None:
    overwrite(filled, (pages_of(filled, "outbox")[5] - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database:
        rows = await database.read(lambda c: c.execute("SELECT count(*) FROM outbox").fetchone())
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is None
        assert len(outbox) == rows[0]


async def test_acknowledged_rows_do_not_come_back_with_a_recovery(filled: Path) -> None:
    async with opened(filled) as database:
        outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=1)
        for row_id in range(1, 11):
            outbox.acknowledge(row_id)
    overwrite(filled, (pages_of(filled, "document")[2] - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert (await delivered(outbox))[0] == 11


async def test_a_truncated_database_gives_what_is_left(filled: Path) -> None:
    truncate(filled, 0.5, 100)
    async with opened(filled) as database, queue(database) as outbox:
        report = database.recovery
        assert report is not None
        assert report.rows > 25
        found = await delivered(outbox)
        assert found == sorted(found)
        assert (await outbox.append([entry(0)]))[0] > max(found, default=0)


@pytest.mark.parametrize("kind", ["zeros", "garbage", "header only"])
async def test_a_destroyed_first_page_is_replaced(filled: Path, kind: str) -> None:
    """The first page is the one written most, so the one that fails first."""
    garbage = {"zeros": bytes(PAGE), "garbage": b"\x5a" * PAGE, "header only": bytes(100)}[kind]
    overwrite(filled, 0, garbage)
    async with opened(filled) as database, queue(database) as outbox:
        report = database.recovery
        assert report is not None
        assert report.damage is Damage.UNRECOGNIZABLE
        assert report.is_complete
        assert await delivered(outbox) == list(range(1, ROWS + 1))
        assert await Counters(database).next("pagination") == 78
        assert len((await Documents.open(database)).items("variable")) == 100


async def test_a_destroyed_first_page_is_replaced_although_commits_are_in_the_log(
    path: Path, tmp_path: Path
) -> None:
    await fill(path)
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(ROWS)])
        killed = snapshot(path, tmp_path / "killed" / "stationd.db")
    overwrite(killed, 0, bytes(PAGE))
    async with opened(killed) as database, queue(database) as outbox:
        assert await delivered(outbox) == list(range(1, ROWS + 2))


@pytest.mark.parametrize(
    "found", [b"", b"x", b"not a database at all\n" * 500, bytes(5000), b"SQLite format 3\0"]
)
async def test_a_foreign_or_cut_file_never_stops_the_start(path: Path, found: bytes) -> None:
    place(path, found)
    async with opened(path) as database, queue(database) as outbox:
        # SQLite takes a few bytes for an empty database, and so may we.
        assert (database.recovery is None) == (len(found) < 2)
        assert await outbox.append([entry(1)])
        if database.recovery is not None:
            assert not database.recovery.is_complete or database.recovery.rows == 0
            assert [aside.read_bytes() for aside in database.recovery.set_aside] == [found]


async def test_the_database_of_another_program_is_set_aside_untouched(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE outbox (id INTEGER PRIMARY KEY, body BLOB)")
    before = content(path)
    async with opened(path) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert database.recovery.damage is Damage.FOREIGN
        assert database.recovery.set_aside[0].read_bytes() == before
        assert len(outbox) == 0


async def test_a_directory_in_the_databases_place_is_set_aside(path: Path) -> None:
    place(path / "file", b"kept")
    async with opened(path) as database:
        assert database.recovery is not None
        assert (database.recovery.set_aside[0] / "file").read_text() == "kept"


async def test_a_missing_table_is_damage(filled: Path) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("DROP TABLE counter")
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert "counter" in database.recovery.detail
        assert len(outbox) == ROWS


async def test_a_log_without_its_database_gives_what_it_holds(path: Path, tmp_path: Path) -> None:
    async with opened(path) as database, queue(database) as outbox:
        await outbox.append([entry(number) for number in range(ROWS)])
        killed = snapshot(path, tmp_path / "killed" / "stationd.db")
    killed.unlink()
    async with opened(killed) as database, queue(database) as outbox:
        report = database.recovery
        assert report is not None
        assert report.damage is Damage.LOG_WITHOUT_DATABASE
        assert report.set_aside == (log_of(StoreFiles(killed).set_aside(1)),)
        assert await delivered(outbox) == list(range(1, ROWS + 1))


@pytest.mark.parametrize("found", [b"x" * 10, b"\0" * 40_000])
async def test_a_meaningless_log_without_database_does_no_harm(path: Path, found: bytes) -> None:
    place(StoreFiles(path).log, found)
    async with opened(path) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert not database.recovery.is_complete or database.recovery.rows == 0
        assert await outbox.append([entry(1)]) != ()


async def test_a_log_with_a_torn_end_loses_only_what_was_not_committed(
    path: Path, tmp_path: Path
) -> None:
    async with opened(path) as database, queue(database) as outbox:
        for number in range(20):
            await outbox.append([entry(number)])
        killed = snapshot(path, tmp_path / "killed" / "stationd.db")
    log = StoreFiles(killed).log
    with log.open("ab") as file:
        file.write(b"\xff" * 700)
    async with opened(killed) as database, queue(database) as outbox:
        assert database.recovery is None
        assert await delivered(outbox) == list(range(1, 21))


async def test_a_schema_that_is_no_text_is_recovered(filled: Path) -> None:
    """SQLite quotes the damage in its message, which then cannot be decoded."""
    stored = content(filled)
    for word in (b"CREATE TABLE counter ", b"CREATE TABLE session "):
        stored = stored.replace(word, b"\x80" * len(word))
    place(filled, stored)
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert await delivered(outbox) == list(range(1, ROWS + 1))
        assert await Counters(database).next("pagination") == 78
        assert await Sessions(database).load_all() == {1: b"session"}


@pytest.mark.parametrize(
    ("intact", "damaged"),
    [
        pytest.param(b"new.name", b"n*w.name", id="a column of a trigger"),
        pytest.param(b"max(value", b"min(value", id="a function of a trigger"),
        pytest.param(b"(mirror = -value)", b"(mirror < -value)", id="a constraint"),
        pytest.param(b"csms_id INTEGER", b"csms_ie INTEGER", id="a column of a table"),
    ],
)
async def test_a_schema_that_is_still_sql_but_not_ours_is_recovered(
    filled: Path, intact: bytes, damaged: bytes
) -> None:
    """It would fail, or count wrong, only when it is used."""
    stored = content(filled)
    assert intact in stored
    place(filled, stored.replace(intact, damaged))
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert "does not fit" in database.recovery.detail
        assert await delivered(outbox) == list(range(1, ROWS + 1))
        assert await Counters(database).next("pagination") == 78
        assert await Counters(database).next("pagination") == 79
        assert await Sessions(database).load_all() == {1: b"session"}
    async with opened(filled) as database:
        assert database.recovery is None


async def test_statistics_that_a_tool_collected_are_no_damage(filled: Path) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("ANALYZE")
        connection.commit()
    async with opened(filled) as database:
        assert database.recovery is None


@pytest.mark.parametrize("page", range(1, 21))
async def test_no_single_page_takes_everything_along(filled: Path, page: int) -> None:
    overwrite(filled, (page - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database, queue(database) as outbox:
        report = database.recovery
        assert report is not None
        assert report.rows > 40
        lost = [table.table for table in report.tables if not table.is_complete]
        rows = {table.table: table.rows for table in report.tables}
        assert rows["outbox"] == ROWS or "outbox" in lost
        assert len(await delivered(outbox)) == rows["outbox"]


async def test_a_counter_that_changed_on_the_disk_is_restored_from_its_copy(filled: Path) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE counter SET value = 5")
        connection.commit()
    async with opened(filled) as database:
        assert database.recovery is not None
        assert "1 counters changed" in database.recovery.detail
        assert await Counters(database).next("pagination") == 78


@pytest.mark.parametrize("table", ["counter", "counter_copy"])
async def test_a_destroyed_page_of_counters_repeats_no_number(filled: Path, table: str) -> None:
    (page,) = pages_of(filled, table)
    overwrite(filled, (page - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database:
        assert database.recovery is not None
        (counter,) = [found for found in database.recovery.tables if found.table == "counter"]
        assert (counter.rows, counter.is_complete) == (1, True)
        assert await Counters(database).next("pagination") == 78
        assert await Counters(database).next("pagination") == 79


async def test_rows_below_a_destroyed_inner_page_are_found(path: Path) -> None:
    """Also those that are too large for one page, and those stamped at a whole second."""
    events = [
        Entry("e", os.urandom(size), "tx", size, must_keep=True)
        for size in [100] * 500 + [900, 1000, 3000, 20_000, 100]
    ]
    async with opened(path) as database:
        stamp = Stamp("boot", 2.0, None)
        outbox = await Outbox.open(database, stamp=lambda: stamp, schema=1)
        await outbox.append(events)
        outbox.acknowledge(1)
        await outbox.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'outbox'"
        (root,) = connection.execute(query).fetchone()
    overwrite(path, (root - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(path) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert len(outbox) == len(events) - 1
        for expected in events[1:]:
            await outbox.wait_not_empty()
            head = outbox.head()
            assert head is not None
            assert head.entry == expected
            outbox.acknowledge(head.id)


async def test_acknowledged_rows_stay_so_when_the_databases_name_is_lost(filled: Path) -> None:
    async with opened(filled) as database:
        outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=1)
        for row_id in range(1, 11):
            outbox.acknowledge(row_id)
    (page,) = pages_of(filled, "meta")
    overwrite(filled, (page - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert await delivered(outbox) == list(range(11, ROWS + 1))


async def test_a_destroyed_text_does_not_take_the_others_along(
    filled: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE document SET body = x'0102' WHERE key = 'v7'")
        connection.execute("UPDATE document SET key = CAST(x'FFFE' AS TEXT) WHERE key = 'v8'")
        connection.commit()
    async with opened(filled) as database:
        items = (await Documents.open(database)).items("variable")
        assert len(items) == 99
        assert not {"v7", "v8"} & set(items)
    assert "the document variable v7 is lost" in caplog.text


async def test_a_lost_sequence_is_continued_far_away(filled: Path) -> None:
    """Rows that were lost may have had higher ids than those that are left."""
    (page,) = pages_of(filled, "sqlite_sequence")
    overwrite(filled, (page - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        (row_id,) = await outbox.append([entry(0)])
        assert row_id > ROWS + 100_000
        assert len(outbox) == ROWS + 1


@pytest.mark.parametrize("done", range(4))
async def test_an_exchange_that_was_cut_off_is_completed(
    filled: Path, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails before the n-th renaming of the recovery."""
    overwrite(filled, (pages_of(filled, "outbox")[5] - 1) * PAGE, b"\xa5" * PAGE)
    StoreFiles(filled).log.write_bytes(b"old log")
    renamed = 0
    rename = Path.rename

    def cut(self: Path, target: Path) -> Path:
        nonlocal renamed
        if renamed == done:
            raise OSError(5, "the power is gone")
        renamed += 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut)
        with pytest.raises(StoreUnavailable):
            await Database.open(filled, SMALL)
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        assert ROWS - 20 < len(outbox) < ROWS
    async with opened(filled) as database:
        assert database.recovery is None
    names = {path.name for path in filled.parent.iterdir()}
    assert not {name for name in names if "rebuil" in name or "source" in name}


async def test_a_recovery_without_space_changes_nothing(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite(filled, (pages_of(filled, "outbox")[5] - 1) * PAGE, b"\xa5" * PAGE)
    before = content(filled)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(recovery, "create_private", full)
        with pytest.raises(StoreUnavailable) as caught:
            await Database.open(filled, SMALL)
    assert caught.value.reason is Reason.FULL
    assert content(filled) == before


async def test_only_the_latest_damaged_files_are_kept(path: Path) -> None:
    for number in range(5):
        place(path, b"foreign %d" % number)
        async with opened(path):
            pass
    kept = sorted(file.read_bytes() for file in path.parent.glob("*.damaged-*"))
    assert kept == [b"foreign 2", b"foreign 3", b"foreign 4"]


async def test_the_last_rows_are_found_behind_any_number_of_destroyed_pages(filled: Path) -> None:
    for page in pages_of(filled, "outbox")[:-1]:
        overwrite(filled, (page - 1) * PAGE, b"\xa5" * PAGE)
    async with opened(filled) as database, queue(database) as outbox:
        assert database.recovery is not None
        found = await delivered(outbox)
        assert found != []
        assert set(found) <= set(range(1, ROWS + 1))


async def test_noise_is_not_searched_for_long(path: Path) -> None:
    place(path, random.Random(1).randbytes(50_000))  # noqa: S311 - repeatable, not secret
    found, looks = find_damage(StoreFiles(path), limit_s=60), 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return 0.0

    assert found is not None
    report = recovery.recover(StoreFiles(path), found, limit_s=1.0, clock=clock)
    assert report.rows == 0
    assert looks < 2_100 * len(report.tables)


async def test_the_check_is_bounded(filled: Path) -> None:
    overwrite(filled, (pages_of(filled, "outbox")[5] - 1) * PAGE, b"\xa5" * PAGE)
    times = iter([0.0, *[10.0] * 1000])
    found = find_damage(StoreFiles(filled), limit_s=1.0, clock=lambda: next(times))
    assert found is None or found.damage is Damage.MALFORMED


@example(damages=[(0.27262375609858586, b"*")], cut=None)  # in the text of a trigger
@example(damages=[(0.328125, b"\x80")], cut=None)
@example(damages=[(0.001, b"\x00\x00\x00\x00\x00\x00\x00\x80")], cut=None)
@settings(
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    damages=st.lists(
        st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=600)), min_size=1, max_size=6
    ),
    cut=st.one_of(st.none(), st.floats(0.01, 1)),
)
async def test_no_damage_stops_the_start_or_invents_an_event(
    tmp_path_factory: pytest.TempPathFactory,
    damages: list[tuple[float, bytes]],
    cut: float | None,
) -> None:
    if not ORIGIN:
        origin = tmp_path_factory.mktemp("origin") / "stationd.db"
        await fill(origin)
        ORIGIN.append(content(origin))
    path = tmp_path_factory.mktemp("damaged") / "stationd.db"
    place(path, ORIGIN[0])
    for where, garbage in damages:
        overwrite(path, int(where * (len(ORIGIN[0]) - 1)), garbage)
    if cut is not None:
        truncate(path, cut)
    async with opened(path) as database, queue(database) as outbox:
        found = await delivered(outbox)
        assert found == sorted(set(found))
        (new,) = await outbox.append([entry(0)])
        assert new > max(found, default=0)
        await Documents.open(database)
        await Counters(database).next("pagination")
        await Sessions(database).load_all()
