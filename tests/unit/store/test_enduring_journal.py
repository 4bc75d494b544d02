import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.core.events import MeterValuesEvent, SecurityEvent, StoredEvent, TransactionEvent
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.session import idle_state
from agent.core.session_state import SessionState, Transaction
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import (
    ChargingState,
    IdToken,
    ReadingContext,
    TransactionPhase,
    TriggerReason,
)
from agent.store.database import Database
from agent.store.endurance import Endurance
from agent.store.enduring_journal import EnduringJournal
from agent.store.enduring_settings import EnduringDocuments, EnduringNumbers
from agent.store.errors import Reason, StoreUnavailable
from agent.store.journal import StoredJournal, must_keep
from agent.store.outbox import Outbox, Stamp
from agent.store.sessions import Sessions, TransactionNumbers
from agent.store.settings import Documents
from tests.examples import examples
from tests.unit.store.stores import SMALL, opened

AT = datetime(2026, 3, 2, tzinfo=UTC)
PHASES = {0: TransactionPhase.STARTED, 9: TransactionPhase.ENDED}


def event(number: int) -> TransactionEvent:
    return TransactionEvent(
        at=AT,
        evse=1,
        phase=PHASES.get(number, TransactionPhase.UPDATED),
        transaction_id="tx",
        seq_no=number,
        trigger=TriggerReason.METER_VALUE_PERIODIC,
        charging_state=ChargingState.CHARGING,
        register_wh=Decimal(number),
    )


def number_of(stored: StoredEvent) -> int:
    assert isinstance(stored, TransactionEvent)
    return stored.seq_no


def running(number: int) -> SessionState:
    transaction = Transaction("tx", AT, Decimal(0), next_seq_no=number + 1)
    return replace(idle_state(1), transaction=transaction)


class Disk:
    """Makes every write fail, in the transaction, as a full or failing disk does."""

    def __init__(self, database: Database) -> None:
        self.fails = False
        self.writes = 0
        self._write = database.write
        database.write = self.write  # type: ignore[method-assign, assignment]

    async def write(self, fn, *arguments, **more):  # type: ignore[no-untyped-def]
        def failing(connection: sqlite3.Connection) -> object:
            if self.fails:
                raise StoreUnavailable(Reason.FULL, "no space left")
            return fn(connection)

        self.writes += 1
        return await self._write(failing, *arguments, **more)


@dataclass
class Store:
    disk: Disk
    endurance: Endurance
    journal: EnduringJournal
    documents: EnduringDocuments
    numbers: EnduringNumbers
    database: Database

    async def told(self) -> list[int]:
        """Deliver everything; return the numbers in the order of delivery."""
        found = []
        while (head := self.journal.head()) is not None:
            found.append(number_of(head.event))
            await self.journal.acknowledge(head.row_id)
        return found

    async def record(self, number: int) -> None:
        await self.journal.record(running(number), [event(number)], before_effect=True)


@asynccontextmanager
async def stored(path: Path, most_held: int = 100) -> AsyncIterator[Store]:
    clock = iter(range(1_000_000))

    def stamp() -> Stamp:
        return Stamp("boot", float(next(clock)), None)

    async with opened(path, SMALL) as database:
        disk, endurance = Disk(database), Endurance(retry_s=0.01)
        outbox = await Outbox.open(database, stamp=stamp, schema=1)
        documents = EnduringDocuments(await Documents.open(database), endurance)
        numbers = EnduringNumbers(await TransactionNumbers.open(database, "csms"), endurance)
        inner = StoredJournal(database, outbox, await Sessions(database).load_all())
        journal = EnduringJournal(inner, endurance, stamp, most_held)
        try:
            yield Store(disk, endurance, journal, documents, numbers, database)
        finally:
            await outbox.close()


async def test_events_that_cannot_be_stored_are_delivered_in_order(path: Path) -> None:
    async with stored(path) as store:
        await store.record(0)
        store.disk.fails = True
        await store.record(1)
        await store.record(2)
        store.disk.fails = False
        await store.record(3)
        assert len(store.journal) == 4
        assert await store.told() == [0, 1, 2, 3]
        assert len(store.journal) == 0


