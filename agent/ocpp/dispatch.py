"""Who speaks next to the CSMS: gating before acceptance, passing news, and the stored queue.

Passing news (boot, heartbeat, authorization, status) goes out in the order it was published, as
soon as the connection is free. Stored events go out strictly one after the other once the present
state has been told, and leave the queue only when the CSMS acknowledged them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from agent.core.events import (
    Boot,
    DomainEvent,
    EvseChanged,
    MeterValuesEvent,
    PassingEvent,
    StoredEvent,
    TransactionEvent,
)
from agent.core.facts import Fact, TransactionAcknowledged
from agent.core.provisioning import Registration
from agent.core.records import dataclass
from agent.core.snapshot import EvseSnapshot
from agent.ocpp.codec import Call, Codec, CodecContext
from agent.ocpp.connection import CallError, CallFailed, Connection
from agent.ocpp.dialect import RpcErrorCode
from agent.ocpp.directory import START_WAS_DROPPED, UnknownPlace
from agent.ocpp.framing import UnencodableFrame
from agent.ocpp.schemas import Schemas, SchemaViolation
from agent.ocpp.status_hold import StatusHold
from agent.ports import (
    CsmsRefused,
    CsmsUnavailable,
    EventQueue,
    QueuedEvent,
    TransactionNumbers,
)

PASSING_EVENTS = 256
"""Passing news beyond this many is dropped, oldest first: the present state is told again."""

_TURNS = 50
"""More turns of the event loop than it takes to bring an answer to whoever asked."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """MessageAttempts and MessageAttemptInterval of transaction messages (E13)."""

    attempts: int = 5
    interval_s: int = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One connection with the codec that was negotiated on it."""

    connection: Connection
    codec: Codec
    schemas: Schemas
    boot_id: str
    since_s: float
    proved: Callable[[], None]


