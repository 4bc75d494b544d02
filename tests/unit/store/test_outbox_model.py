"""The outbox against a plain list, over restarts and kills."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.store.database import Database
from agent.store.group import Durability
from agent.store.outbox import Outbox, OutboxLimits
from tests.examples import examples
from tests.unit.store.stores import SMALL, STAMP, entry, snapshot

LIMITS = OutboxLimits(look_ahead=4)


class OutboxMachine(RuleBasedStateMachine):
    """The model: (id, sequence number) of every event that was appended and not yet answered."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp(prefix="outbox-model-"))
        self.model: list[tuple[int, int]] = []
        self.used_ids: set[int] = set()
        self.appended = 0
        self.dropped = 0
        self.lives = 0

    @initialize()
    def begin(self) -> None:
        self.path = self.directory / "0" / "stationd.db"
        self.open()

    def open(self) -> None:
        async def start() -> tuple[Database, Outbox]:
            database = await Database.open(self.path, SMALL)
            outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=1, limits=LIMITS)
            return database, outbox

        self.database, self.outbox = self.runner.run(start())

    def close(self) -> None:
        async def stop() -> None:
            await self.outbox.close()
            await self.database.close()

        self.runner.run(stop())

    @rule(count=st.integers(1, 6), durability=st.sampled_from(Durability), fails=st.booleans())
    def append(self, count: int, durability: Durability, fails: bool) -> None:
        entries = [entry(self.appended + index) for index in range(count)]

        def also(_: object) -> None:
            if fails:
                raise LookupError

        async def run() -> tuple[int, ...]:
            try:
                return await self.outbox.append(entries, also, durability)
            except LookupError:
                return ()
            finally:
                await self.database.write(lambda _: None)  # commits class B

        ids = self.runner.run(run())
        assert bool(ids) is not fails
        assert not self.used_ids & set(ids)
        self.used_ids |= set(ids)
        self.model += [(row_id, self.appended + index) for index, row_id in enumerate(ids)]
        self.appended += len(ids)

    @precondition(lambda self: self.model)
    @rule(count=st.integers(1, 9))
    def acknowledge(self, count: int) -> None:
        async def run() -> None:
            for row_id, number in self.model[:count]:
                await asyncio.wait_for(self.outbox.wait_not_empty(), 5)
                head = self.outbox.head()
                assert head is not None
                assert (head.id, head.entry.seq_no) == (row_id, number)
                self.outbox.acknowledge(row_id)

        self.runner.run(run())
        del self.model[:count]

    @precondition(lambda self: self.model)
    @rule()
    def drop(self) -> None:
        async def run() -> None:
            await asyncio.wait_for(self.outbox.wait_not_empty(), 5)
            await self.outbox.drop(self.model[0][0], "gave up")

        self.runner.run(run())
        del self.model[0]
        self.dropped += 1

    @rule()
    def restart(self) -> None:
        self.close()
        self.open()

    @rule()
    def kill(self) -> None:
        self.lives += 1
        killed, self.path = self.path, self.directory / str(self.lives) / "stationd.db"
        snapshot(killed, self.path)
        self.close()
        self.open()

    @invariant()
    def length_and_order_are_those_of_the_model(self) -> None:
        if not hasattr(self, "outbox"):
            return
        assert len(self.outbox) == len(self.model)
        head = self.outbox.head()
        assert head is None or head.id == self.model[0][0]

    @invariant()
    def nothing_is_given_up_unnoticed(self) -> None:
        if not hasattr(self, "outbox"):
            return
        journal = self.runner.run(self.outbox.dropped())
        assert sum(dropped.rows for dropped in journal) == self.dropped

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self.close()
        self.runner.close()
        shutil.rmtree(self.directory)


TestOutboxAgainstAList = OutboxMachine.TestCase
TestOutboxAgainstAList.settings = settings(
    max_examples=examples(10),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
