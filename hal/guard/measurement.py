"""The first half of a decision: what the lines say, and which faults follow from it."""

from dataclasses import replace

from hal.api import Fault, PilotMode, PilotState
from hal.guard import pilot_state
from hal.guard.evse import EvseInputs, EvseSetup, EvseState
from hal.guard.fault_latch import NO_FAULTS

CABLE_HOLD_S = 0.100


def measure(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> EvseState:
    """Let every track take its sample and the lease age."""
    pilot = pilot_state.observe(state.pilot, inputs.pilot, state.duty, now_s)
    lock = state.lock
    if inputs.lock_engaged is not None:
        lock = lock.read_back(engaged=inputs.lock_engaged, now_s=now_s)
    residual_current = state.residual_current
    if inputs.residual_tripped is not None:
        residual_current = residual_current.observe(
            tripped=inputs.residual_tripped, verdict=inputs.self_test_passed, now_s=now_s
        )
    contactor = state.contactor.read_back(closed=inputs.contactor_closed, now_s=now_s)
    rating = state.cable_rating_a.sample(inputs.cable_rating_a, now_s, CABLE_HOLD_S)
    measured = EvseState(
        contactor=contactor,
        pilot=pilot,
        cable_rating_a=rating,
        lock=lock,
        lease=state.lease.aged(now_s, setup.grace_s),
        latch=state.latch,
        residual_current=residual_current,
        duty=state.duty,
        stopping_since_s=state.stopping_since_s,
        supplied=state.supplied,
        shutting_down=state.shutting_down,
        plugged=state.plugged,
        plug_ins=state.plug_ins,
    )
    return _at_session_borders(state, measured)


def judge(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> EvseState:
    """Latch the faults that are active now and drop those that may go."""
    latch = state.latch.update(
        inputs.fault_inputs | _own_faults(setup, state, now_s),
        unplugged=state.pilot.state.value is PilotState.A,
        now_s=now_s,
    )
    return state if latch is state.latch else replace(state, latch=latch)


def _at_session_borders(before: EvseState, after: EvseState) -> EvseState:
    """Make the self test due when a vehicle comes and when a session that had supply is over."""
    was, now = before.pilot.state.value, after.pilot.state.value
    residual_current = after.residual_current
    plugged_in = was not in pilot_state.CONNECTED_STATES and now in pilot_state.CONNECTED_STATES
    over = after.supplied and after.contactor.proven_open and not _is_in_session(after)
    if plugged_in or over:
        residual_current = residual_current.test_due()
    if now is PilotState.A and was is not PilotState.A:
        residual_current = residual_current.retried()
    if residual_current is after.residual_current and not over:
        return after
    return replace(after, residual_current=residual_current, supplied=after.supplied and not over)


def _is_in_session(state: EvseState) -> bool:
    return state.lease.mode is PilotMode.OFFER and state.pilot.state.value is not PilotState.A


def _own_faults(setup: EvseSetup, state: EvseState, now_s: float) -> frozenset[Fault]:
    found = [state.pilot.fault.value, state.contactor.fault(now_s)]
    if state.residual_current.is_fault:
        found.append(Fault.RCD)
    if state.lock.is_fault(now_s):
        found.append(Fault.LOCK)
    if state.pilot.state.value is PilotState.D and not setup.ventilation:
        found.append(Fault.VENTILATION)
    return frozenset(fault for fault in found if fault is not None) or NO_FAULTS
