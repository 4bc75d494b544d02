"""Dates right what was stored before the CSMS told the time: a station may start without a clock.

The rows of the queue are moved when they are told, running transactions when the time is learned.
What was stored in an earlier run of the machine stays as it is: nobody knows when that was.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

from agent.core.event_dating import moved_event
from agent.core.events import StoredEvent
from agent.core.progress import FirmwareProgress
from agent.core.session_state import ClockLearned
from agent.ports import Clock, QueuedEvent

WORTH_MOVING = timedelta(seconds=10)
"""Less is what an event waited before it was stored."""

log = logging.getLogger(__name__)


class LearningClock(Clock, Protocol):
    """A clock that knows whether it has been told the time."""

    @property
    def synchronized(self) -> bool: ...


class BackDating:
    """Moves what was dated by a clock that did not know the time; `post` reaches every session."""

    def __init__(
        self,
        clock: LearningClock,
        boot_id: str,
        posts: Callable[[], Iterable[Callable[[ClockLearned], None]]],
    ) -> None:
        self._clock = clock
        self._boot_id = boot_id
        self._posts = posts
        self._learned: timedelta | None = None

    def clock_moved(self, by_s: float) -> None:
        """Take note of a time that was told; the first one dates the running transactions."""
        if self._learned is not None or not self._clock.synchronized:
            return
        self._learned = timedelta(seconds=by_s)
        if abs(self._learned) > WORTH_MOVING:
            log.warning("what was recorded since the start is dated anew by %.0f s", by_s)
            for post in self._posts():
                post(ClockLearned(self._learned))

    def dated(self, queued: QueuedEvent) -> StoredEvent:
        """Return a stored event as it is to be told now."""
        right = queued.clock_known or queued.boot_id != self._boot_id
        if right or self._learned is None or isinstance(queued.event, FirmwareProgress):
            return queued.event
        age = timedelta(seconds=self._clock.monotonic_s() - queued.monotonic_s)
        by = self._clock.now() - age - queued.event.at
        if abs(by - self._learned) <= WORTH_MOVING:
            by = self._learned
        return queued.event if abs(by) <= WORTH_MOVING else moved_event(queued.event, by)
