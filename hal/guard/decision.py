"""The guard's decision for one EVSE: inputs and time in, outputs and status out, nothing else.

Supply starts only if the pilot says C (or D where ventilation is configured), the lease is live
and offers at least 6 A, nothing is faulty, the residual current monitor has passed its self test
and the retention lock is engaged. It ends at once when the EV leaves C or a fault appears. When
the permission ends, the PWM goes to steady +12 V first and the EV has 6 s to leave C before the
contactor opens under load (IEC 61851-1, sequences 10.1 and 10.2).
"""

from dataclasses import dataclass, replace

from hal.api import Fault, GuardStatus, Lease, LeaseState, PilotMode, PilotSample, PilotState
from hal.guard import pilot_state
from hal.guard.contactor_check import ContactorTrack
from hal.guard.debounce import Debounced
from hal.guard.duty import (
    MINIMUM_OFFER_A,
    STEADY_NEGATIVE,
    STEADY_POSITIVE,
    DutyTrack,
    current_for_duty,
    duty_for_current,
    is_pwm,
)
from hal.guard.evse import Decision, EvseInputs, EvseOutputs, EvseSetup, EvseState
from hal.guard.fault_latch import FaultLatch
from hal.guard.lease import LeaseTrack
from hal.guard.lock_control import LockTrack
from hal.guard.measurement import judge, measure
from hal.guard.residual_current import ResidualCurrentTrack

STOP_S = 6.0
SHUTDOWN_STOP_S = 3.0
UNKNOWN_INPUTS = EvseInputs(PilotSample(0.0, 0.0), contactor_closed=False)


def start(now_s: float) -> EvseState:
    """Return the state before any line was sampled: everything open, nothing known."""
    return EvseState(
        contactor=ContactorTrack(started_s=now_s, commanded_s=now_s),
        pilot=pilot_state.first_sample(UNKNOWN_INPUTS.pilot, now_s),
        cable_rating_a=Debounced.settled(None, now_s),
        lock=LockTrack(),
        lease=LeaseTrack(),
        latch=FaultLatch(),
        residual_current=ResidualCurrentTrack(),
        duty=DutyTrack(STEADY_POSITIVE, now_s),
    )


def lose_lines(state: EvseState, now_s: float) -> EvseState:
    """Take notice that the lines are out of reach: whatever was driven counts as open."""
    return replace(
        state,
        contactor=state.contactor.command(closed=False, now_s=now_s),
        duty=DutyTrack(STEADY_POSITIVE, now_s),
        residual_current=state.residual_current.interrupted(),
        stopping_since_s=None,
    )


