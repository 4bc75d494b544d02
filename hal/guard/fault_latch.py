"""Faults that stay: every fault latches until the vehicle was unplugged with its cause gone.

That includes the emergency stop: releasing the button alone must not start anything again. Only
over-temperature and under-voltage, which come and go without a defect, also end by themselves
once their cause has been gone for 5 s.
"""

from dataclasses import dataclass

from hal.api import Fault

NO_FAULTS: frozenset[Fault] = frozenset()
RECOVERABLE = frozenset({Fault.OVER_TEMPERATURE, Fault.UNDER_VOLTAGE})
RECOVERY_S = 5.0
# After a fault the pilot shows state F for at least this long, then steady +12 V, so that the
# replug can be seen.
STATE_F_S = 0.300
UNLOCK_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class FaultLatch:
    """The faults of one EVSE; `since_s` is when the first of them appeared."""

    faults: frozenset[Fault] = NO_FAULTS
    since_s: float = 0.0
    recoverable_s: float = 0.0

    def update(self, active: frozenset[Fault], *, unplugged: bool, now_s: float) -> "FaultLatch":
        """Add what is active now, drop what may go."""
        if not active and not self.faults:
            return self
        recoverable_s = now_s if active & RECOVERABLE else self.recoverable_s
        kept = NO_FAULTS if unplugged else self.faults
        if now_s - recoverable_s >= RECOVERY_S:
            kept -= RECOVERABLE
        since_s = self.since_s if self.faults else now_s
        return FaultLatch(active | kept, since_s, recoverable_s)

    def shows_state_f(self, now_s: float) -> bool:
        """Tell whether the pilot must show state F now."""
        return bool(self.faults) and now_s - self.since_s < STATE_F_S

    def releases_lock(self, now_s: float) -> bool:
        """Tell whether the user must be able to take the cable by now."""
        return bool(self.faults) and now_s - self.since_s >= UNLOCK_AFTER_S
