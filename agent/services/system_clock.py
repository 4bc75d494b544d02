"""The station's clock: the system's, moved by what the CSMS tells (B01.FR.06, G02.FR.06).

The system clock itself is left alone; the difference is kept here. Intervals never use wall time.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

WORTH_NOTING_S = 1.0
EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
"""This software is younger than that, so no CSMS can truly tell such a time."""
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
DRIFT = 1e-4
"""By which share clocks without care run fast or slow at most."""

log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _since_start_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SystemClock:
    """Wall time in UTC and a monotonic time that goes on while the machine sleeps.

    `utc_now` and `monotonic_s` are the system's own; tests hand in others.
    """

    def __init__(
        self,
        utc_now: Callable[[], datetime] = _utc_now,
        monotonic_s: Callable[[], float] = _since_start_s,
    ) -> None:
        self._utc_now = utc_now
        self._monotonic_s = monotonic_s
        self._offset = timedelta(0)
        self._learned: timedelta | None = None

    @property
    def learned(self) -> timedelta | None:
        """By how much the wall clock moved when the time became known; None until then."""
        return self._learned

    @property
    def synchronized(self) -> bool:
        """Tell whether the CSMS has told the time since the machine started."""
        return self._learned is not None

    def now(self) -> datetime:
        """Return the time in UTC, as far as it is known."""
        return self._utc_now() + self._offset

    def monotonic_s(self) -> float:
        """Return seconds since the machine started."""
        return self._monotonic_s()

    def synchronize(self, told: datetime) -> float:
        """Take over the CSMS's time; return by how many seconds the wall clock moved.

        A time that cannot be true is left alone: it would date what is billed.
        """
        if not EARLIEST <= told < LATEST:
            log.warning("the CSMS tells the time %s, which cannot be: ignored", told.isoformat())
            return 0.0
        moved = told - self.now()
        # The answer travelled for a moment and often has whole seconds: little is noise.
        if abs(moved.total_seconds()) < WORTH_NOTING_S:
            moved = timedelta(0)
        self._offset += moved
        if self._learned is None:
            self._learned = moved
        if moved:
            log.info("the clock was moved by %.1f s to the CSMS's time", moved.total_seconds())
        return moved.total_seconds()

    def resume(self, known: datetime, at_s: float) -> None:
        """Go on with the time that an earlier run of the software was told at `at_s`.

        A system clock that has gone on as well as clocks do is left alone.
        """
        elapsed_s = self.monotonic_s() - at_s
        behind = known + timedelta(seconds=elapsed_s) - self.now()
        if abs(behind) > timedelta(seconds=WORTH_NOTING_S + elapsed_s * DRIFT):
            self._offset += behind
            log.info("the clock was moved by %.1f s to the time known", behind.total_seconds())
        self._learned = timedelta(0)
