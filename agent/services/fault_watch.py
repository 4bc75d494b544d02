"""Failures of the connector lock, told as events of the component (G05)."""

from collections.abc import Awaitable, Callable, Mapping

from agent.core.component_events import ComponentEvent, EventNotification, EventTrigger
from agent.core.session_state import SessionState
from agent.ports import Clock, Journal
from agent.services.evse import EvseService
from agent.services.tasks import Spawn

LOCK_FAULT = "lock"
SEVERITY = 2
"""HardwareFailure: the station cannot go on as it should."""


class LockWatch:
    """Tells ConnectorPlugRetentionLock.Problem whenever it changes (G05.FR.02)."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        journal: Journal,
        clock: Clock,
        next_event_id: Callable[[], Awaitable[int]],
        spawn: Spawn,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._next_event_id = next_event_id
        self._spawn = spawn
        for evse in evses.values():
            evse.observers.append(self._observe)

    def _observe(self, before: SessionState, after: SessionState) -> None:
        was, now = (LOCK_FAULT in state.snapshot.faults for state in (before, after))
        if was != now:
            transaction = after.transaction or before.transaction
            transaction_id = None if transaction is None else transaction.id
            self._spawn(self._tell(after.evse, transaction_id, problem=now))

    async def _tell(self, evse: int, transaction_id: str | None, *, problem: bool) -> None:
        event = ComponentEvent(
            at=self._clock.now(),
            event_id=await self._next_event_id(),
            trigger=EventTrigger.ALERTING,
            notification=EventNotification.HARD_WIRED_NOTIFICATION,
            component="ConnectorPlugRetentionLock",
            variable="Problem",
            value="true" if problem else "false",
            evse=evse,
            connector=1,
            cleared=None if problem else True,
            transaction_id=transaction_id,
            severity=SEVERITY,
        )
        await self._journal.record(None, [event], before_effect=True)
