"""Sessions and events in the core's words, on top of the outbox and the session documents."""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.core.documents import UnreadableDocument, read, written
from agent.core.event_documents import from_document, to_document
from agent.core.events import (
    ConnectorUnplugged,
    SecurityEvent,
    StoredEvent,
    TransactionEvent,
)
from agent.core.progress import FirmwareProgress
from agent.core.reservation import ReservationEnded
from agent.core.session_state import Deadlines, SessionState
from agent.core.vocabulary import ReadingContext, TransactionPhase, TriggerReason
from agent.ports import QueuedEvent
from agent.store.database import Database
from agent.store.errors import Reason, StoreUnavailable
from agent.store.group import Durability
from agent.store.outbox import Also, Entry, Outbox, Row, Stamp
from agent.store.sessions import Sessions

_SAMPLES = frozenset({TriggerReason.METER_VALUE_PERIODIC, TriggerReason.METER_VALUE_CLOCK})
_BEGIN = ReadingContext.TRANSACTION_BEGIN

log = logging.getLogger(__name__)


class StoredJournal:
    """The durable memory of sessions and events, and the queue in which events leave."""

    def __init__(self, database: Database, outbox: Outbox, documents: Mapping[int, bytes]) -> None:
        self._database = database
        self._outbox = outbox
        self._sessions = {
            evse: state
            for evse, body in documents.items()
            if (state := _session(evse, body)) is not None
        }

    def sessions(self) -> Mapping[int, SessionState]:
        """Return the state of every EVSE at the last restart; an unreadable one is left out."""
        return self._sessions

    async def record(
        self, state: SessionState | None, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        """Commit a session's state together with its events. StoreUnavailable if it cannot be."""
        durability = Durability.BEFORE_EFFECT if before_effect else Durability.WITHIN_SECONDS
        entries = [_entry(event) for event in events]
        states = () if state is None else (state,)
        await self._append(entries, _storing(states), durability)

    async def record_late(
        self, states: Sequence[SessionState], events: Sequence[tuple[StoredEvent, Stamp]]
    ) -> tuple[int, ...]:
        """Commit what could not be recorded when it happened; return the rows of the events.

        StoreUnavailable: nothing of it is stored.
        """
        entries = [replace(_entry(event), stamp=stamp) for event, stamp in events]
        return await self._append(entries, _storing(states), Durability.BEFORE_EFFECT)

    async def record_with(self, events: Sequence[StoredEvent], also: Also) -> None:
        """Commit events together with another write. StoreUnavailable: nothing of it is stored."""
        entries = [_entry(event) for event in events]
        await self._append(entries, also, Durability.BEFORE_EFFECT)

    async def _append(
        self, entries: Sequence[Entry], also: Also | None, durability: Durability
    ) -> tuple[int, ...]:
        """Store, on a full disk in place of values that can be missed (E04.FR.07, E11.FR.04)."""
        try:
            return await self._outbox.append(entries, also, durability)
        except StoreUnavailable as error:
            if error.reason is not Reason.FULL or not await self._outbox.make_room():
                raise
        return await self._outbox.append(entries, also, durability)

    # --- The queue.

    def __len__(self) -> int:
        return len(self._outbox)

    def head(self) -> QueuedEvent | None:
        """Return the oldest unacknowledged event; what cannot be read is given up and logged."""
        while (row := self._outbox.head()) is not None:
            event = _event(row)
            if event is not None:
                return queued(row.id, event, row.stamp)
            self._outbox.acknowledge(row.id)
        return None

    async def wait_not_empty(self) -> None:
        """Return when there is a head."""
        await self._outbox.wait_not_empty()

    async def holds_transaction(self, transaction_id: str | None) -> bool:
        """Tell whether an event of this transaction, of any one for None, is unacknowledged."""
        return await self._outbox.holds(TransactionEvent.__name__, transaction_id)

    async def acknowledge(self, row_id: int) -> None:
        """Forget the head; survives a killed process."""
        self._outbox.acknowledge(row_id)

    async def drop(self, row_id: int, reason: str) -> None:
        """Give the head up for good and keep a note of it."""
        await self._outbox.drop(row_id, reason)


def must_keep(event: StoredEvent) -> bool:
    """Tell whether an event may never be given up for want of room."""
    return _entry(event).must_keep


def queued(row_id: int, event: StoredEvent, stamp: Stamp) -> QueuedEvent:
    """Return an event with what its stamp says; no UTC means that the time was not known."""
    clock_known = stamp.utc_ms is not None
    return QueuedEvent(row_id, event, stamp.boot_id, stamp.monotonic_s, clock_known)


def _storing(states: Sequence[SessionState]) -> Also | None:
    bodies = {
        state.evse: json.dumps(written(_for_the_disk(state)), separators=(",", ":")).encode()
        for state in states
    }

    def store(connection: sqlite3.Connection) -> None:
        for evse, body in bodies.items():
            Sessions.upsert(connection, evse, body)

    return store if bodies else None


def _for_the_disk(state: SessionState) -> SessionState:
    """Deadlines are on this process's clock and a verdict awaited now will not come later."""
    return SessionState(
        evse=state.evse,
        snapshot=state.snapshot,
        authorization=state.authorization,
        transaction=state.transaction,
        limit_a=state.limit_a,
        wanted_phases=state.wanted_phases,
        wanted_phase=state.wanted_phase,
        rest=state.rest,
        connection=state.connection,
        ended=state.ended,
        cable_max_a=state.cable_max_a,
        cable_keeper=state.cable_keeper,
        hold=state.hold,
        deadlines=Deadlines(),
    )


def _session(evse: int, body: bytes) -> SessionState | None:
    try:
        return read(SessionState, json.loads(body))
    except (UnreadableDocument, ValueError) as error:
        log.error("the session of EVSE %d cannot be resumed: %s", evse, error)
        return None


def _entry(event: StoredEvent) -> Entry:
    body = json.dumps(to_document(event), separators=(",", ":")).encode()
    match event:
        case TransactionEvent():
            keep, name = not _is_mere_sample(event), type(event).__name__
            return Entry(name, body, event.transaction_id, event.seq_no, keep)
        case ConnectorUnplugged() | SecurityEvent() | ReservationEnded() | FirmwareProgress():
            return Entry(type(event).__name__, body, None, None, must_keep=True)
        case _:
            return Entry(type(event).__name__, body, None, None, must_keep=False)


def _is_mere_sample(event: TransactionEvent) -> bool:
    """Tell whether an event holds nothing but values of one instant, so that others make up for it.

    What is told only once in a transaction must arrive; so must reaching a limit (E11.FR.04).
    """
    sample = event.phase is TransactionPhase.UPDATED and event.trigger in _SAMPLES
    told_once = (event.id_token, event.remote_start_id, event.reservation_id)
    begins = any(s.context is _BEGIN for value in event.meter_values for s in value.samples)
    news = event.names_evse or event.starts_billing or begins or told_once != (None, None, None)
    return sample and not news


def _event(row: Row) -> StoredEvent | None:
    try:
        return from_document(json.loads(row.entry.body), row.schema)
    except (UnreadableDocument, ValueError) as error:
        log.error("stored event %d is unreadable and given up: %s", row.id, error)
        return None
