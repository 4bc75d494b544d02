"""What the control pilot says: voltage windows, debounce, and checks of both half waves.

The windows are those of IEC 61851-1 annex A at the EVSE; between two windows the previous state
holds. Leaving C or D counts after 20 ms, so that the contactor is open within the 100 ms that the
standard gives (sequence 8.1) with room for the relay; everything else takes 100 ms.

The negative half wave shows only while it is driven. A vehicle's diode keeps it at -12 V. Without
the diode it mirrors the positive one; without the station's own -12 V it stays near zero.
"""

from dataclasses import dataclass, replace

from hal.api import Fault, PilotSample, PilotState
from hal.guard.debounce import Debounced
from hal.guard.duty import STEADY_NEGATIVE, DutyTrack, is_pwm

LEAVING_HOLD_S = 0.020
UNSTEADY_LIMIT_S = 0.050
ENTERING_HOLD_S = 0.100
CHECK_HOLD_S = 0.020
CHECK_SAMPLES = 3
# The plateaus first seen after a change of the duty may still be those from before it.
DRIVE_SETTLE_S = 0.040
DIODE_PROOF_S = 0.060

POWER_STATES = frozenset({PilotState.C, PilotState.D})
CONNECTED_STATES = frozenset({PilotState.B, PilotState.C, PilotState.D})

_NEGATIVE_V = -10.0
_NO_NEGATIVE_V = -2.0
_SHORT_HIGH_V = 2.0
_LOADED_HIGH_V = 10.0
_SYMMETRY_V = 1.2
_WINDOWS = (
    (11.0, 13.0, PilotState.A),
    (8.0, 10.0, PilotState.B),
    (5.0, 7.0, PilotState.C),
    (2.0, 4.0, PilotState.D),
)
# The state that holds between two windows if it was one of the neighbours, else the first of the
# two that asks for less: no supply rather than supply, ventilation rather than none.
_BETWEEN = (
    (10.0, 11.0, (PilotState.A, PilotState.B)),
    (7.0, 8.0, (PilotState.B, PilotState.C)),
    (4.0, 5.0, (PilotState.D, PilotState.C)),
)
_NO_FAULT: Debounced[Fault | None] = Debounced(None, None, 0.0)


@dataclass(frozen=True, slots=True)
class PilotTrack:
    """The debounced pilot of one EVSE.

    `state_since_s` is when the state was accepted, `unsteady_since_s` when a pilot in C or D last
    began to say something else, `diode_since_s` since when the PWM shows a vehicle's diode.
    """

    state: Debounced[PilotState]
    state_since_s: float
    unsteady_since_s: float | None = None
    diode_since_s: float | None = None
    fault: Debounced[Fault | None] = _NO_FAULT

    @property
    def pending(self) -> bool:
        """Tell whether another sample soon would settle something."""
        return self.state.pending or self.fault.pending or self.unsteady_since_s is not None

    def diode_proven(self, now_s: float) -> bool:
        """Tell whether the running PWM has shown a vehicle's diode for long enough."""
        return self.diode_since_s is not None and now_s - self.diode_since_s >= DIODE_PROOF_S


def classify(high_v: float, previous: PilotState) -> PilotState:
    """Return the state whose window holds the positive plateau; E where no window does."""
    for low, high, state in _WINDOWS:
        if low <= high_v <= high:
            return state
    for low, high, neighbours in _BETWEEN:
        if low < high_v < high:
            return previous if previous in neighbours else neighbours[0]
    return PilotState.F if -13.0 <= high_v <= -11.0 else PilotState.E


def first_sample(sample: PilotSample, now_s: float) -> PilotTrack:
    """Start from one sample, accepted as it is."""
    state = classify(sample.high_v, PilotState.A)
    return PilotTrack(Debounced.settled(state, now_s), now_s)


