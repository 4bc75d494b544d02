"""The retention lock of a socket outlet: engaged before supply, never released under voltage."""

from dataclasses import dataclass, replace

ENGAGE_TIMEOUT_S = 4.0
LOSS_HOLD_S = 0.050


@dataclass(frozen=True, slots=True)
class LockTrack:
    """Command and feedback of one lock; `released_on_request` lasts until it is not wanted."""

    commanded: bool = False
    commanded_s: float = 0.0
    engaged: bool = False
    confirmed: bool = False
    differs_since_s: float | None = None
    released_on_request: bool = False

    @property
    def pending(self) -> bool:
        """Tell whether the lock has yet to engage or seems to have been lost."""
        return self.differs_since_s is not None

    @property
    def secured(self) -> bool:
        """Tell whether the lock is commanded and its feedback says engaged."""
        return self.commanded and self.engaged

    def read_back(self, *, engaged: bool, now_s: float) -> "LockTrack":
        """Take one sample of the feedback."""
        differs = self.commanded and not engaged
        if engaged == self.engaged and differs == self.pending:
            return self
        since_s = self.differs_since_s if self.pending else now_s
        return replace(
            self,
            engaged=engaged,
            confirmed=self.confirmed or (self.commanded and engaged),
            differs_since_s=since_s if differs else None,
        )

    def is_fault(self, now_s: float) -> bool:
        """Tell whether the lock failed to engage in time or came loose."""
        if self.differs_since_s is None:
            return False
        if self.confirmed:
            return now_s - self.differs_since_s >= LOSS_HOLD_S
        return now_s - self.commanded_s >= ENGAGE_TIMEOUT_S

    def command(self, *, engaged: bool, now_s: float) -> "LockTrack":
        """Remember a command; the same command again changes nothing."""
        if engaged == self.commanded:
            return self
        return replace(
            self,
            commanded=engaged,
            commanded_s=now_s,
            confirmed=engaged and self.engaged,
            differs_since_s=now_s if engaged and not self.engaged else None,
        )