async def test_what_waited_in_memory_is_on_the_disk_once_that_works_again(path: Path) -> None:
    async with stored(path) as store:
        store.disk.fails = True
        for number in range(3):
            await store.record(number)
        assert not await store.endurance.catch_up()
        store.disk.fails = False
        assert await store.endurance.catch_up()
        assert not store.journal.is_behind
    async with stored(path) as store:
        assert await store.told() == [0, 1, 2]
        session = store.journal.sessions()[1]
        assert session.transaction is not None
        assert session.transaction.next_seq_no == 3


async def test_moved_events_keep_the_time_at_which_they_happened(path: Path) -> None:
    async with stored(path) as store:
        store.disk.fails = True
        await store.record(0)
        before = store.journal.head()
        store.disk.fails = False
        await store.endurance.catch_up()
        after = store.journal.head()
        assert before is not None
        assert after is not None
        assert after.row_id > 0 > before.row_id
        assert (after.boot_id, after.monotonic_s) == (before.boot_id, before.monotonic_s)


async def test_an_event_that_moves_while_it_is_being_told_is_acknowledged_once(
    path: Path,
) -> None:
    async with stored(path) as store:
        store.disk.fails = True
        await store.record(0)
        await store.record(1)
        given = store.journal.head()
        assert given is not None
        store.disk.fails = False
        await store.endurance.catch_up()
        await store.journal.acknowledge(given.row_id)
        assert await store.told() == [1]


async def test_an_event_that_moves_while_it_is_being_told_can_be_dropped(path: Path) -> None:
    async with stored(path) as store:
        store.disk.fails = True
        await store.record(0)
        await store.record(1)
        given = store.journal.head()
        assert given is not None
        store.disk.fails = False
        await store.endurance.catch_up()
        await store.journal.drop(given.row_id, "refused")
        assert await store.told() == [1]


async def test_only_the_head_can_be_acknowledged(path: Path) -> None:
    async with stored(path) as store:
        store.disk.fails = True
        await store.record(0)
        with pytest.raises(LookupError):
            await store.journal.acknowledge(-2)


async def test_the_head_is_given_up_even_where_that_cannot_be_noted(path: Path) -> None:
    async with stored(path) as store:
        await store.record(0)
        store.disk.fails = True
        await store.record(1)
        for _ in range(2):
            head = store.journal.head()
            assert head is not None
            await store.journal.drop(head.row_id, "refused")
        assert len(store.journal) == 0


async def test_whoever_waits_for_an_event_hears_of_one_in_memory(path: Path) -> None:
    async with stored(path) as store:
        waiting = asyncio.create_task(store.journal.wait_not_empty())
        await asyncio.sleep(0)
        store.disk.fails = True
        await store.record(0)
        await asyncio.wait_for(waiting, 1)
        assert store.journal.head() is not None


@pytest.mark.requirement("E14.FR.04", "E14.FR.05", "E14.FR.07", "E14.FR.08")
async def test_unacknowledged_events_are_found_wherever_they_wait(path: Path) -> None:
    async with stored(path) as store:
        assert not await store.journal.holds_transaction(None)
        await store.record(0)
        store.disk.fails = True
        await store.record(1)
        for _ in range(2):
            assert await store.journal.holds_transaction("tx")
            assert await store.journal.holds_transaction(None)
            assert not await store.journal.holds_transaction("another")
            head = store.journal.head()
            assert head is not None
            await store.journal.acknowledge(head.row_id)
        assert not await store.journal.holds_transaction("tx")
        assert not await store.journal.holds_transaction(None)


@pytest.mark.requirement("E14.FR.08")
async def test_what_belongs_to_no_transaction_is_none_of_its_messages(path: Path) -> None:
    async with stored(path) as store:
        await store.journal.record(None, [SecurityEvent(at=AT, kind="X")], before_effect=True)
        assert len(store.journal) == 1
        assert not await store.journal.holds_transaction(None)


@pytest.mark.requirement("E14.FR.04")
async def test_rows_that_cannot_be_read_count_as_not_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stored(path) as store:
        await store.record(0)

        async def unreadable(_fn: object) -> None:
            raise StoreUnavailable(Reason.INPUT_OUTPUT, "cannot be read")

        monkeypatch.setattr(store.database, "read", unreadable)
        assert await store.journal.holds_transaction("tx")
        head = store.journal.head()
        assert head is not None
        await store.journal.acknowledge(head.row_id)
        assert not await store.journal.holds_transaction("tx")


