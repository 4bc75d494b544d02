"""The contactor's command and its mirror contact: pace of closings, stuck-open and weld detection.

After a command the mirror contact has 250 ms to follow. Later, a difference that lasts 10 ms and
two samples is a fault of its own: a contactor that moves without being told. Nobody knows when it
closed before the guard started, so the pause between closings counts from the start as well.
"""

from dataclasses import dataclass, replace

from hal.api import Fault

FOLLOW_S = 0.250
UNEXPECTED_HOLD_S = 0.010
UNEXPECTED_SAMPLES = 2
FIRST_CLOSING_S = 1.0


@dataclass(frozen=True, slots=True)
class ContactorTrack:
    """Command and read-back of one contactor; times are on the guard's monotonic clock."""

    started_s: float
    commanded: bool = False
    commanded_s: float = 0.0
    closed: bool = False
    last_closing_s: float | None = None
    differs_since_s: float | None = None
    differs_samples: int = 0

    @property
    def pending(self) -> bool:
        """Tell whether the mirror contact has yet to follow."""
        return self.differs_since_s is not None

    @property
    def proven_open(self) -> bool:
        """Tell whether both the command and the mirror contact say open."""
        return not self.commanded and not self.closed

    def found(self, *, closed: bool, now_s: float) -> "ContactorTrack":
        """Command open a contactor whose lines were out of reach; it has its time to follow."""
        return ContactorTrack(
            started_s=self.started_s,
            commanded_s=now_s,
            closed=closed,
            last_closing_s=self.last_closing_s,
        )

    def read_back(self, *, closed: bool, now_s: float) -> "ContactorTrack":
        """Take one sample of the mirror contact."""
        if closed == self.commanded:
            if self.differs_since_s is None and closed == self.closed:
                return self
            return replace(self, closed=closed, differs_since_s=None, differs_samples=0)
        since_s = now_s if self.differs_since_s is None else self.differs_since_s
        samples = min(self.differs_samples + 1, UNEXPECTED_SAMPLES)
        return replace(self, closed=closed, differs_since_s=since_s, differs_samples=samples)

    def fault(self, now_s: float) -> Fault | None:
        """Return what the read-back proves now."""
        if self.differs_since_s is None or self.differs_samples < UNEXPECTED_SAMPLES:
            return None
        if now_s - self.commanded_s < FOLLOW_S:
            return None
        if now_s - self.differs_since_s < UNEXPECTED_HOLD_S:
            return None
        return Fault.CONTACTOR_STUCK_OPEN if self.commanded else Fault.CONTACTOR_WELDED

    def is_welded(self, now_s: float) -> bool:
        """Tell whether the contact has read closed for so long that only a weld explains it."""
        since_s = self.differs_since_s
        welded = self.fault(now_s) is Fault.CONTACTOR_WELDED
        return welded and since_s is not None and now_s - since_s >= FOLLOW_S

    def rests(self, now_s: float, min_closing_interval_s: float) -> bool:
        """Tell whether the last closing, or the guard's start, is too recent for another one."""
        if now_s - self.started_s < max(min_closing_interval_s, FIRST_CLOSING_S):
            return True
        last_s = self.last_closing_s
        return last_s is not None and now_s - last_s < min_closing_interval_s

    def command(self, *, closed: bool, now_s: float) -> "ContactorTrack":
        """Remember a command; the same command again changes nothing."""
        if closed == self.commanded:
            return self
        last_closing_s = now_s if closed else self.last_closing_s
        return replace(
            self,
            commanded=closed,
            commanded_s=now_s,
            last_closing_s=last_closing_s,
            differs_since_s=None,
            differs_samples=0,
        )
