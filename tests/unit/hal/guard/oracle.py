"""A second opinion on the guard: what may be, judged from the world's history alone.

It never looks at what the guard remembers. From the copper, the leases and the time it keeps, for
each condition, since when it has held without a break, and says from that when a contactor may be
closed, when it must be open, and whether each hindrance that the guard names is true.
"""

from collections.abc import Callable, Mapping

from hal.api import Fault, Hindrance, Lease, LeaseState, PilotMode, PilotState
from hal.guard.duty import STEADY_NEGATIVE, is_pwm
from hal.guard.pilot_state import LEAVING_HOLD_S, UNSTEADY_LIMIT_S
from tests.unit.hal.guard.rig import Rig

LEASE_S = 1.0
STOP_S = 6.0
SWITCHED_S = 1.0
GONE_S = 0.12
"""A pilot that says A for less is disturbed: the supply ends after 20 ms, A takes 100 ms more."""
CURABLE = {Fault.OVER_TEMPERATURE, Fault.UNDER_VOLTAGE}


class Oracle:
    """Follows a rig step by step; `check` fails when the guard does what it must not."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._held_since: dict[str, float] = {}
        self._silent_levels: set[tuple[str, bool]] = set()
        self._was_closed = rig.commanded
        self._closed_at = rig.now_s if rig.commanded else float("-inf")
        self._started_at = rig.now_s
        self._granted: Lease | None = None
        self._granted_at = float("-inf")
        self._told_to_stop = False
        self._duty = rig.duty
        self._tested = 0
        self._session_tests = 0
        self.closings = 0

    # --- What happens.

    def restarted(self) -> None:
        """Another guard owns the lines: only the world's history goes on."""
        self._started_at = self._rig.now_s
        self._was_closed = False
        self._told_to_stop = False
        self._granted, self._granted_at = None, float("-inf")
        self._duty = 1.0
        self._session_tests = self._rig.tests

    def abandoned(self) -> None:
        """The agent took its leave: what it had permitted is over."""
        self._granted = None

    def told_to_stop(self) -> None:
        self._told_to_stop = True

    def step(self, step_s: float) -> None:
        rig, before_s = self._rig, self._rig.now_s
        if rig.lease is not None:
            self._granted, self._granted_at = rig.lease, before_s + step_s
        tests = rig.tests
        rig.step(step_s)
        if rig.tests > tests:
            self._tested = rig.tests
        self._remember()
        if self._for_s("gone") >= GONE_S + 3 * step_s:
            self._session_tests = rig.tests
        self._check(step_s)
        self._was_closed, self._duty = rig.commanded, rig.duty

    def _remember(self) -> None:
        for name, holds in self._conditions().items():
            if holds:
                self._held_since.setdefault(name, self._rig.now_s)
            else:
                self._held_since.pop(name, None)
        if self._for_s("silent") <= 0.0:
            self._silent_levels.clear()
        self._silent_levels.add((self._rig.copper.vehicle, self._rig.copper.shorted))

    def _conditions(self) -> Mapping[str, bool]:
        rig, copper = self._rig, self._rig.copper
        asks = copper.vehicle in ("CD" if rig.setup.ventilation else "C")
        return {
            "asks": asks and not copper.shorted,
            "silent": not asks or copper.shorted,
            "gone": copper.vehicle == "A",
            "pwm": is_pwm(rig.duty),
            "no offer": rig.last.status.offered_a < 6.0,
            "healthy": self._healthy(),
            "closed": rig.closed,
        }

    def _healthy(self) -> bool:
        copper = self._rig.copper
        return not (copper.fault_inputs or copper.shorted or not copper.diode or copper.welded)

    def _for_s(self, name: str) -> float:
        """Return for how long a condition has held, negative if it does not."""
        since = self._held_since.get(name)
        return -1.0 if since is None else self._rig.now_s - since

    # --- What must be.

    def _check(self, step_s: float) -> None:
        rig = self._rig
        status = rig.last.status
        assert status.contactor_commanded is rig.commanded
        assert (not status.hindrances) is rig.commanded
        if rig.commanded:
            self._may_be_closed(step_s)
            if not self._was_closed:
                self._may_close()
        for hindrance in status.hindrances:
            assert self._is_true(hindrance), hindrance
        assert not (status.faults and status.offered_a), "a faulty outlet offers nothing"
        assert rig.last.outputs.select_phases is None or not rig.closed

    def _may_be_closed(self, step_s: float) -> None:
        rig = self._rig
        assert not rig.copper.fault_inputs
        steady = len(self._silent_levels) == 1
        allowed_s = LEAVING_HOLD_S if steady else UNSTEADY_LIMIT_S
        assert self._for_s("silent") < allowed_s + 0.001 + step_s
        assert self._for_s("no offer") < STOP_S
        assert rig.now_s - self._granted_at < LEASE_S + rig.setup.grace_s + STOP_S + 2 * step_s
        assert not rig.last.status.faults
        assert not rig.last.outputs.shut_off
        assert rig.duty != STEADY_NEGATIVE
        if rig.copper.has_lock:
            assert rig.last.outputs.lock_engaged

    def _may_close(self) -> None:
        """An agent that fell silent permits it still, as long as its last lease lasts."""
        rig, lease = self._rig, self._granted
        self.closings += 1
        assert lease is not None, "nobody has permitted it"
        assert rig.now_s - self._granted_at < LEASE_S, "nobody permits it any more"
        assert lease.mode is PilotMode.OFFER
        assert min(lease.limit_a, rig.setup.max_current_a) >= 6.0
        assert rig.now_s - self._granted_at < LEASE_S
        assert self._for_s("asks") >= 0.1
        assert self._for_s("healthy") >= 0.0
        assert is_pwm(self._duty), "the offer comes before the supply"
        assert self._for_s("pwm") >= 0.06
        assert not self._told_to_stop
        pause_s = rig.setup.min_closing_interval_s
        assert rig.now_s - max(self._closed_at, self._started_at) >= pause_s
        self._closed_at = rig.now_s
        self._devices_permit()

    def _devices_permit(self) -> None:
        rig, copper = self._rig, self._rig.copper
        assert not copper.has_lock or rig.locked
        assert not rig.closed
        if copper.has_monitor:
            assert rig.verdict
            assert rig.test_at_s is None
            assert not copper.tripped
            assert rig.tests > self._session_tests, "no test since the vehicle came"
        if rig.setup.phase_switching and rig.lease is not None:
            assert rig.selected[-1] == (rig.lease.phases, rig.lease.phase)
        assert self._has_the_phase(), "no board has a phase that it cannot connect"
        assert copper.cable_a != 0

    def _is_true(self, hindrance: Hindrance) -> bool:
        return _TRUTHS[hindrance](self)

    # --- What a hindrance claims.

    def vehicle_does_not_ask(self) -> bool:
        seen = self._rig.last.status.pilot_state
        return not (seen is PilotState.C or (seen is PilotState.D and self._rig.setup.ventilation))

    def lease_is_dead(self) -> bool:
        return self._rig.last.status.lease is not LeaseState.LIVE

    def lease_offers_nothing(self) -> bool:
        lease = self._rig.lease
        nothing = lease is None or lease.mode is not PilotMode.OFFER or lease.limit_a < 6.0
        return nothing or not self._has_the_phase()

    def _has_the_phase(self) -> bool:
        lease, setup = self._rig.lease, self._rig.setup
        chooses = setup.phase_switching and setup.phase_choice
        return lease is None or lease.phase == 1 or chooses

    def is_resting(self) -> bool:
        latest = max(self._closed_at, self._started_at)
        return self._rig.now_s - latest < max(1.0, self._rig.setup.min_closing_interval_s)

    def test_is_missing(self) -> bool:
        return self._rig.copper.has_monitor

    def lock_is_open(self) -> bool:
        rig = self._rig
        return rig.copper.has_lock and not (rig.locked and rig.last.outputs.lock_engaged)

    def pilot_is_young(self) -> bool:
        seen = self._rig.last.status
        return seen.pilot_state in {PilotState.C, PilotState.D} and not seen.faults