async def test_a_refusal_is_reported_once_and_the_report_itself_is_kept(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stored(path) as store:
        reports: list[StoreUnavailable] = []
        store.endurance.on_refusal = reports.append
        store.disk.fails = True
        for number in range(3):
            await store.record(number)
        store.disk.fails = False
        await store.endurance.catch_up()
        store.disk.fails = True
        await store.record(3)
        assert [report.reason for report in reports] == [Reason.FULL]
        assert caplog.text.count("refuses writes") == 2


async def test_the_endurance_moves_everything_by_itself(path: Path) -> None:
    async with stored(path) as store:
        running_ = asyncio.create_task(store.endurance.run())
        store.disk.fails = True
        await store.record(0)
        await store.documents.put("kind", "key", "text")
        await asyncio.sleep(0.03)
        assert store.endurance.refuses
        store.disk.fails = False
        for _ in range(400):
            await asyncio.sleep(0.005)
            if not store.endurance.refuses:
                break
        running_.cancel()
        await asyncio.gather(running_, return_exceptions=True)
        assert not store.journal.is_behind
        assert not store.documents.is_behind


async def test_a_full_memory_gives_up_values_between_start_and_end(path: Path) -> None:
    async with stored(path, most_held=10) as store:
        store.disk.fails = True
        await store.record(0)
        for number in range(1, 9):
            await store.record(number)
        await store.record(9)
        values = MeterValuesEvent(at=AT, evse=1, meter_values=())
        await store.journal.record(None, [values] * 40, before_effect=False)
        assert len(store.journal) < 40
        phases = []
        while (head := store.journal.head()) is not None:
            if isinstance(head.event, TransactionEvent):
                phases.append(head.event.phase)
            await store.journal.acknowledge(head.row_id)
        assert phases[0] is TransactionPhase.STARTED
        assert phases[-1] is TransactionPhase.ENDED


async def test_starts_and_ends_are_never_given_up(path: Path) -> None:
    async with stored(path, most_held=4) as store:
        store.disk.fails = True
        for _ in range(20):
            await store.journal.record(None, [event(0), event(9)], before_effect=True)
            security = SecurityEvent(at=AT, kind="InvalidMessages", technical_info=None)
            await store.journal.record(None, [security], before_effect=True)
        kept = []
        while (head := store.journal.head()) is not None:
            kept.append(head.event)
            await store.journal.acknowledge(head.row_id)
        assert sum(isinstance(one, TransactionEvent) for one in kept) == 40
        assert sum(isinstance(one, SecurityEvent) for one in kept) < 20


ONLY_ONCE = {
    "id_token": IdToken("04A2B3C4"),
    "remote_start_id": 7,
    "reservation_id": 8,
    "names_evse": True,
    "starts_billing": True,
    "meter_values": (
        MeterValue(AT, (SampledValue(Decimal(1), context=ReadingContext.TRANSACTION_BEGIN),)),
    ),
}


@pytest.mark.requirement("E04.FR.07", "E11.FR.04", "E12.FR.04")
@pytest.mark.parametrize("news", ONLY_ONCE)
def test_a_value_that_brings_news_is_more_than_a_value(news: str) -> None:
    assert not must_keep(event(1))
    assert must_keep(replace(event(1), **{news: ONLY_ONCE[news]}))  # type: ignore[arg-type]


@pytest.mark.requirement("E11.FR.04", "E12.FR.04")
def test_only_values_at_an_interval_may_be_given_up() -> None:
    values = {TriggerReason.METER_VALUE_PERIODIC, TriggerReason.METER_VALUE_CLOCK}
    for trigger in TriggerReason:
        assert must_keep(replace(event(1), trigger=trigger)) == (trigger not in values)


@pytest.mark.requirement("E04.FR.08", "E11.FR.05", "E12.FR.05")
async def test_a_full_memory_takes_from_each_transaction_in_turn(path: Path) -> None:
    async with stored(path, most_held=21) as store:
        store.disk.fails = True
        first = [replace(event(0), transaction_id=name) for name in "ab"]
        values = [replace(event(10 + n), transaction_id="ab"[n % 2]) for n in range(20)]
        for one in (*first, *values):
            await store.journal.record(None, [one], before_effect=True)
        kept = [10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 28, 29]
        assert await store.told() == [0, 0, *kept]


def bulky(number: int) -> TransactionEvent:
    signed = SignedValue(os.urandom(500).hex())
    value = MeterValue(AT, (SampledValue(Decimal(number), signed=signed),))
    return replace(event(number), meter_values=(value,))


@pytest.mark.requirement("E04.FR.07", "E04.FR.08", "E11.FR.04", "E12.FR.04", "E12.FR.05")
async def test_a_full_disk_gives_up_values_before_anything_is_refused(path: Path) -> None:
    small = replace(SMALL, max_bytes=400 * 1024)
    endurance, stamp = Endurance(), Stamp("boot", 1.0, None)
    async with opened(path, small) as database:
        outbox = await Outbox.open(database, stamp=lambda: stamp, schema=1)
        journal = EnduringJournal(StoredJournal(database, outbox, {}), endurance, lambda: stamp)
        await journal.record(None, [event(0)], before_effect=True)
        for number in range(10, 1000):
            await journal.record(None, [bulky(number)], before_effect=True)
        await journal.record(None, [event(9)], before_effect=True)
        assert not endurance.refuses
        assert not journal.is_behind
        numbers = []
        while len(journal):
            await journal.wait_not_empty()
            head = journal.head()
            assert head is not None
            numbers.append(number_of(head.event))
            await journal.acknowledge(head.row_id)
        (dropped,) = await outbox.dropped()
        assert dropped.rows == 992 - len(numbers)
        assert (numbers[0], numbers[-2:]) == (0, [999, 9])
        kept = numbers[1:-1]
        assert 100 < len(kept) < 600
        assert min(kept) < 100
        assert any(400 < number < 600 for number in kept)
        await outbox.close()


async def test_documents_count_at_once_and_are_stored_later(path: Path) -> None:
    async with stored(path) as store:
        await store.documents.put("kind", "old", "1")
        store.disk.fails = True
        await store.documents.put_many("kind", {"a": "1", "b": "2"})
        await store.documents.put("kind", "a", "")
        await store.documents.delete("kind", "old")
        assert dict(store.documents.items("kind")) == {"a": "", "b": "2"}
        assert store.documents.get("kind", "old") is None
        store.disk.fails = False
        assert await store.endurance.catch_up()
    async with stored(path) as store:
        assert dict(store.documents.items("kind")) == {"a": "", "b": "2"}


async def test_a_number_of_the_csms_is_known_at_once_and_stored_later(path: Path) -> None:
    async with stored(path) as store:
        store.disk.fails = True
        await store.numbers.remember("tx", 7)
        assert (store.numbers.number_of("tx"), store.numbers.transaction_of(7)) == (7, "tx")
        store.disk.fails = False
        assert await store.endurance.catch_up()
    async with stored(path) as store:
        assert store.numbers.number_of("tx") == 7


async def test_a_closed_store_is_a_fault_of_the_program(path: Path) -> None:
    async with stored(path) as store:
        pass
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.record(0)


STEPS = st.lists(st.sampled_from(["record", "fail", "work", "catch up", "tell"]), max_size=40)


@settings(
    deadline=None,
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_whatever_the_disk_does_everything_is_told_once_and_in_order(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def play() -> list[int]:
        folder = tmp_path_factory.mktemp("store")
        told, recorded = [], 0
        async with stored(folder / "stationd.db") as store:
            for step in steps:
                if step == "record":
                    await store.record(recorded)
                    recorded += 1
                elif step == "catch up":
                    await store.endurance.catch_up()
                elif step == "tell" and (head := store.journal.head()) is not None:
                    store.disk.fails = False
                    await store.endurance.catch_up()
                    told.append(number_of(head.event))
                    await store.journal.acknowledge(head.row_id)
                else:
                    store.disk.fails = step == "fail"
            store.disk.fails = False
            await store.endurance.catch_up()
        async with stored(folder / "stationd.db") as store:
            return told + await store.told()

    assert asyncio.run(play()) == list(range(steps.count("record")))
