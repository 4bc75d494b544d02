"""Telling the CSMS of an EVSE's new state, of a fault only when it is safe."""

import asyncio
from collections.abc import Callable

from agent.core.events import EvseChanged
from agent.core.session_state import SessionState
from agent.ports import Clock, Csms
from agent.services.lines import is_opening

OPENING_S = 6.0
"""A fault is told at the latest so long after it came up, whether the contactor is open or not."""


class Publication:
    """Publishes the changes of one EVSE; `state` returns the present one."""

    def __init__(self, clock: Clock, csms: Csms, state: Callable[[], SessionState]) -> None:
        self._clock = clock
        self._csms = csms
        self._state = state
        self._untold: asyncio.TimerHandle | None = None

    def follow(self, before: SessionState, after: SessionState) -> None:
        """Publish a change, one that opens the contactor when that has opened."""
        if is_opening(after.snapshot):
            self._publish_later()
        elif before.snapshot != after.snapshot or self._untold is not None:
            self.publish(before, after)

    def publish(self, before: SessionState, after: SessionState) -> None:
        """Publish a change now."""
        if self._untold is not None:
            self._untold.cancel()
            self._untold = None
        change = EvseChanged(
            at=self._clock.now(),
            evse=after.evse,
            before=before.snapshot,
            after=after.snapshot,
        )
        self._csms.publish(change)

    def _publish_later(self) -> None:
        """Tell of a fault when the contactor has opened, or when it should have for long."""
        if self._untold is None:
            loop, state = asyncio.get_running_loop(), self._state()
            self._untold = loop.call_later(OPENING_S, lambda: self.publish(state, self._state()))
