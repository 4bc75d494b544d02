"""What one decision looks at: the measured state of an EVSE, and what follows from it at once."""

from dataclasses import dataclass

from hal.api import LeaseState, PilotState
from hal.guard import pilot_state
from hal.guard.duty import MINIMUM_OFFER_A, current_for_duty, is_pwm
from hal.guard.evse import EvseInputs, EvseSetup, EvseState
from hal.guard.phases import PhaseFacts
from hal.guard.wake_up import AWAKE_S, WakeUpFacts


@dataclass(frozen=True, slots=True)
class View:
    """One moment of one EVSE. `permitted_a` is what may be offered, 0 or 6 A and more."""

    setup: EvseSetup
    state: EvseState
    inputs: EvseInputs
    permitted_a: float
    now_s: float

    @property
    def faulty(self) -> bool:
        return bool(self.state.latch.faults)

    @property
    def offered_a(self) -> float:
        """What the pilot shall offer now: nothing while the phases change."""
        return 0.0 if self.state.phases.under_way else self.permitted_a

    @property
    def connected(self) -> bool:
        return self.state.pilot.state.value in pilot_state.CONNECTED_STATES

    @property
    def asks_for_supply(self) -> bool:
        asked = self.state.pilot.state.value
        return asked is PilotState.C or (asked is PilotState.D and self.setup.ventilation)

    @property
    def pilot_is_proven(self) -> bool:
        """Tell whether the pilot is steady, has its diode and already carries an offer."""
        pilot = self.state.pilot
        return (
            current_for_duty(self.state.duty.duty) >= MINIMUM_OFFER_A
            and not pilot.pending
            and pilot.diode_proven(self.now_s)
            and self.now_s - pilot.state_since_s >= pilot_state.ENTERING_HOLD_S
        )

    @property
    def wants_lock(self) -> bool:
        return self.state.lease.wants_lock or (self.permitted_a > 0 and self.state.plug.plugged)

    def phase_facts(self) -> PhaseFacts:
        """Return what a change of the phases depends on."""
        state, wanted = self.state, self.state.lease.feed
        current = state.phases.selected or self.setup.full_feed
        if wanted is None or not self.setup.connects(wanted):
            wanted = current
        pause_s = self.setup.phase_pause_s
        rested = not state.plug.plugged or state.duty.steady_for(self.now_s) >= pause_s
        return PhaseFacts(wanted, state.contactor.proven_open, rested)

    def wake_up_facts(self) -> WakeUpFacts:
        """Return what the wake-up of a vehicle depends on."""
        return WakeUpFacts(
            asleep=self.setup.wake_up.enabled and self._owes_an_answer(),
            gone=self.state.pilot.state.value is PilotState.A,
            interrupted=self.faulty or self.state.shutting_down,
            state_f_s=self.setup.wake_up.state_f_s,
        )

    def _owes_an_answer(self) -> bool:
        """Tell whether a vehicle has left a live offer unanswered for too long."""
        state, pilot, asked_s = self.state, self.state.pilot, self.state.plug.asked_until_s
        if state.lease.state is not LeaseState.LIVE or self.offered_a <= 0:
            return False
        if pilot.state.value is not PilotState.B or pilot.pending or not is_pwm(state.duty.duty):
            return False
        offered_s = self.now_s - max(state.duty.level_since_s, pilot.state_since_s)
        answered = asked_s is not None and (
            asked_s >= state.duty.level_since_s or self.now_s - asked_s < AWAKE_S
        )
        return (
            not answered and state.contactor.proven_open and offered_s >= self.setup.wake_up.after_s
        )


def look(setup: EvseSetup, state: EvseState, inputs: EvseInputs, now_s: float) -> View:
    """Look at a state that was just measured."""
    return View(setup, state, inputs, _permitted_a(setup, state), now_s)


def leased_a(setup: EvseSetup, state: EvseState) -> float:
    """Return the amperes that lease, installation and vehicle allow, whatever the cable.

    A lease for a phase that the board does not have allows none.
    """
    if not setup.connects(state.lease.feed):
        return 0.0
    limit_a = min(state.lease.limit_a(setup.fallback_limit_a), setup.max_current_a)
    if state.plug.simplified and setup.simplified_limit_a is not None:
        limit_a = min(limit_a, setup.simplified_limit_a)
    return limit_a


def _permitted_a(setup: EvseSetup, state: EvseState) -> float:
    if state.latch.faults or state.shutting_down:
        return 0.0
    limit_a, rating_a = leased_a(setup, state), state.cable_rating_a.value
    if rating_a is not None:
        limit_a = min(limit_a, rating_a)
    return limit_a if limit_a >= MINIMUM_OFFER_A else 0.0
