"""The guard's decision for one EVSE: inputs and time in, outputs and status out, nothing else.

Supply starts only if the pilot says C (or D where ventilation is configured), the lease is live
and offers at least 6 A, nothing is faulty, the residual current monitor has passed its self test
and the retention lock is engaged. It ends at once when the EV leaves C or a fault appears. When
the permission ends, the PWM goes to steady +12 V first and the EV has 6 s to leave C before the
contactor opens under load (IEC 61851-1, sequences 10.1 and 10.2).
"""

from dataclasses import replace

from hal.api import Fault, Feed, GuardStatus, Hindrance, Lease, LeaseState, PilotMode, PilotSample
from hal.guard import phases, pilot_state
from hal.guard.contactor_check import ContactorTrack
from hal.guard.debounce import Debounced
from hal.guard.duty import (
    STEADY_NEGATIVE,
    STEADY_POSITIVE,
    DutyTrack,
    current_for_duty,
    duty_for_current,
    is_pwm,
)
from hal.guard.evse import Decision, EvseInputs, EvseOutputs, EvseSetup, EvseState
from hal.guard.fault_latch import FaultLatch
from hal.guard.hindrances import NO_HINDRANCES, hindrances, without_lines
from hal.guard.lease import LeaseTrack
from hal.guard.lock_control import LockTrack
from hal.guard.measurement import measure
from hal.guard.phases import PhaseTrack
from hal.guard.plug import PlugTrack
from hal.guard.residual_current import ResidualCurrentTrack
from hal.guard.view import View, look
from hal.guard.wake_up import WakeUpStep, WakeUpTrack

STOP_S = 6.0
SHUTDOWN_STOP_S = 3.0
UNKNOWN_INPUTS = EvseInputs(PilotSample(0.0, 0.0), contactor_closed=False)


def start(setup: EvseSetup, now_s: float, *, shut_off: bool = False) -> EvseState:
    """Return the state before any line was sampled: everything open, nothing known.

    `shut_off` tells that a guard before this one has tripped the second shut-off.
    """
    return EvseState(
        contactor=ContactorTrack(started_s=now_s, commanded_s=now_s),
        pilot=pilot_state.first_sample(UNKNOWN_INPUTS.pilot, now_s),
        cable_rating_a=Debounced.settled(None, now_s),
        lock=LockTrack(),
        lease=LeaseTrack(),
        latch=FaultLatch(),
        residual_current=ResidualCurrentTrack(),
        duty=DutyTrack.begun(now_s),
        phases=phases.unknown() if setup.phase_switching else PhaseTrack(setup.full_feed),
        plug=PlugTrack(),
        wake_up=WakeUpTrack(),
        tampered=Debounced.settled(value=False, now_s=now_s),
        shut_off=shut_off,
    )


def lose_lines(setup: EvseSetup, state: EvseState, now_s: float) -> EvseState:
    """Take notice that the lines are out of reach: whatever was driven counts as open."""
    return replace(
        state,
        contactor=state.contactor.command(closed=False, now_s=now_s),
        duty=DutyTrack.begun(now_s),
        residual_current=state.residual_current.interrupted(),
        phases=phases.unknown() if setup.phase_switching else state.phases,
        stopping_since_s=None,
    )