_TRUTHS: Mapping[Hindrance, Callable[[Oracle], bool]] = {
    Hindrance.NO_VEHICLE: Oracle.vehicle_does_not_ask,
    Hindrance.VEHICLE_NOT_READY: Oracle.vehicle_does_not_ask,
    Hindrance.NO_LEASE: Oracle.lease_is_dead,
    Hindrance.NO_OFFER: Oracle.lease_offers_nothing,
    Hindrance.CABLE_LIMIT: lambda one: one._rig.last.status.cable_rating_a is None,
    Hindrance.FAULT: lambda one: bool(one._rig.faults),
    Hindrance.PILOT_UNPROVEN: Oracle.pilot_is_young,
    Hindrance.SELF_TEST: Oracle.test_is_missing,
    Hindrance.LOCK: Oracle.lock_is_open,
    Hindrance.CONTACTOR_NOT_OPEN: lambda one: one._rig.last.status.contactor_closed,
    Hindrance.CONTACTOR_RESTS: Oracle.is_resting,
    Hindrance.PHASE_SWITCH: lambda one: one._rig.setup.phase_switching,
    Hindrance.WAKE_UP: lambda one: one._rig.setup.wake_up.enabled and not one._rig.closed,
    Hindrance.SHUT_OFF: lambda one: one._rig.last.outputs.shut_off,
    Hindrance.SHUTTING_DOWN: lambda one: one._told_to_stop,
}
