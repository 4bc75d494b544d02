"""Why the contactor may not close now: each hindrance names a condition that must hold first.

The contactor closes exactly if there is none. What follows from another hindrance, such as a pilot
that proves nothing because there is no offer, is not named besides it.
"""

from collections.abc import Iterator

from hal.api import Hindrance, LeaseState, PilotMode
from hal.guard.contactor_check import ContactorTrack
from hal.guard.duty import MINIMUM_OFFER_A
from hal.guard.view import View, leased_a

NO_HINDRANCES: frozenset[Hindrance] = frozenset()


def hindrances(view: View, contactor: ContactorTrack) -> frozenset[Hindrance]:
    """Return everything that forbids a contactor in this condition to close."""
    return frozenset(
        (
            *_of_the_station(view),
            *_of_the_permission(view),
            *_of_the_vehicle(view),
            *_of_the_contactor(view, contactor),
        )
    )


def without_lines(lease: LeaseState, mode: PilotMode) -> frozenset[Hindrance]:
    """Return what is known while the lines are out of reach."""
    if lease is not LeaseState.LIVE:
        return frozenset({Hindrance.FAULT, Hindrance.NO_LEASE})
    offers = mode is PilotMode.OFFER
    return frozenset({Hindrance.FAULT} if offers else {Hindrance.FAULT, Hindrance.NO_OFFER})


def _of_the_station(view: View) -> Iterator[Hindrance]:
    state = view.state
    if view.faulty:
        yield Hindrance.FAULT
    if state.shut_off:
        yield Hindrance.SHUT_OFF
    if state.shutting_down:
        yield Hindrance.SHUTTING_DOWN
    if state.phases.under_way:
        yield Hindrance.PHASE_SWITCH
    if state.wake_up.under_way:
        yield Hindrance.WAKE_UP
    if view.inputs.residual_tripped is not None and not state.residual_current.ready:
        yield Hindrance.SELF_TEST


def _of_the_permission(view: View) -> Iterator[Hindrance]:
    if view.state.lease.state is not LeaseState.LIVE:
        yield Hindrance.NO_LEASE
    elif not leased_a(view.setup, view.state) >= MINIMUM_OFFER_A:
        yield Hindrance.NO_OFFER
    rating_a = view.state.cable_rating_a.value
    if rating_a is not None and rating_a < MINIMUM_OFFER_A:
        yield Hindrance.CABLE_LIMIT


def _of_the_vehicle(view: View) -> Iterator[Hindrance]:
    if not view.asks_for_supply:
        yield Hindrance.VEHICLE_NOT_READY if view.state.plug.plugged else Hindrance.NO_VEHICLE
    elif view.offered_a > 0 and not view.pilot_is_proven:
        yield Hindrance.PILOT_UNPROVEN
    if view.inputs.lock_engaged is None or view.state.lock.secured:
        return
    if view.permitted_a > 0 and view.state.plug.plugged:
        yield Hindrance.LOCK


def _of_the_contactor(view: View, contactor: ContactorTrack) -> Iterator[Hindrance]:
    if not contactor.proven_open:
        yield Hindrance.CONTACTOR_NOT_OPEN
    if contactor.rests(view.now_s, view.setup.min_closing_interval_s):
        yield Hindrance.CONTACTOR_RESTS