def find_lines(state: EvseState, inputs: EvseInputs, now_s: float) -> EvseState:
    """Start again from a first sample; permissions, latched faults and the pace of closings stay.

    A lock is held as it is found, so that a restart of the guard releases no cable.
    """
    lost = lose_lines(state, now_s)
    return replace(
        lost,
        contactor=lost.contactor.found(closed=inputs.contactor_closed, now_s=now_s),
        pilot=pilot_state.first_sample(inputs.pilot, now_s),
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
    measured = judge(setup, measure(setup, state, inputs, now_s), inputs, now_s)
    measured = _count_plug_ins(measured)
    view = _View(setup, measured, _limit_a(setup, measured), now_s)
    return _act(view, inputs)


def status_without_lines(setup: EvseSetup, state: EvseState, now_s: float) -> GuardStatus:
    """Return what may be said while the lines are out of reach: open, and the last known pilot."""
    return GuardStatus(
        evse=setup.evse,
        pilot_state=state.pilot.state.value,
        duty=STEADY_POSITIVE,
        offered_a=0.0,
        contactor_commanded=False,
        contactor_closed=False,
        lease=state.lease.aged(now_s, setup.grace_s).state,
        faults=state.latch.faults | {Fault.LINES_LOST},
        cable_rating_a=state.cable_rating_a.value or None,
        real_time=setup.real_time,
        connection=setup.connection(state.plug_ins),
    )


@dataclass(frozen=True, slots=True)
class _View:
    """Everything one step decides on."""

    setup: EvseSetup
    state: EvseState
    limit_a: float
    now_s: float

    @property
    def faulty(self) -> bool:
        return bool(self.state.latch.faults)

    @property
    def offers(self) -> bool:
        return self.limit_a > 0

    @property
    def connected(self) -> bool:
        return _is_connected(self.state)

    @property
    def asks_for_supply(self) -> bool:
        asked = self.state.pilot.state.value
        return asked is PilotState.C or (asked is PilotState.D and self.setup.ventilation)


def _count_plug_ins(state: EvseState) -> EvseState:
    """Count a plug-in; only state A says that the vehicle is gone, E and F say nothing."""
    if _is_connected(state) and not state.plugged:
        return replace(state, plugged=True, plug_ins=state.plug_ins + 1)
    if state.plugged and state.pilot.state.value is PilotState.A:
        return replace(state, plugged=False)
    return state


def _is_connected(state: EvseState) -> bool:
    return state.pilot.state.value in pilot_state.CONNECTED_STATES


def _limit_a(setup: EvseSetup, state: EvseState) -> float:
    """Return what may be offered: nothing, or 6 A and more."""
    if state.latch.faults or state.shutting_down:
        return 0.0
    limit_a = min(state.lease.limit_a(setup.fallback_limit_a), setup.max_current_a)
    rating_a = state.cable_rating_a.value
    if rating_a is not None:
        limit_a = min(limit_a, rating_a)
    return limit_a if limit_a >= MINIMUM_OFFER_A else 0.0


def _act(view: _View, inputs: EvseInputs) -> Decision:
    state = view.state
    stopping_since_s = _stopping_since_s(view)
    closed = (
        _may_stay_closed(view, stopping_since_s)
        if state.contactor.commanded
        else _may_close(view, inputs)
    )
    contactor = state.contactor.command(closed=closed, now_s=view.now_s)
    duty = state.duty.drive(_wanted_duty(view, contactor), view.now_s)
    lock = _drive_lock(view, contactor, inputs)
    residual_current, start_self_test = state.residual_current, False
    if _shall_test(view, contactor, inputs):
        residual_current, start_self_test = residual_current.test_started(view.now_s), True
    after = EvseState(
        contactor=contactor,
        pilot=state.pilot,
        cable_rating_a=state.cable_rating_a,
        lock=lock,
        lease=state.lease,
        latch=state.latch,
        residual_current=residual_current,
        duty=duty,
        stopping_since_s=stopping_since_s if closed else None,
        supplied=state.supplied or closed,
        shutting_down=state.shutting_down,
        plugged=state.plugged,
        plug_ins=state.plug_ins,
    )
    outputs = EvseOutputs(duty.duty, closed, lock.commanded, start_self_test)
    pending = _is_pending(after)
    calm = not pending and _is_calm(after)
    return Decision(after, outputs, _status(view.setup, after, inputs), pending, calm)


def _stopping_since_s(view: _View) -> float | None:
    if view.offers:
        return None
    since_s = view.state.stopping_since_s
    return view.now_s if since_s is None else since_s


def _may_stay_closed(view: _View, stopping_since_s: float | None) -> bool:
    if view.faulty or not view.asks_for_supply:
        return False
    if stopping_since_s is None:
        return True
    allowed_s = SHUTDOWN_STOP_S if view.state.shutting_down else STOP_S
    return view.now_s - stopping_since_s < allowed_s


def _may_close(view: _View, inputs: EvseInputs) -> bool:
    if view.faulty or not view.offers or not view.asks_for_supply:
        return False
    return (
        view.state.lease.state is LeaseState.LIVE
        and _pilot_is_proven(view)
        and view.state.contactor.may_close(view.now_s, view.setup.min_closing_interval_s)
        and _self_test_is_passed(view, inputs)
        and (inputs.lock_engaged is None or view.state.lock.secured)
    )


def _pilot_is_proven(view: _View) -> bool:
    """Tell whether the pilot is steady, has its diode and already carries an offer."""
    pilot = view.state.pilot
    offered_a = current_for_duty(view.state.duty.duty)
    return (
        offered_a >= MINIMUM_OFFER_A
        and not pilot.pending
        and pilot.diode_proven(view.now_s)
        and view.now_s - pilot.state_since_s >= pilot_state.ENTERING_HOLD_S
    )


def _self_test_is_passed(view: _View, inputs: EvseInputs) -> bool:
    return inputs.residual_tripped is None or view.state.residual_current.ready(view.now_s)


def _wanted_duty(view: _View, contactor: ContactorTrack) -> float:
    if view.faulty:
        is_f = view.state.latch.shows_state_f(view.now_s)
        return STEADY_NEGATIVE if is_f else STEADY_POSITIVE
    if view.offers:
        return duty_for_current(view.limit_a) if view.connected else STEADY_POSITIVE
    unavailable = view.state.lease.mode is PilotMode.UNAVAILABLE
    if unavailable and contactor.proven_open and not view.state.shutting_down:
        return STEADY_NEGATIVE
    return STEADY_POSITIVE


def _shall_test(view: _View, contactor: ContactorTrack, inputs: EvseInputs) -> bool:
    return (
        inputs.residual_tripped is not None
        and contactor.proven_open
        and view.state.residual_current.wants_test(view.now_s)
    )


def _drive_lock(view: _View, contactor: ContactorTrack, inputs: EvseInputs) -> LockTrack:
    lock = view.state.lock
    if inputs.lock_engaged is None:
        return lock
    wanted = view.state.lease.wants_lock or (view.offers and view.connected)
    if lock.released_on_request and not wanted:
        lock = replace(lock, released_on_request=False)
    engaged = _lock_is_wanted(view, contactor, lock, wanted=wanted)
    return lock.command(engaged=engaged, now_s=view.now_s)


def _lock_is_wanted(
    view: _View, contactor: ContactorTrack, lock: LockTrack, *, wanted: bool
) -> bool:
    if not contactor.proven_open:
        return True
    if lock.released_on_request:
        return False
    if view.faulty:
        return lock.commanded and not view.state.latch.releases_lock(view.now_s)
    if view.state.lease.state is LeaseState.NONE:
        found_s = view.now_s - contactor.started_s
        return lock.commanded and found_s < view.setup.grace_s
    return wanted


def _is_pending(state: EvseState) -> bool:
    return state.pilot.pending or (state.contactor.pending and not state.latch.faults)


def _is_calm(state: EvseState) -> bool:
    return (
        state.contactor.proven_open
        and not is_pwm(state.duty.duty)
        and not state.residual_current.pending
    )


def _status(setup: EvseSetup, state: EvseState, inputs: EvseInputs) -> GuardStatus:
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
        connection=setup.connection(state.plug_ins),
    )
