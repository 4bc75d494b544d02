"""The durable queue of events for the CSMS: first in, first out, and nothing lost.

The rows are in the database; the next few and the length are in RAM. A row becomes the head
only after its commit, so that the CSMS never hears of something the station may forget. An
acknowledgement moves the cursor file; the rows themselves are deleted along with the next
append, or when enough of them have gathered.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import field

from agent.core.records import dataclass
from agent.store.cursor import AcknowledgementCursor
from agent.store.database import Database
from agent.store.errors import NotTheHead, StoreUnavailable
from agent.store.group import Durability
from agent.store.look_ahead import LookAhead
from agent.store.outbox_table import (
    Dropped,
    Entry,
    Extent,
    Row,
    Span,
    Stamp,
    Thinned,
    delete_through,
    gap_end_id,
    give_up,
    holds,
    insert,
    load,
    measure,
    read_dropped,
    thin,
)

__all__ = ["Also", "Dropped", "Entry", "Outbox", "OutboxLimits", "Row", "Stamp"]

_LOGGER = logging.getLogger(__name__)
_DELETE_BATCH = 200
_OVERFLOW = "the queue was full"
_REFUSED = "the storage was full"
_UNREADABLE = "the stored body is destroyed"

Also = Callable[[sqlite3.Connection], None]
"""A write that shares the transaction of an append."""


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """When optional rows are given up, and how many rows are kept in RAM."""

    max_rows: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    """Of bodies as stored (compressed); keep it well under the database's own limit."""
    look_ahead: int = 64


