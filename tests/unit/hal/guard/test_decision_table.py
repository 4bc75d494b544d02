"""The whole table: every combination of what supply depends on, against a plain statement of it."""

from itertools import product

import pytest

from hal.api import Fault, Feed, Lease, LeaseState, PilotMode, PilotSample, PilotState
from hal.guard.contactor_check import ContactorTrack
from hal.guard.debounce import Debounced
from hal.guard.decision import decide
from hal.guard.duty import STEADY_POSITIVE, DutyTrack, current_for_duty
from hal.guard.evse import EvseInputs, EvseSetup, EvseState
from hal.guard.fault_latch import FaultLatch
from hal.guard.lease import LeaseTrack
from hal.guard.lock_control import LockTrack
from hal.guard.phases import PhaseTrack
from hal.guard.pilot_state import PilotTrack
from hal.guard.plug import PlugTrack
from hal.guard.residual_current import ResidualCurrentTrack
from hal.guard.wake_up import WakeUpTrack

NOW_S = 5000.0
HIGH_V = {PilotState.A: 12.0, PilotState.B: 9.0, PilotState.C: 6.0, PilotState.D: 3.0}
VENTILATIONS = (False, True)
LIMITS_A = (5.9, 6.0)
RATINGS_A = (None, 0, 13)
MONITORS = ("none", "ready", "due")
LOCKS = (None, True, False)
FAULTS = ("none", "latched", "active")
READINESS = ("ready", "too soon", "diode unproven", "just entered")


def lease_track(state: LeaseState, mode: PilotMode, limit_a: float) -> LeaseTrack:
    if state is LeaseState.NONE:
        return LeaseTrack()
    since_s = {LeaseState.LIVE: None, LeaseState.FALLBACK: NOW_S - 1.0}.get(state, NOW_S - 70.0)
    return LeaseTrack(Lease(1, mode, limit_a), NOW_S - 0.1, since_s, state)


def evse_state(pilot: PilotState, lease: LeaseTrack, readiness: str = "ready") -> EvseState:
    long_ago_s = NOW_S - 100.0
    return EvseState(
        contactor=ContactorTrack(
            started_s=long_ago_s,
            commanded_s=long_ago_s,
            last_closing_s=NOW_S - 9.9 if readiness == "too soon" else NOW_S - 10.0,
        ),
        pilot=PilotTrack(
            Debounced.settled(pilot, long_ago_s),
            NOW_S - 0.05 if readiness == "just entered" else long_ago_s,
            diode_since_s=None if readiness == "diode unproven" else long_ago_s,
        ),
        cable_rating_a=Debounced.settled(None, long_ago_s),
        lock=LockTrack(),
        lease=lease,
        latch=FaultLatch(),
        residual_current=ResidualCurrentTrack(),
        duty=DutyTrack(0.1, long_ago_s),
        phases=PhaseTrack(Feed(3)),
        plug=PlugTrack(plugged=pilot is not PilotState.A, seen_free=pilot is PilotState.A),
        wake_up=WakeUpTrack(),
        tampered=Debounced.settled(value=False, now_s=long_ago_s),
    )


def replace(state: EvseState, **changes: object) -> EvseState:
    names = EvseState.__slots__
    return EvseState(**{name: changes.get(name, getattr(state, name)) for name in names})  # type: ignore[arg-type]


def test_the_contactor_closes_exactly_if_every_condition_holds() -> None:
    closings = 0
    for pilot, lease_state, mode, readiness in product(HIGH_V, LeaseState, PilotMode, READINESS):
        for limit_a in LIMITS_A:
            base = evse_state(pilot, lease_track(lease_state, mode, limit_a), readiness)
            permitted = (
                lease_state is LeaseState.LIVE and mode is PilotMode.OFFER and limit_a >= 6.0
            )
            closings += _check_devices(base, pilot, permitted and readiness == "ready")
    assert closings > 0


