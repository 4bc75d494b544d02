"""Dates right what was dated before the CSMS told the time: a station may start without a clock.

The rows of the queue are moved when they are told; running transactions are moved by their
sessions. What was stored in an earlier run of the machine stays as it is: nobody knows when that
was.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from agent.core.event_dating import dated
from agent.core.events import StoredEvent
from agent.core.session_state import Moment
from agent.ports import Clock, QueuedEvent


class BackDating:
    """Moves what was stored when the clock did not know the time."""

    def __init__(self, clock: Clock, boot_id: str) -> None:
        self._clock = clock
        self._boot_id = boot_id

    def dated(self, queued: QueuedEvent) -> StoredEvent:
        """Return a stored event as it is to be told now."""
        right, learned = queued.clock_known or queued.boot_id != self._boot_id, self._clock.learned
        if right or learned is None:
            return queued.event
        return dated(queued.event, _true_time(self._clock, queued.monotonic_s), learned)


def known_by_now(
    events: Iterable[StoredEvent], moment: Moment, clock: Clock
) -> tuple[StoredEvent, ...]:
    """Return events as they are to be stored, should the time have become known since `moment`."""
    learned = clock.learned
    if moment.learned is not None or learned is None:
        return tuple(events)
    true_at = _true_time(clock, moment.now_s)
    return tuple(dated(event, true_at, learned) for event in events)


def _true_time(clock: Clock, at_s: float) -> datetime:
    return clock.now() - timedelta(seconds=clock.monotonic_s() - at_s)