def find_lines(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> EvseState:
    """Start again from a first sample; permissions, latched faults and the pace of closings stay.

    A lock is held as it is found, so that a restart of the guard releases no cable.
    """
    lost = lose_lines(setup, state, now_s)
    return replace(
        lost,
        contactor=lost.contactor.found(closed=inputs.contactor_closed, now_s=now_s),
        pilot=pilot_state.first_sample(inputs.pilot, now_s),
        plug=lost.plug.unseen(),
        cable_rating_a=Debounced.settled(inputs.cable_rating_a, now_s),
        lock=LockTrack().command(engaged=bool(inputs.lock_engaged), now_s=now_s),
    )


def grant(state: EvseState, lease: Lease, now_s: float) -> EvseState:
    """Take a lease from the services."""
    return replace(state, lease=state.lease.granted(lease, now_s))


def abandon(state: EvseState, now_s: float) -> EvseState:
    """Take notice that the services are gone."""
    return replace(state, lease=state.lease.abandoned(now_s))


def request_unlock(state: EvseState) -> EvseState:
    """Release the lock once; without effect unless the contactor is proven open."""
    if not state.contactor.proven_open:
        return state
    return replace(state, lock=replace(state.lock, released_on_request=True))


def shut_down(state: EvseState) -> EvseState:
    """Begin to stop for good: no offer any more, and only 3 s for the EV to leave C."""
    return replace(state, shutting_down=True)


def decide(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> Decision:
    """Take one sample of every line and decide; the outputs hold until the next decision."""
    measured = measure(setup, state, inputs, now_s)
    view, select_phases = _advance(look(setup, measured, inputs, now_s))
    return _act(view, select_phases)


def status_without_lines(setup: EvseSetup, state: EvseState, now_s: float) -> GuardStatus:
    """Return what may be said while the lines are out of reach: open, and the last known pilot."""
    lease, feed = state.lease.aged(now_s, setup.grace_s), state.phases.selected or setup.full_feed
    return GuardStatus(
        evse=setup.evse,
        pilot_state=state.pilot.state.value,
        duty=STEADY_POSITIVE,
        offered_a=0.0,
        contactor_commanded=False,
        contactor_closed=False,
        lease=lease.state,
        faults=state.latch.faults | {Fault.LINES_LOST},
        cable_rating_a=state.cable_rating_a.value or None,
        real_time=setup.real_time,
        connection=setup.connection(state.plug.count),
        phases=feed.phases,
        phase=feed.phase,
        tampered=state.tampered.value,
        shut_off=state.shut_off,
        hindrances=without_lines(lease.state, lease.mode),
    )


def _advance(view: View) -> tuple[View, Feed | None]:
    """Let the sequences that take the pilot for themselves go on."""
    state, select = view.state, None
    if view.setup.phase_switching:
        change, select = phases.advance(state.phases, view.phase_facts())
        state = state.updated(phases=change)
    state = state.updated(wake_up=state.wake_up.advance(view.wake_up_facts(), view.now_s))
    return (view if state is view.state else replace(view, state=state)), select


def _act(view: View, select_phases: Feed | None) -> Decision:
    state, now_s = view.state, view.now_s
    stopping_since_s = _stopping_since_s(view)
    contactor, why = _command(view, stopping_since_s)
    lock = _drive_lock(view, contactor)
    residual_current, start_self_test = state.residual_current, _shall_test(view, contactor)
    if start_self_test:
        residual_current = residual_current.test_started(now_s)
    after = state.updated(
        contactor=contactor,
        lock=lock,
        residual_current=residual_current,
        duty=state.duty.drive(_wanted_duty(view, contactor), now_s),
        stopping_since_s=stopping_since_s if contactor.commanded else None,
        supplied=state.supplied or contactor.commanded,
    )
    outputs = EvseOutputs(
        duty=after.duty.duty,
        contactor_closed=contactor.commanded,
        lock_engaged=lock.commanded,
        start_self_test=start_self_test,
        select_phases=select_phases,
        shut_off=state.shut_off,
    )
    pending = _is_pending(after)
    calm = not pending and _is_calm(after)
    return Decision(after, outputs, _status(view, after, why), pending, calm)


def _command(
    view: View, stopping_since_s: float | None
) -> tuple[ContactorTrack, frozenset[Hindrance]]:
    """Return the contactor as it is told from now on, and why it is not told to close."""
    contactor = view.state.contactor
    if not contactor.commanded:
        why = hindrances(view, contactor)
        return contactor.command(closed=not why, now_s=view.now_s), why
    if _may_stay_closed(view, stopping_since_s):
        return contactor, NO_HINDRANCES
    opened = contactor.command(closed=False, now_s=view.now_s)
    return opened, hindrances(view, opened)


def _stopping_since_s(view: View) -> float | None:
    """Return since when the vehicle has been without an offer; one that comes back must show."""
    if view.offered_a > 0 and is_pwm(view.state.duty.duty):
        return None
    since_s = view.state.stopping_since_s
    return view.now_s if since_s is None else since_s


def _may_stay_closed(view: View, stopping_since_s: float | None) -> bool:
    if view.faulty or not view.asks_for_supply:
        return False
    if stopping_since_s is None:
        return True
    allowed_s = SHUTDOWN_STOP_S if view.state.shutting_down else STOP_S
    return view.now_s - stopping_since_s < allowed_s


def _wanted_duty(view: View, contactor: ContactorTrack) -> float:
    state = view.state
    if view.faulty:
        is_f = state.latch.shows_state_f(view.now_s)
        return STEADY_NEGATIVE if is_f else STEADY_POSITIVE
    if state.wake_up.under_way:
        is_f = state.wake_up.step is WakeUpStep.STATE_F
        return STEADY_NEGATIVE if is_f else STEADY_POSITIVE
    if view.offered_a > 0:
        return duty_for_current(view.offered_a) if view.connected else STEADY_POSITIVE
    unavailable = state.lease.mode is PilotMode.UNAVAILABLE
    if unavailable and contactor.proven_open and not state.shutting_down:
        return STEADY_NEGATIVE
    return STEADY_POSITIVE


def _shall_test(view: View, contactor: ContactorTrack) -> bool:
    return (
        view.inputs.residual_tripped is not None
        and contactor.proven_open
        and view.state.residual_current.wants_test(view.now_s)
    )


def _drive_lock(view: View, contactor: ContactorTrack) -> LockTrack:
    lock = view.state.lock
    if view.inputs.lock_engaged is None:
        return lock
    if lock.released_on_request and not view.wants_lock:
        lock = replace(lock, released_on_request=False)
    engaged = _lock_is_wanted(view, contactor, lock)
    return lock.command(engaged=engaged, now_s=view.now_s)


def _lock_is_wanted(view: View, contactor: ContactorTrack, lock: LockTrack) -> bool:
    if not contactor.proven_open:
        return True
    if lock.released_on_request:
        return False
    if view.faulty:
        return lock.commanded and not view.state.latch.releases_lock(view.now_s)
    if view.state.lease.state is LeaseState.NONE:
        found_s = view.now_s - contactor.started_s
        return lock.commanded and found_s < view.setup.grace_s
    return view.wants_lock


def _is_pending(state: EvseState) -> bool:
    if state.residual_current.suspicious and not state.contactor.proven_open:
        return True
    return state.pilot.pending or (state.contactor.pending and not state.latch.faults)


def _is_calm(state: EvseState) -> bool:
    return (
        state.contactor.proven_open
        and not is_pwm(state.duty.duty)
        and not state.residual_current.pending
        and not state.wake_up.under_way
        and not state.phases.under_way
    )


def _status(view: View, state: EvseState, why: frozenset[Hindrance]) -> GuardStatus:
    setup, inputs = view.setup, view.inputs
    feed = state.phases.selected or setup.full_feed
    return GuardStatus(
        evse=setup.evse,
        pilot_state=state.pilot.state.value,
        duty=state.duty.duty,
        offered_a=current_for_duty(state.duty.duty),
        contactor_commanded=state.contactor.commanded,
        contactor_closed=state.contactor.closed,
        lease=state.lease.state,
        faults=state.latch.faults,
        lock_engaged=inputs.lock_engaged,
        cable_rating_a=state.cable_rating_a.value or None,
        pilot_high_v=round(inputs.pilot.high_v, 1),
        pilot_low_v=round(inputs.pilot.low_v, 1),
        real_time=setup.real_time,
        connection=setup.connection(state.plug.count),
        phases=feed.phases,
        phase=feed.phase,
        tampered=state.tampered.value,
        shut_off=state.shut_off,
        hindrances=why,
    )
