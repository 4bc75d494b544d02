"""Waking a vehicle that does not answer the PWM, once for each plug-in (IEC 61851-1, A.5.3).

Vehicles that waited long for the PWM may sleep and overlook it. State F for some seconds and a
moment of steady +12 V look to them like a new plug-in.

| step | what ends it | next |
|---|---|---|
| watching | the vehicle stays in B2 for the configured time and never asked for supply | state F |
| state F | the configured time is over | steady |
| steady | 750 ms are over | done |
| state F, steady | a fault, or the guard is shutting down | done |
| any but watching | the vehicle is gone | watching |
"""

from dataclasses import dataclass
from enum import StrEnum

from hal.guard.duty import X1_AFTER_F_S

# A vehicle that asked for supply within this time does not sleep, and some take state F amiss.
AWAKE_S = 3600.0


class WakeUpStep(StrEnum):
    """How far the one wake-up of a plug-in has got."""

    WATCHING = "watching"
    STATE_F = "state F"
    STEADY = "steady"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class WakeUpFacts:
    """What the steps depend on; `asleep` tells that the vehicle owes an answer for too long."""

    asleep: bool
    gone: bool
    interrupted: bool
    state_f_s: float


@dataclass(frozen=True, slots=True)
class WakeUpTrack:
    """The step and since when."""

    step: WakeUpStep = WakeUpStep.WATCHING
    since_s: float = 0.0

    @property
    def under_way(self) -> bool:
        """Tell whether the pilot belongs to the wake-up now."""
        return self.step in {WakeUpStep.STATE_F, WakeUpStep.STEADY}

    def advance(self, facts: WakeUpFacts, now_s: float) -> "WakeUpTrack":
        """Go to the next step if its time has come."""
        step = self._next(facts, now_s - self.since_s)
        return self if step is self.step else WakeUpTrack(step, now_s)

    def _next(self, facts: WakeUpFacts, lasted_s: float) -> WakeUpStep:
        if self.step is WakeUpStep.WATCHING:
            return WakeUpStep.STATE_F if facts.asleep else self.step
        if facts.gone:
            return WakeUpStep.WATCHING
        if self.step is WakeUpStep.DONE or facts.interrupted:
            return WakeUpStep.DONE
        if self.step is WakeUpStep.STATE_F:
            return WakeUpStep.STEADY if lasted_s >= facts.state_f_s else self.step
        return WakeUpStep.DONE if lasted_s >= X1_AFTER_F_S else self.step
