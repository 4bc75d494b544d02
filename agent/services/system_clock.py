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
        self._synchronized = False

    @property
    def synchronized(self) -> bool:
        """Tell whether the CSMS has told the time since the start."""
        return self._synchronized

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
        moved_s = (told - self.now()).total_seconds()
        self._synchronized = True
        # The answer travelled for a moment and often has whole seconds: little is noise.
        if abs(moved_s) >= WORTH_NOTING_S:
            self._offset += timedelta(seconds=moved_s)
            log.info("the clock was moved by %.1f s to the CSMS's time", moved_s)
            return moved_s
        return 0.0
