"""Faults of an EVSE, told as events of the component that has them (G05, N07).

The first ones are told at once. A fault that comes and goes again and again is told ever more
rarely: each event waits for its acknowledgement in the queue, for weeks if need be.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from agent.core.component_events import ComponentEvent, EventNotification, EventTrigger
from agent.core.fault_taxonomy import FaultKind, by_seriousness, kind_of
from agent.core.session_state import SessionState
from agent.ports import Clock, Journal
from agent.services.evse import EvseService
from agent.services.tasks import Spawn

FIRST_GAP_S = 1.0
LONGEST_GAP_S = 300.0
QUIET_S = 600.0
"""After so long without a change the next one is told at once again."""


class FaultWatch:
    """Tells each fault that comes, and the return to normal when a component has none left."""

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
        self._evses = evses
        self._told = {n: evse.state.snapshot.faults for n, evse in evses.items()}
        self._transaction_ids: dict[int, str | None] = {}
        self._paces = {n: _Pace() for n in evses}
        self._changed = asyncio.Event()
        for evse in evses.values():
            evse.observers.append(self._observe)

    async def run(self) -> None:
        """Tell for ever what has changed, as soon as the pace allows it."""
        while True:
            self._changed.clear()
            wait_s = min((self._tell_if_due(evse) for evse in self._evses), default=QUIET_S)
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _observe(self, before: SessionState, after: SessionState) -> None:
        if after.snapshot.faults != self._told[after.evse]:
            transaction = after.transaction or before.transaction
            self._transaction_ids[after.evse] = None if transaction is None else transaction.id
            self._changed.set()

    def _tell_if_due(self, evse: int) -> float:
        """Tell what has changed at an EVSE, or return how long that has to wait."""
        was, now = self._told[evse], self._evses[evse].state.snapshot.faults
        if was == now:
            return QUIET_S
        now_s, pace = self._clock.monotonic_s(), self._paces[evse]
        if pace.due_s > now_s:
            return pace.due_s - now_s
        pace.told(now_s)
        self._told[evse] = now
        self._spawn(self._tell(evse, self._transaction_ids.get(evse), was, now))
        return QUIET_S

    async def _tell(
        self, evse: int, transaction_id: str | None, was: frozenset[str], now: frozenset[str]
    ) -> None:
        come = [(kind_of(fault), True) for fault in by_seriousness(now - was)]
        gone = [(kind, False) for kind in _cleared(by_seriousness(was - now), now)]
        events = [
            self._event(evse, transaction_id, kind, await self._next_event_id(), problem=problem)
            for kind, problem in (*come, *gone)
        ]
        if events:
            await self._journal.record(None, events, before_effect=True)

    def _event(
        self,
        evse: int,
        transaction_id: str | None,
        kind: FaultKind,
        event_id: int,
        *,
        problem: bool,
    ) -> ComponentEvent:
        return ComponentEvent(
            at=self._clock.now(),
            event_id=event_id,
            trigger=EventTrigger.ALERTING,
            notification=EventNotification.HARD_WIRED_NOTIFICATION,
            component=kind.component,
            variable=kind.variable,
            value="true" if problem else "false",
            evse=evse,
            connector=1 if kind.at_connector else None,
            cleared=None if problem else True,
            tech_code=kind.name if kind.mrec is None else kind.mrec.code,
            tech_info=f"{kind.name}: {kind.driver} {kind.remedy}" if problem else None,
            transaction_id=transaction_id,
            severity=kind.severity,
        )


class _Pace:
    """When the next change of one EVSE may be told, on the monotonic clock."""

    def __init__(self) -> None:
        self.due_s = float("-inf")
        self._told_s = float("-inf")
        self._gap_s = FIRST_GAP_S

    def told(self, now_s: float) -> None:
        """Take note of a change that is told now."""
        rested = now_s - self._told_s > QUIET_S
        self._gap_s = FIRST_GAP_S if rested else min(self._gap_s * 2, LONGEST_GAP_S)
        self._told_s, self.due_s = now_s, now_s + self._gap_s


def _cleared(gone: Iterable[str], still: frozenset[str]) -> list[FaultKind]:
    """Return one fault for each variable that none of the remaining faults concerns."""
    concerned = {_variable(kind_of(fault)) for fault in still}
    cleared = {_variable(kind): kind for kind in map(kind_of, gone)}
    return [kind for variable, kind in cleared.items() if variable not in concerned]


def _variable(kind: FaultKind) -> tuple[str, str]:
    return kind.component, kind.variable
