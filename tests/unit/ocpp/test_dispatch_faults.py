"""A bug in a codec or an absurd answer costs the dispatcher one message, nothing else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.events import HeartbeatDue, SecurityEvent, StationChanged
from agent.core.provisioning import Registration
from agent.core.vocabulary import RegistrationStatus
from agent.ocpp.codec import Codec, CodecContext
from agent.ocpp.connection import Counters
from agent.ocpp.directory import StationDirectory
from agent.ocpp.dispatch import Dispatcher, Line, RetryPolicy
from agent.ocpp.outcomes import CloseCause, ConnectionLost, Reply
from agent.ocpp.schemas import Schemas
from agent.ocpp.v201.codec import CODEC
from agent.ports import CsmsRefused, QueuedEvent

AT = datetime(2026, 3, 2, tzinfo=UTC)


class Wire:
    """A connection that answers everything with the same payload."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.is_open = True
        self.sent: list[str] = []
        self.answer: Mapping[str, Any] = {}

    async def call(self, action: str, payload: Mapping[str, Any]) -> Reply:
        self.sent.append(action)
        return Reply("id", self.answer)

    async def reject_result(self, reply: Reply, code: object, description: str) -> None:
        raise ConnectionLost(CloseCause.LOST)


class Queue:
    def __init__(self, *events: SecurityEvent) -> None:
        self.rows = [QueuedEvent(n, event, "boot", 0.0) for n, event in enumerate(events)]
        self.dropped: list[int] = []
        self.filled = asyncio.Event()
        self.filled.set()

    def __len__(self) -> int:
        return len(self.rows)

    def head(self) -> QueuedEvent | None:
        return self.rows[0] if self.rows else None

    async def wait_not_empty(self) -> None:
        while not self.rows:
            self.filled.clear()
            await self.filled.wait()

    async def acknowledge(self, row_id: int) -> None:
        assert self.rows.pop(0).row_id == row_id

    async def drop(self, row_id: int, reason: str) -> None:
        self.dropped.append(row_id)
        await self.acknowledge(row_id)


class Numbers:
    def number_of(self, transaction_id: str) -> int | None:
        return None

    def transaction_of(self, number: int) -> str | None:
        return None

    async def remember(self, transaction_id: str, number: int) -> None:
        return None


@asynccontextmanager
async def speaking(codec: Codec, queue: Queue) -> AsyncIterator[tuple[Dispatcher, Wire]]:
    context = CodecContext(StationDirectory([(1, 1)], Numbers()))
    dispatcher = Dispatcher(queue, Numbers(), context, RetryPolicy, lambda _fact: None)
    dispatcher.registration = Registration(RegistrationStatus.ACCEPTED)
    wire = Wire()
    line = Line(wire, codec, Schemas(codec.schemas), "boot", 0.0, lambda: None)  # type: ignore[arg-type]
    dispatcher.attach(line)
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher, wire
        assert not task.done(), "the dispatcher has ended"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def changed(**tables: Mapping[Any, Any]) -> Codec:
    """Return the codec with some entries of its tables replaced."""
    codec = Codec(CODEC.subprotocol, CODEC.schemas, CODEC.dialect, CODEC.rules)
    codec.extend(CODEC)
    for name, entries in tables.items():
        getattr(codec, name).update(entries)
    return codec


def broken(*_arguments: object) -> Any:
    raise ZeroDivisionError


async def test_an_event_that_cannot_be_worded_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = [SecurityEvent(at=AT, kind=kind) for kind in ("A", "B")]
    queue = Queue(*events)
    turns = iter([broken, CODEC.encoders[SecurityEvent]])

    def sometimes_broken(*words: object) -> Any:
        return next(turns)(*words)

    codec = changed(encoders={SecurityEvent: sometimes_broken})
    async with speaking(codec, queue) as (dispatcher, wire):
        dispatcher.open_queue()
        async with asyncio.timeout(2):
            while queue.rows:  # noqa: ASYNC110 - the queue is a fake without a signal
                await asyncio.sleep(0)
        assert queue.dropped == [0]
        assert wire.sent == ["SecurityEventNotification"]
    assert "SecurityEvent cannot be worded" in caplog.text


async def test_news_that_cannot_be_worded_is_left_out() -> None:
    async with speaking(changed(encoders={StationChanged: broken}), Queue()) as (dispatcher, wire):
        dispatcher.publish(StationChanged(at=AT, operative=True))
        await asyncio.sleep(0.01)
        wire.answer = {"currentTime": "2026-03-02T00:00:00Z"}
        await dispatcher.ask(HeartbeatDue())
        assert wire.sent == ["Heartbeat"]


async def test_an_answer_that_its_codec_cannot_read_is_a_refusal() -> None:
    async with speaking(changed(facts={"Heartbeat": broken}), Queue()) as (dispatcher, wire):
        wire.answer = {"currentTime": "2026-03-02T00:00:00Z"}
        with pytest.raises(CsmsRefused, match="cannot be used"):
            await dispatcher.ask(HeartbeatDue())


async def test_a_connection_lost_while_an_answer_is_refused_is_a_refusal() -> None:
    async with speaking(CODEC, Queue()) as (dispatcher, wire):
        wire.answer = {"currentTime": 7}
        with pytest.raises(CsmsRefused, match="not valid"):
            await dispatcher.ask(HeartbeatDue())
