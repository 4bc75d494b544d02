"""Who is at the outlet: plug-ins are counted, and a simplified pilot is told from a full one.

Only state A says that a vehicle is gone; E and F say nothing. A vehicle with a simplified pilot
circuit (IEC 61851-1, A.2.3) has no state B: it is in C as soon as it is plugged in.
"""

from dataclasses import dataclass, replace

from hal.api import PilotState
from hal.guard.pilot_state import CONNECTED_STATES, POWER_STATES


@dataclass(frozen=True, slots=True)
class PlugTrack:
    """The plug of one EVSE; `count` numbers the plug-ins.

    `seen_free` tells that the state before was A, `asked_until_s` when the vehicle last left C or
    D.
    """

    plugged: bool = False
    count: int = 0
    simplified: bool = False
    seen_free: bool = False
    asked_until_s: float | None = None

    def observe(self, was: PilotState, now: PilotState, now_s: float) -> "PlugTrack":
        """Take notice of the pilot's state before and after a sample."""
        if now is PilotState.A:
            return self if self.seen_free else PlugTrack(count=self.count, seen_free=True)
        track = self
        if was in POWER_STATES and now not in POWER_STATES:
            track = replace(track, asked_until_s=now_s)
        if now not in CONNECTED_STATES:
            return track.unseen()
        if not track.plugged:
            simplified = track.seen_free and now is PilotState.C
            return PlugTrack(plugged=True, count=track.count + 1, simplified=simplified)
        if track.simplified and now is PilotState.B:
            return replace(track, simplified=False)
        return track

    def unseen(self) -> "PlugTrack":
        """Take notice that a vehicle may come without being seen to come."""
        return replace(self, seen_free=False) if self.seen_free else self
