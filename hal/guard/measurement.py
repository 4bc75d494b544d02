"""The first half of a decision: what the lines say, and which faults follow from it."""

from hal.api import Fault, PilotMode, PilotState
from hal.guard import pilot_state
from hal.guard.evse import EvseInputs, EvseSetup, EvseState
from hal.guard.fault_latch import NO_FAULTS

CABLE_HOLD_S = 0.100
TAMPER_HOLD_S = 0.100


def measure(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> EvseState:
    """Let every track take its sample and the lease age, and let the faults follow."""
    measured = _sampled(setup, state, inputs, now_s)
    return _judged(setup, state, _at_session_borders(state, measured), inputs, now_s)


def _sampled(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> EvseState:
    pilot = pilot_state.observe(state.pilot, inputs.pilot, state.duty, now_s)
    contactor = state.contactor.read_back(closed=inputs.contactor_closed, now_s=now_s)
    lock, residual_current, tampered = state.lock, state.residual_current, state.tampered
    if inputs.lock_engaged is not None:
        lock = lock.read_back(engaged=inputs.lock_engaged, now_s=now_s)
    if inputs.residual_tripped is not None:
        residual_current = residual_current.observe(
            contactor,
            tripped=inputs.residual_tripped,
            verdict=inputs.self_test_passed,
            now_s=now_s,
        )
    if inputs.tampered is not None:
        tampered = tampered.sample(inputs.tampered, now_s, TAMPER_HOLD_S)
    return state.updated(
        contactor=contactor,
        pilot=pilot,
        plug=state.plug.observe(state.pilot.state.value, pilot.state.value, now_s),
        cable_rating_a=state.cable_rating_a.sample(inputs.cable_rating_a, now_s, CABLE_HOLD_S),
        lock=lock,
        lease=state.lease.aged(now_s, setup.grace_s),
        residual_current=residual_current,
        tampered=tampered,
    )


def _judged(
    setup: EvseSetup, before: EvseState, state: EvseState, inputs: EvseInputs, now_s: float
) -> EvseState:
    welded = inputs.has_shut_off and state.contactor.is_welded(now_s)
    state = state.updated(shut_off=state.shut_off or welded)
    latch = state.latch.update(
        inputs.fault_inputs | _own_faults(setup, state, now_s),
        free=state.pilot.state.value is PilotState.A,
        left=before.plug.plugged and not state.plug.plugged,
        now_s=now_s,
    )
    return state.updated(latch=latch)


def _at_session_borders(before: EvseState, after: EvseState) -> EvseState:
    """Make the self test due when a vehicle comes and when a session that had supply is over."""
    residual_current = after.residual_current
    over = after.supplied and after.contactor.proven_open and not _is_in_session(after)
    if after.plug.count != before.plug.count or over:
        residual_current = residual_current.test_due()
    if after.plug.seen_free and not before.plug.seen_free:
        residual_current = residual_current.retried()
    return after.updated(residual_current=residual_current, supplied=after.supplied and not over)


def _is_in_session(state: EvseState) -> bool:
    return state.lease.mode is PilotMode.OFFER and state.pilot.state.value is not PilotState.A


def _own_faults(setup: EvseSetup, state: EvseState, now_s: float) -> frozenset[Fault]:
    found = [state.pilot.fault.value, state.contactor.fault(now_s)]
    if state.shut_off:
        found.append(Fault.CONTACTOR_WELDED)
    if state.residual_current.is_fault:
        found.append(Fault.RCD)
    if state.lock.is_fault(now_s):
        found.append(Fault.LOCK)
    if state.pilot.state.value is PilotState.D and not setup.ventilation:
        found.append(Fault.VENTILATION)
    return frozenset(fault for fault in found if fault is not None) or NO_FAULTS