def observe(track: PilotTrack, sample: PilotSample, driven: DutyTrack, now_s: float) -> PilotTrack:
    """Take one sample that was measured while `driven` was on the line."""
    track = _follow_state(track, sample, now_s)
    settled = now_s - driven.changed_s >= DRIVE_SETTLE_S
    seen = _seen_fault(sample, driven.duty) if settled else None
    diode_since_s = None
    if settled and seen is None and is_pwm(driven.duty) and _vehicle_loads(sample):
        diode_since_s = now_s if track.diode_since_s is None else track.diode_since_s
    fault = track.fault.sample(seen, now_s, CHECK_HOLD_S, CHECK_SAMPLES)
    if fault is track.fault and diode_since_s == track.diode_since_s:
        return track
    return replace(track, diode_since_s=diode_since_s, fault=fault)


def _follow_state(track: PilotTrack, sample: PilotSample, now_s: float) -> PilotTrack:
    seen = classify(sample.high_v, track.state.value)
    if track.state.value in POWER_STATES:
        return _follow_power_state(track, seen, now_s)
    state = track.state.sample(seen, now_s, ENTERING_HOLD_S)
    if state is track.state:
        return track
    return _with_state(track, state, now_s)


def _follow_power_state(track: PilotTrack, seen: PilotState, now_s: float) -> PilotTrack:
    if seen is PilotState.A:
        # Unplugged or only disturbed? Supply ends as in B; A needs its own full time.
        seen = PilotState.B
    unsteady_since_s = _unsteady_since(track, seen, now_s)
    state = track.state.sample(seen, now_s, LEAVING_HOLD_S)
    if unsteady_since_s is not None and now_s - unsteady_since_s >= UNSTEADY_LIMIT_S:
        left = PilotState.B if seen is track.state.value else seen
        state = Debounced.settled(left, now_s)
    if state is track.state and unsteady_since_s == track.unsteady_since_s:
        return track
    return _with_state(replace(track, unsteady_since_s=unsteady_since_s), state, now_s)


def _with_state(track: PilotTrack, state: Debounced[PilotState], now_s: float) -> PilotTrack:
    if state.value is track.state.value:
        return replace(track, state=state)
    return replace(track, state=state, state_since_s=now_s, unsteady_since_s=None)


def _unsteady_since(track: PilotTrack, seen: PilotState, now_s: float) -> float | None:
    """Remember since when a pilot in C or D wavers; two equal samples in a row end it."""
    if seen is track.state.value and not track.state.pending:
        return None
    return now_s if track.unsteady_since_s is None else track.unsteady_since_s


def _seen_fault(sample: PilotSample, duty: float) -> Fault | None:
    if duty == STEADY_NEGATIVE:
        return _fault_of_state_f(sample.low_v)
    if not _SHORT_HIGH_V <= sample.high_v <= 13.0:
        return Fault.PILOT_SHORT
    return _fault_of_negative_half(sample) if is_pwm(duty) else None


def _fault_of_state_f(level_v: float) -> Fault | None:
    """Judge a pilot that is driven to -12 V, which no vehicle with a diode can load."""
    if not -13.0 <= level_v <= 13.0:
        return Fault.PILOT_SHORT
    if level_v <= _NEGATIVE_V:
        return None
    return Fault.DIODE if level_v <= _NO_NEGATIVE_V else Fault.PILOT_NEGATIVE


def _fault_of_negative_half(sample: PilotSample) -> Fault | None:
    """Tell a diode that is missing from a station that has no -12 V."""
    if _vehicle_loads(sample) and _is_symmetric(sample):
        return Fault.DIODE
    if sample.low_v <= _NEGATIVE_V:
        return None
    loaded = _vehicle_loads(sample) and sample.low_v <= _NO_NEGATIVE_V
    return Fault.DIODE if loaded else Fault.PILOT_NEGATIVE


def _vehicle_loads(sample: PilotSample) -> bool:
    return _SHORT_HIGH_V <= sample.high_v <= _LOADED_HIGH_V


def _is_symmetric(sample: PilotSample) -> bool:
    return abs(sample.high_v + sample.low_v) <= _SYMMETRY_V