class Dispatcher:
    """The station's voice. `attach` and `detach` follow the connection; the rest is steady."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it speaks of, and by which rules
        self,
        queue: EventQueue,
        numbers: TransactionNumbers,
        context: CodecContext,
        retry: Callable[[], RetryPolicy],
        acknowledged: Callable[[TransactionAcknowledged], None],
        dated: Callable[[QueuedEvent], StoredEvent] = lambda queued: queued.event,
        minimum_status_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`dated` returns a stored event as it is to be told now.

        A status is told after `minimum_status_s`, in versions that know such a rule.
        """
        self.registration = Registration()
        self._queue = queue
        self._numbers = numbers
        self._context = context
        self._retry = retry
        self._acknowledged = acknowledged
        self._dated = dated
        self._line: Line | None = None
        self._up, self._down, self._queue_open = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._down.set()
        self._news: asyncio.Queue[PassingEvent] = asyncio.Queue(PASSING_EVENTS)
        self._told: dict[int, EvseSnapshot] = {}
        self._hold = StatusHold(minimum_status_s, self._put)
        self._answers_taken = 0
        self._sent_at_s = asyncio.get_running_loop().time()

    # --- The connection.

    def attach(self, line: Line) -> None:
        """Speak over this connection from now on."""
        self._line = line
        self._answers_taken = 0
        self._down.clear()
        self._up.set()

    def detach(self) -> None:
        """Take note that the connection is gone; passing news is dropped, stored events wait."""
        self._line = None
        self._hold.clear()
        self._up.clear()
        self._queue_open.clear()
        self._down.set()
        while not self._news.empty():
            self._forget_oldest_news()

    def meet_another_csms(self) -> None:
        """Forget what the CSMS knows: the one that is met next knows nothing yet (B10.FR.10)."""
        self.registration = Registration()
        self._told.clear()

    @property
    def line(self) -> Line | None:
        """The connection in use."""
        return self._line

    @property
    def online(self) -> bool:
        """Tell whether the station is connected and accepted."""
        return self._line is not None and self.registration.accepted

    async def wait_up(self) -> None:
        """Return when there is a connection."""
        await self._up.wait()

    async def wait_down(self) -> None:
        """Return when the connection is gone."""
        await self._down.wait()

    def open_queue(self) -> None:
        """Let stored events go out, now that the present state has been told."""
        if self._line is not None:
            self._queue_open.set()

    def told_state(self, evse: int) -> EvseSnapshot | None:
        """Return the state of an EVSE that the CSMS has acknowledged last."""
        return self._told.get(evse)

    async def caught_up(self) -> None:
        """Return when the answers received so far have been taken in.

        A CALL right behind the answer to BootNotification must find the new registration.
        """
        for _ in range(_TURNS):
            line = self._line
            if line is None or line.connection.counters.answers <= self._answers_taken:
                return
            await asyncio.sleep(0)

    def silence_s(self) -> float:
        """Return how long nothing was sent."""
        return asyncio.get_running_loop().time() - self._sent_at_s

    # --- Speaking.

    async def ask(self, event: DomainEvent, *, asked_for: bool = False) -> Fact | None:
        """Tell an event and return what the answer states.

        Raises CsmsUnavailable without connection or acceptance, CsmsRefused on a CALLERROR.
        """
        line = self._line
        allowed = self.registration.may_originate(boot=isinstance(event, Boot), asked_for=asked_for)
        if line is None or not allowed:
            raise CsmsUnavailable("there is no accepted connection")
        fact: Fact | None = None
        for call in _worded(line, event, self._context):
            fact = await self._exchange(line, call, event, self._context) or fact
        return fact

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        """Tell an event that is worth nothing later; dropped while it may not be told."""
        if self._line is None or not self.registration.may_originate(
            boot=False, asked_for=asked_for
        ):
            return
        if not (isinstance(event, EvseChanged) and self._holds(self._line, event)):
            self._put(event)

    def _holds(self, line: Line, change: EvseChanged) -> bool:
        """Keep a status back that may not last (S16-STAT-01)."""
        if not line.codec.rules.statuses_must_last:
            return False
        context = self._context
        return self._hold.takes(change, lambda news: bool(line.codec.encode(news, context)))

    def _put(self, event: PassingEvent) -> None:
        if self._news.full():
            self._forget_oldest_news()
        self._news.put_nowait(event)

    async def run(self) -> None:
        """Tell passing news and drain the queue for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_news())
            tasks.create_task(self._drain())

    async def _tell_news(self) -> None:
        while True:
            event = await self._news.get()
            try:
                if isinstance(event, EvseChanged):
                    await self._tell_state(event)
                else:
                    await self.ask(event, asked_for=True)
            except (CsmsRefused, CsmsUnavailable) as error:
                log.info("%s was not taken: %s", type(event).__name__, error)
            finally:
                self._news.task_done()

    async def _tell_state(self, change: EvseChanged) -> None:
        """Tell a state as the change from what the CSMS knows, since earlier news may be lost."""
        known = None if change.before is None else self._told.get(change.evse)
        await self.ask(replace(change, before=known), asked_for=True)
        self._told[change.evse] = change.after

    def _forget_oldest_news(self) -> None:
        self._news.get_nowait()
        self._news.task_done()

    # --- The queue.

    async def _drain(self) -> None:
        attempts_of: tuple[int, int] = (0, 0)
        while True:
            await self._queue_open.wait()
            # The present state goes first (S16-BOOT-12).
            await self._news.join()
            queued = await self._head()
            if queued is None or self._line is None:
                continue
            row_id, attempts = attempts_of
            attempts = attempts + 1 if row_id == queued.row_id else 1
            try:
                await self._deliver(self._line, queued)
            except CsmsUnavailable:
                await self._pause_until_reconnected()
                continue
            except CsmsRefused as refusal:
                attempts_of = (queued.row_id, attempts)
                await self._after_refusal(queued, attempts, refusal)
            except UnknownPlace as error:
                log.error("event %d cannot be told: %s", queued.row_id, error)
                await self._queue.drop(queued.row_id, str(error))

    async def _head(self) -> QueuedEvent | None:
        await self._queue.wait_not_empty()
        return self._queue.head() if self._queue_open.is_set() else None

    async def _deliver(self, line: Line, queued: QueuedEvent) -> None:
        waited = queued.boot_id != line.boot_id or queued.monotonic_s < line.since_s
        context = replace(self._context, offline=waited)
        event = self._dated(queued)
        for call in _worded(line, event, context):
            fact = await self._exchange(line, call, event, context)
            if isinstance(fact, TransactionAcknowledged):
                await self._learn(fact)
        await self._queue.acknowledge(queued.row_id)

    async def _learn(self, fact: TransactionAcknowledged) -> None:
        if fact.csms_id is not None:
            await self._numbers.remember(fact.transaction_id, fact.csms_id)
        self._acknowledged(fact)

    async def _pause_until_reconnected(self) -> None:
        """Losing the connection is no failed attempt (E13); the head waits for the next one."""
        if self._line is None or not self._line.connection.is_open:
            await self._down.wait()

    async def _after_refusal(
        self, queued: QueuedEvent, attempts: int, refusal: CsmsRefused
    ) -> None:
        """Wait before the next attempt, or give the message up after the last (E13.FR.02-04).

        Only transaction messages are worth a second attempt; what a CSMS does not know, such as
        1.6's security events, it will not know later.
        """
        policy = self._retry()
        is_transaction = isinstance(queued.event, TransactionEvent | MeterValuesEvent)
        if attempts >= policy.attempts or not is_transaction:
            log.error(
                "event %d is given up after %d attempts: %s", queued.row_id, attempts, refusal
            )
            await self._give_up(queued, refusal)
            return
        log.warning("event %d was refused: %s", queued.row_id, refusal)
        try:
            async with asyncio.timeout(policy.interval_s * attempts):
                await self._down.wait()
        except TimeoutError:
            return

    async def _give_up(self, queued: QueuedEvent, refusal: CsmsRefused) -> None:
        event = queued.event
        if isinstance(event, TransactionEvent) and event.starts_billing:
            # What follows of this transaction must not look as if the CSMS knew it (S16-TXM-05).
            await self._numbers.remember(event.transaction_id, START_WAS_DROPPED)
        await self._queue.drop(queued.row_id, str(refusal))

    # --- One exchange.

    async def _exchange(
        self, line: Line, call: Call, event: DomainEvent, context: CodecContext
    ) -> Fact | None:
        self._sent_at_s = asyncio.get_running_loop().time()
        try:
            reply = await line.connection.call(call.action, call.payload)
            self._answers_taken += 1
        except CallError as error:
            self._answers_taken += 1
            raise CsmsRefused(error.code, error.description) from error
        except UnencodableFrame as error:
            raise CsmsRefused(RpcErrorCode.INTERNAL_ERROR, str(error)) from error
        except CallFailed as error:
            raise CsmsUnavailable(str(error)) from error
        line.proved()
        try:
            validate = line.schemas.response(call.action)
            if validate is not None:
                validate(reply.payload)
            return line.codec.fact(call, event, reply.payload, context)
        except SchemaViolation as violation:
            code = line.codec.dialect.schema_errors[violation.rule]
            with contextlib.suppress(CallFailed):
                await line.connection.reject_result(reply, code, str(violation))
            raise CsmsRefused(code, f"its answer to {call.action} is not valid") from violation
        except Exception as error:
            log.exception("the answer to %s cannot be used", call.action)
            message = f"its answer to {call.action} cannot be used"
            raise CsmsRefused(RpcErrorCode.INTERNAL_ERROR, message) from error


def _worded(line: Line, event: DomainEvent, context: CodecContext) -> tuple[Call, ...]:
    """Encode an event; one that defies its codec must not hold up the others for ever."""
    try:
        return line.codec.encode(event, context)
    except UnknownPlace:
        raise
    except Exception as error:
        log.exception("%s cannot be worded", type(event).__name__)
        raise CsmsRefused(RpcErrorCode.INTERNAL_ERROR, "it cannot be worded") from error