class Outbox:
    """One queue with one consumer; made by `Outbox.open`, ended by `close`."""

    def __init__(
        self,
        database: Database,
        cursor: AcknowledgementCursor,
        look_ahead: LookAhead,
        *,
        stamp: Callable[[], Stamp],
        schema: int,
        limits: OutboxLimits,
    ) -> None:
        """Not for callers: use `open`."""
        self.attempts = 0
        """How often the head was sent; the consumer counts, a new head starts at 0."""
        self._database = database
        self._cursor = cursor
        self._look_ahead = look_ahead
        self._stamp = stamp
        self._schema = schema
        self._limits = limits
        self._changed = asyncio.Event()
        self._deleted_id = cursor.position
        self._is_deleting = False

    @classmethod
    async def open(
        cls,
        database: Database,
        *,
        stamp: Callable[[], Stamp],
        schema: int,
        limits: OutboxLimits | None = None,
    ) -> "Outbox":
        """Continue the queue of `database`: rows that were acknowledged do not come back.

        `stamp` dates new rows; `schema` is the form of body that the caller writes.
        StoreUnavailable when the storage fails.
        """
        limits = limits or OutboxLimits()
        cursor = AcknowledgementCursor(database.files.cursor, database.instance_id)

        def begin(connection: sqlite3.Connection) -> tuple[Extent, int]:
            delete_through(connection, cursor.position)
            return measure(connection, cursor.position), gap_end_id(connection)

        try:
            extent, thinned_id = await database.write(begin)
            look_ahead = LookAhead(limits.look_ahead, extent, cursor.position, thinned_id)
            outbox = cls(database, cursor, look_ahead, stamp=stamp, schema=schema, limits=limits)
            if look_ahead.must_load:
                await outbox._load()
        except BaseException:
            cursor.close()
            raise
        return outbox

    def __len__(self) -> int:
        """Return how many committed rows await their acknowledgement."""
        return self._look_ahead.length

    async def append(
        self,
        entries: Sequence[Entry],
        also: Also | None = None,
        durability: Durability = Durability.BEFORE_EFFECT,
    ) -> tuple[int, ...]:
        """Store entries, and what `also` writes, in one transaction; return the rows' ids.

        Queue order is the order of these calls. StoreUnavailable: nothing of it is stored.
        """
        ids = self._look_ahead.next_ids(len(entries))
        work = _Append(
            rows=tuple(zip(ids, entries, strict=True)),
            also=also,
            stamp=self._stamp(),
            schema=self._schema,
            acknowledged_id=self._cursor.position,
            overflow=self._look_ahead.claim_thinning() if self._is_full() else None,
        )
        await self._database.write(
            work.run, durability, lambda error: self._settle_append(work, error)
        )
        return tuple(ids)

    async def make_room(self) -> bool:
        """Give up every second optional row of those that only the disk holds.

        False when there is none to give up. StoreUnavailable: everything is as it was.
        """
        span = self._look_ahead.claim_thinning()
        if span is None:
            return False
        try:
            thinned = await self._database.write(lambda c: thin(c, span, _REFUSED))
        except BaseException:
            self._look_ahead.release()
            raise
        self._look_ahead.thinned(thinned)
        return thinned.rows > 0

    def head(self) -> Row | None:
        """Return the oldest unacknowledged row.

        None when there is none, or when it has yet to be read from the disk: then
        `wait_not_empty` reads it.
        """
        return self._look_ahead.head

    async def wait_not_empty(self) -> None:
        """Return when there is a head. StoreUnavailable when it cannot be read."""
        while self._look_ahead.head is None:
            if self._look_ahead.must_load:
                await self._load()
            else:
                self._changed.clear()
                await self._changed.wait()

    def acknowledge(self, row_id: int) -> None:
        """Forget the head; survives the end of the process once it returns.

        NotTheHead when `row_id` is another row.
        """
        self._require_head(row_id)
        try:
            self._cursor.advance(row_id)
        except StoreUnavailable as error:
            _LOGGER.warning("%s: rows may be sent again after a restart", error)
        self._look_ahead.remove_head()
        self.attempts = 0
        if row_id - self._deleted_id >= _DELETE_BATCH and not self._is_deleting:
            self._is_deleting = True
            self._database.post(
                lambda connection: delete_through(connection, row_id),
                lambda error: self._settle_deletion(row_id, error),
            )

    async def drop(self, row_id: int, reason: str) -> None:
        """Give the head up for good; it is journalled, see `dropped`.

        NotTheHead when `row_id` is another row. StoreUnavailable: it is still the head.
        """
        self._require_head(row_id)
        await self._database.write(lambda connection: give_up(connection, row_id, reason))
        self.acknowledge(row_id)

    async def holds(self, kind: str, transaction_id: str | None = None) -> bool:
        """Tell whether an unacknowledged row is of this kind, and of this transaction if given.

        StoreUnavailable when the storage cannot be read.
        """
        position = self._cursor.position
        return await self._database.read(
            lambda connection: holds(connection, position, kind, transaction_id)
        )

    async def dropped(self) -> tuple[Dropped, ...]:
        """Return what was given up so far, by kind of event."""
        return await self._database.read(read_dropped)

    async def close(self) -> None:
        """Delete what is acknowledged and close the cursor; before the database is closed."""
        position = self._cursor.position
        try:
            if position > self._deleted_id:
                await self._database.write(lambda connection: delete_through(connection, position))
        except StoreUnavailable as error:
            _LOGGER.warning("%s: only the cursor file holds the acknowledgements", error)
        finally:
            self._cursor.close()

    def _require_head(self, row_id: int) -> None:
        head = self._look_ahead.head
        if head is None or head.id != row_id:
            found = "nothing" if head is None else f"row {head.id}"
            message = f"{self._database.files.database}: {found} is the head, not row {row_id}"
            raise NotTheHead(f"{message}: rows leave the queue in order")

    def _is_full(self) -> bool:
        state, limits = self._look_ahead, self._limits
        return state.length >= limits.max_rows or state.stored_bytes >= limits.max_bytes

    def _settle_append(self, work: "_Append", error: Exception | None) -> None:
        if work.overflow is not None:
            if error is None and work.thinned is not None:
                self._look_ahead.thinned(work.thinned)
            else:
                self._look_ahead.release()
        if error is None:
            self._deleted_id = max(self._deleted_id, work.acknowledged_id)
            if work.stored:
                self._look_ahead.committed(work.stored)
        self._changed.set()

    def _settle_deletion(self, row_id: int, error: Exception | None) -> None:
        self._is_deleting = False
        if error is None:
            self._deleted_id = max(self._deleted_id, row_id)

    async def _load(self) -> None:
        span, limit = self._look_ahead.claim_load(), self._limits.look_ahead
        try:
            loaded = await self._database.read(lambda connection: load(connection, span, limit))
        except BaseException:
            self._look_ahead.release()
            raise
        finally:
            self._changed.set()
        self._look_ahead.loaded(loaded)
        for row_id in loaded.damaged_ids:
            self._give_up_unreadable(row_id)

    def _give_up_unreadable(self, row_id: int) -> None:
        path = self._database.files.database
        _LOGGER.error("%s: row %d is lost: %s", path, row_id, _UNREADABLE)

        def settled(error: Exception | None) -> None:
            if error is not None:
                _LOGGER.warning("%s: row %d is not journalled: %s", path, row_id, error)

        self._database.post(lambda connection: give_up(connection, row_id, _UNREADABLE), settled)


@dataclass(slots=True)
class _Append:
    """One append on its way: what to write, and what came of it. May run more than once."""

    rows: tuple[tuple[int, Entry], ...]
    also: Also | None
    stamp: Stamp
    schema: int
    acknowledged_id: int
    overflow: Span | None
    stored: tuple[Row, ...] = field(default=(), init=False)
    thinned: Thinned | None = field(default=None, init=False)

    def run(self, connection: sqlite3.Connection) -> None:
        # Acknowledged rows lie beside the new ones, so deleting them here dirties no more pages.
        delete_through(connection, self.acknowledged_id)
        if self.overflow is not None:
            self.thinned = thin(connection, self.overflow, _OVERFLOW)
        self.stored = insert(connection, self.rows, self.stamp, self.schema)
        if self.also is not None:
            self.also(connection)
