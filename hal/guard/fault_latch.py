"""Faults that stay: every fault latches until the vehicle was unplugged with its cause gone.

That includes the emergency stop: releasing the button alone must not start anything again. Only
over-temperature and under-voltage, which come and go without a defect, also end by themselves
once their cause has been gone for 5 s. A missing -12 V shows only while it is driven, so it waits
for a vehicle that leaves: without one nothing says that it is back.
"""

from dataclasses import dataclass

from hal.api import Fault
from hal.guard.duty import STATE_F_S

NO_FAULTS: frozenset[Fault] = frozenset()
RECOVERABLE = frozenset({Fault.OVER_TEMPERATURE, Fault.UNDER_VOLTAGE})
RECOVERY_S = 5.0
UNLOCK_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class FaultLatch:
    """The faults of one EVSE; `since_s` is when the first of them appeared."""

    faults: frozenset[Fault] = NO_FAULTS
    since_s: float = 0.0
    recoverable_s: float = 0.0

    def update(
        self, active: frozenset[Fault], *, free: bool, left: bool, now_s: float
    ) -> "FaultLatch":
        """Add what is active, drop what may go as the outlet is free or a vehicle just left."""
        if not active and not self.faults:
            return self
        recoverable_s = now_s if active & RECOVERABLE else self.recoverable_s
        faults = active | self._kept(free=free, left=left)
        if now_s - recoverable_s >= RECOVERY_S:
            faults -= RECOVERABLE
        if Fault.PILOT_SHORT in faults:
            faults -= {Fault.PILOT_NEGATIVE}  # in state F a short looks like a missing -12 V
        since_s = self.since_s if self.faults else now_s
        return FaultLatch(faults, since_s, recoverable_s)

    def _kept(self, *, free: bool, left: bool) -> frozenset[Fault]:
        if left:
            return NO_FAULTS
        return self.faults & {Fault.PILOT_NEGATIVE} if free else self.faults

    def shows_state_f(self, now_s: float) -> bool:
        """Tell whether the pilot must show state F now; then steady +12 V shows a replug."""
        return bool(self.faults) and now_s - self.since_s < STATE_F_S

    def releases_lock(self, now_s: float) -> bool:
        """Tell whether the user must be able to take the cable by now."""
        return bool(self.faults) and now_s - self.since_s >= UNLOCK_AFTER_S
