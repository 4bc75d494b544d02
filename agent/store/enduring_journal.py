"""The journal that goes on in RAM while the storage refuses writes.

Events that could not be stored queue up behind the stored ones, so the CSMS gets all of them in
order. They move to the disk, together with the sessions they belong to, once that works again.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from agent.core.events import SecurityEvent, StoredEvent, TransactionEvent
from agent.core.records import dataclass
from agent.core.session_state import SessionState
from agent.ports import QueuedEvent
from agent.store.endurance import Endurance
from agent.store.errors import Reason, StoreUnavailable
from agent.store.journal import StoredJournal, must_keep, queued
from agent.store.outbox import Also, Stamp
from agent.store.thinning import every_other

MOST_HELD = 5000
"""Beyond it, what may be given up is: every second periodic value, then security events."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """An event in RAM; its number is negative, so that it is never a row's."""

    number: int
    event: StoredEvent
    stamp: Stamp


class EnduringJournal:
    """A `Journal` and an `EventQueue` that never fail for the storage's sake.

    Started and Ended events are never given up while the process lives.
    """

    def __init__(
        self,
        stored: StoredJournal,
        endurance: Endurance,
        stamp: Callable[[], Stamp],
        most_held: int = MOST_HELD,
    ) -> None:
        self._stored = stored
        self._endurance = endurance
        self._stamp = stamp
        self._most_held = most_held
        self._sessions: dict[int, SessionState] = {}
        self._held: deque[_Held] = deque()
        self._filled = asyncio.Event()
        self._numbers = itertools.count(-1, -1)
        self._moving = asyncio.Lock()
        self._moved_head: tuple[int, int] | None = None
        endurance.add(self)

    # --- The journal.

    def sessions(self) -> Mapping[int, SessionState]:
        """Return the state of every EVSE at the last restart."""
        return self._stored.sessions()

    async def record(
        self, state: SessionState | None, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        """Commit a session's state together with its events, or keep them in RAM for now."""
        if self.is_behind:
            # Written now they would overtake what waits.
            self._hold(state, events)
            return
        try:
            await self._stored.record(state, events, before_effect=before_effect)
        except StoreUnavailable as error:
            self._hold(state, events)
            self._endurance.refused(error)

    async def record_with(self, events: Sequence[StoredEvent], also: Also) -> None:
        """Commit events together with another write, or nothing of it: StoreUnavailable.

        While something waits in RAM they would overtake it, so that is refused as well.
        """
        if self.is_behind:
            raise StoreUnavailable(Reason.BUSY, "what is in memory must be stored first")
        await self._stored.record_with(events, also)

    @property
    def is_behind(self) -> bool:
        """Tell whether events or sessions wait in RAM."""
        return bool(self._held or self._sessions)

    async def catch_up(self) -> None:
        """Move everything to the disk in one commit; StoreUnavailable: it still waits."""
        async with self._moving:
            sessions, held = tuple(self._sessions.values()), tuple(self._held)
            rows = await self._stored.record_late(sessions, [(h.event, h.stamp) for h in held])
            for state in sessions:
                if self._sessions.get(state.evse) is state:
                    del self._sessions[state.evse]
            moved = {one.number for one in held}
            self._held = deque(one for one in self._held if one.number not in moved)
            if held:
                # The head may be on its way to the CSMS under the number that it had in RAM.
                self._moved_head = (held[0].number, rows[0])
            if not self._held:
                self._filled.clear()

    # --- The queue.

    def __len__(self) -> int:
        return len(self._stored) + len(self._held)

    def head(self) -> QueuedEvent | None:
        """Return the oldest unacknowledged event: what is on the disk is older than what is not."""
        if len(self._stored):
            return self._stored.head()
        if not self._held:
            return None
        oldest = self._held[0]
        return queued(oldest.number, oldest.event, oldest.stamp)

    async def wait_not_empty(self) -> None:
        """Return when there is a head; rows that cannot be read now are tried again."""
        while self.head() is None:
            try:
                await self._wait_for_news()
            except StoreUnavailable as error:
                log.warning("stored events wait, they cannot be read now: %s", error)
                await asyncio.sleep(self._endurance.retry_s)

    async def holds_transaction(self, transaction_id: str | None) -> bool:
        """Tell whether an event of this transaction, of any one for None, is unacknowledged.

        Rows that cannot be read count as its own: what is not known to be told is not told.
        """
        async with self._moving:
            held = [h.event for h in self._held if isinstance(h.event, TransactionEvent)]
            if any(transaction_id in (None, event.transaction_id) for event in held):
                return True
            try:
                return await self._stored.holds_transaction(transaction_id)
            except StoreUnavailable as error:
                log.warning("stored events cannot be looked through now: %s", error)
                return bool(len(self._stored))

    async def acknowledge(self, row_id: int) -> None:
        """Forget the head."""
        async with self._moving:
            row = self._row(row_id)
            if row is not None:
                await self._stored.acknowledge(row)

    async def drop(self, row_id: int, reason: str) -> None:
        """Give the head up for good; without a note of it where none can be written."""
        async with self._moving:
            row = self._row(row_id)
            if row is None:
                return
            try:
                await self._stored.drop(row, reason)
            except StoreUnavailable as error:
                log.warning("giving up event %d (%s) is not noted: %s", row, reason, error)
                await self._stored.acknowledge(row)

    def _row(self, number: int) -> int | None:
        """Return the row of the head; None if it was in RAM, from where it is gone now."""
        if number >= 0:
            return number
        if self._held and self._held[0].number == number:
            self._held.popleft()
            if not self._held:
                self._filled.clear()
            return None
        if self._moved_head is None or self._moved_head[0] != number:
            raise LookupError(f"event {number} is not the head of the queue")
        return self._moved_head[1]

    async def _wait_for_news(self) -> None:
        if len(self._stored):
            await self._stored.wait_not_empty()
            return
        waits = [
            asyncio.ensure_future(self._stored.wait_not_empty()),
            asyncio.ensure_future(self._filled.wait()),
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    # --- What waits in RAM.

    def _hold(self, state: SessionState | None, events: Sequence[StoredEvent]) -> None:
        if state is not None:
            self._sessions[state.evse] = state
        stamp = self._stamp()
        self._held.extend(_Held(next(self._numbers), event, stamp) for event in events)
        if self._held:
            self._filled.set()
        if len(self._held) > self._most_held:
            self._make_room()

    def _make_room(self) -> None:
        """Give up intermediate values alternately (E04.FR.07, E11.FR.04); never the head."""
        behind = list(self._held)[1:]
        optional = [one for one in behind if not must_keep(one.event)]
        doomed = every_other(optional, _transaction_of, _number_of)
        if not doomed:
            doomed = [one for one in behind if isinstance(one.event, SecurityEvent)][::2]
        numbers = {one.number for one in doomed}
        self._held = deque(one for one in self._held if one.number not in numbers)
        if doomed:
            log.warning("%d events are given up: memory holds too many", len(doomed))


def _transaction_of(held: _Held) -> str | None:
    return held.event.transaction_id if isinstance(held.event, TransactionEvent) else None


def _number_of(held: _Held) -> int:
    return held.event.seq_no if isinstance(held.event, TransactionEvent) else -held.number