def _check_devices(base: EvseState, pilot: PilotState, permitted: bool) -> int:
    closings = 0
    devices = product(VENTILATIONS, RATINGS_A, MONITORS, LOCKS, FAULTS)
    for ventilation, rating_a, monitor, lock, fault in devices:
        passed_s = NOW_S - 50.0 if monitor == "ready" else None
        latched = frozenset({Fault.OTHER} if fault == "latched" else ())
        state = replace(
            base,
            cable_rating_a=Debounced.settled(rating_a, 0.0),
            residual_current=ResidualCurrentTrack(passed_s=passed_s),
            lock=LockTrack(commanded=lock is not None, engaged=bool(lock)),
            latch=FaultLatch(latched, NOW_S - 1.0),
        )
        inputs = EvseInputs(
            pilot=PilotSample(HIGH_V[pilot], -12.0),
            contactor_closed=False,
            fault_inputs=frozenset({Fault.OTHER} if fault == "active" else ()),
            residual_tripped=None if monitor == "none" else False,
            cable_rating_a=rating_a,
            lock_engaged=lock,
        )
        setup = EvseSetup(evse=1, max_current_a=32.0, ventilation=ventilation)
        decided = decide(setup, state, inputs, NOW_S)
        expected = (
            permitted
            and (pilot is PilotState.C or (pilot is PilotState.D and ventilation))
            and rating_a != 0
            and monitor != "due"
            and lock is not False
            and fault == "none"
        )
        row = (pilot, base.lease, ventilation, rating_a, monitor, lock, fault)
        assert decided.outputs.contactor_closed is expected, row
        assert not (decided.status.faults and decided.status.offered_a), row
        closings += expected
    return closings


@pytest.mark.parametrize("shutting_down", [False, True])
@pytest.mark.parametrize("pilot", HIGH_V)
def test_the_contactor_stays_closed_exactly_as_long_as_it_may(
    pilot: PilotState, shutting_down: bool
) -> None:
    cases = product(
        LeaseState, PilotMode, LIMITS_A, VENTILATIONS, FAULTS, (None, 2.9, 3.0, 5.9, 6.0)
    )
    for lease_state, mode, limit_a, ventilation, fault, stopping_s in cases:
        state = replace(
            evse_state(pilot, lease_track(lease_state, mode, limit_a)),
            contactor=ContactorTrack(0.0, commanded=True, commanded_s=NOW_S - 60.0, closed=True),
            latch=FaultLatch(frozenset({Fault.OTHER} if fault == "latched" else ()), NOW_S - 1.0),
            stopping_since_s=None if stopping_s is None else NOW_S - stopping_s,
            supplied=True,
            shutting_down=shutting_down,
        )
        active = frozenset({Fault.OTHER} if fault == "active" else ())
        inputs = EvseInputs(PilotSample(HIGH_V[pilot], -12.0), True, active)
        decided = decide(EvseSetup(1, 32.0, ventilation), state, inputs, NOW_S)
        offers = (
            not shutting_down
            and mode is PilotMode.OFFER
            and limit_a >= 6.0
            and lease_state in {LeaseState.LIVE, LeaseState.FALLBACK}
        )
        in_time = stopping_s is None or stopping_s < (3.0 if shutting_down else 6.0)
        expected = (
            fault == "none"
            and (pilot is PilotState.C or (pilot is PilotState.D and ventilation))
            and (offers or in_time)
        )
        row = (lease_state, mode, limit_a, ventilation, fault, stopping_s)
        assert decided.outputs.contactor_closed is expected, row
        if expected and not offers:
            assert decided.outputs.duty == STEADY_POSITIVE, row


@pytest.mark.parametrize("limit_a", [6.0, 10.0, 13.0, 16.0, 20.0, 32.0, 63.0, 80.0])
@pytest.mark.parametrize("max_current_a", [6.0, 16.0, 32.0, 80.0])
@pytest.mark.parametrize("rating_a", [None, 13, 20, 32, 63])
@pytest.mark.parametrize("lease_state", [LeaseState.LIVE, LeaseState.FALLBACK])
def test_the_offer_is_the_smallest_of_all_limits(
    limit_a: float, max_current_a: float, rating_a: int | None, lease_state: LeaseState
) -> None:
    state = replace(
        evse_state(PilotState.B, lease_track(lease_state, PilotMode.OFFER, limit_a)),
        cable_rating_a=Debounced.settled(rating_a, 0.0),
    )
    inputs = EvseInputs(PilotSample(9.0, -12.0), False, cable_rating_a=rating_a)
    decided = decide(EvseSetup(1, max_current_a), state, inputs, NOW_S)
    fallback_a = 6.0 if lease_state is LeaseState.FALLBACK else 80.0
    smallest_a = min(limit_a, max_current_a, rating_a or 80, fallback_a)
    assert current_for_duty(decided.outputs.duty) == pytest.approx(smallest_a)
