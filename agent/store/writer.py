"""The one thread that writes; requests that arrive while it commits share the next commit."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from agent.core.records import dataclass
from agent.store.errors import StoreUnavailable
from agent.store.group import GroupCommit, Job, Notice

_LOGGER = logging.getLogger(__name__)
_LARGEST_GROUP = 512
_EXIT_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a class B write may wait for others to share its commit."""

    delay_s: float = 5.0
    writes: int = 10


class Writer:
    """A thread around a `GroupCommit`.

    It is no daemon thread, so a write is never cut off by the interpreter's exit; when the
    program ends without `close`, the thread notices within a second, commits and ends.
    """

    def __init__(
        self,
        start: Callable[[], GroupCommit | None],
        deliver: Callable[[Sequence[Notice]], None],
        closed_error: Callable[[], StoreUnavailable],
        timing: Timing,
    ) -> None:
        """Take the two ends of the thread; both are called in it.

        `start` opens the store, or returns None when it cannot; `deliver` hands notices over.
        """
        self._start = start
        self._deliver = deliver
        self._closed_error = closed_error
        self._timing = timing
        self._condition = threading.Condition()
        self._queue: deque[Job] = deque()
        self._in_hand: list[Job] = []
        self._probes: list[Notice] = []
        self._on_end: list[Notice] = []
        self._is_closing = False
        self._has_ended = False
        self._deadline_s: float | None = None
        self._thread = threading.Thread(target=self._main, name="store-writer")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a write; StoreUnavailable after closing."""
        with self._condition:
            if self._is_closing:
                raise self._closed_error()
            self._queue.append(job)
            self._condition.notify()

    def probe(self, notice: Notice) -> None:
        """Deliver `notice` when the thread has finished what it does now: proof of life."""
        with self._condition:
            if self._is_closing:
                raise self._closed_error()
            self._probes.append(notice)
            self._condition.notify()

    def close(self, notice: Notice) -> None:
        """Write out what is queued, end the thread, then deliver `notice`."""
        with self._condition:
            self._is_closing = True
            if not self._has_ended:
                self._on_end.append(notice)
                self._condition.notify()
                return
        self._deliver([notice])

    def join(self) -> None:
        """Wait for the end of the thread; at once after the notice of `close`."""
        self._thread.join()

    def _main(self) -> None:
        try:
            group = self._start()
            if group is not None:
                self._run(group)
        except Exception:
            _LOGGER.exception("the store's writer ended: nothing can be stored until a restart")
        finally:
            self._end()

    def _run(self, group: GroupCommit) -> None:
        try:
            self._serve(group)
        finally:
            group.close()

    def _serve(self, group: GroupCommit) -> None:
        while (work := self._take()) is not None:
            jobs, notices = work
            self._in_hand = [job for job in self._in_hand if not job.is_settled] + jobs
            notices += group.add(jobs)
            if self._is_due(group):
                notices += group.commit()
                self._deadline_s = None
            if notices:
                self._deliver(notices)
        self._deliver(group.commit())

    def _is_due(self, group: GroupCommit) -> bool:
        if group.uncommitted == 0:
            return False
        if group.must_commit or group.uncommitted >= self._timing.writes:
            return True
        now_s = time.monotonic()
        if self._deadline_s is None:
            self._deadline_s = now_s + self._timing.delay_s
        return now_s >= self._deadline_s

    def _take(self) -> tuple[list[Job], list[Notice]] | None:
        """Wait for work or for the class B deadline; None when everything is done."""
        with self._condition:
            if not (self._queue or self._probes or self._is_closing):
                self._condition.wait(self._patience_s())
            if not threading.main_thread().is_alive():
                self._is_closing = True
            if self._is_closing and not (self._queue or self._probes):
                return None
            count = min(len(self._queue), _LARGEST_GROUP)
            jobs = [self._queue.popleft() for _ in range(count)]
            probes, self._probes = self._probes, []
            return jobs, probes

    def _patience_s(self) -> float:
        if self._deadline_s is None:
            return _EXIT_POLL_S
        return min(max(self._deadline_s - time.monotonic(), 0.0), _EXIT_POLL_S)

    def _end(self) -> None:
        """Nobody may wait for a thread that is gone, however it went."""
        with self._condition:
            self._is_closing = self._has_ended = True
            jobs = [*self._in_hand, *self._queue]
            self._queue.clear()
            notices, self._probes = self._probes + self._on_end, []
        for job in jobs:
            notices += job.settled(self._closed_error())
        self._deliver(notices)
