"""What must hold at every step of any trace, however vehicle, devices and services behave."""

from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hal.api import Fault, Lease, LeaseState, PilotMode
from hal.guard import decision
from hal.guard.duty import PWM_UPDATE_INTERVAL_S, STEADY_NEGATIVE, is_pwm
from hal.guard.pilot_state import LEAVING_HOLD_S, UNSTEADY_LIMIT_S
from tests.unit.hal.guard.rig import Copper, Rig

GRACE_S = 8.0
VALID_S = 1.0
TOLERANCE_A = 1e-9

leases = st.builds(
    Lease,
    st.just(1),
    st.sampled_from(PilotMode),
    st.sampled_from([0.0, 5.9, 6.0, 10.0, 16.0, 32.0, 80.0]),
    st.booleans(),
    st.just(VALID_S),
)
faults = st.sampled_from([Fault.EMERGENCY_STOP, Fault.OTHER, Fault.OVER_TEMPERATURE])
usual = st.sampled_from("BCCCC")


@dataclass(frozen=True)
class Stimulus:
    kind: str
    value: object
    steps: int
    step_s: float


stimuli = st.one_of(
    st.tuples(st.just("vehicle"), usual),
    st.tuples(st.just("vehicle"), st.sampled_from("ABCDE")),
    st.tuples(st.just("lease"), leases),
    st.tuples(st.just("lease"), st.just(Lease(1, PilotMode.OFFER, 16.0))),
    st.tuples(st.just("silence"), st.booleans()),
    st.tuples(st.just("fault"), faults),
    st.tuples(st.just("repair"), st.none()),
    st.tuples(st.just("welded"), st.booleans()),
    st.tuples(st.just("stuck_open"), st.booleans()),
    st.tuples(st.just("diode"), st.booleans()),
    st.tuples(st.just("shorted"), st.booleans()),
    st.tuples(st.just("tripped"), st.booleans()),
    st.tuples(st.just("test_result"), st.booleans()),
    st.tuples(st.just("lock_works"), st.booleans()),
    st.tuples(st.just("cable_a"), st.sampled_from([0, 13, 20, 32])),
    st.tuples(st.just("unlock"), st.none()),
    st.tuples(st.just("lost"), st.none()),
)
traces = st.lists(
    st.builds(
        lambda what, steps, step_s: Stimulus(what[0], what[1], steps, step_s),
        stimuli,
        st.integers(1, 40),
        st.sampled_from([0.001, 0.005, 0.02, 0.02, 0.1, 1.0]),
    ),
    min_size=1,
    max_size=30,
)
coppers = st.builds(
    Copper,
    vehicle=st.sampled_from("ABC"),
    has_lock=st.booleans(),
    has_monitor=st.booleans(),
    cable_a=st.sampled_from([None, 13, 32]),
)


class Watch:
    """Judges every step of a rig."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.was_commanded = False
        self.last_closing_s: float | None = None
        self.last_lease_s = -1e9
        self.stopping_s: float | None = None
        self.too_much_s: float | None = None
        self.not_asking_s: float | None = None
        self.levels: set[tuple[str, bool]] = set()
        self.duty = rig.duty

    def step(self, step_s: float) -> None:
        rig = self.rig
        if rig.lease is not None:
            self.last_lease_s = rig.now_s + step_s
        rig.step(step_s)
        self._closed_means_permitted()
        self._closing_needs_a_live_lease()
        self._leaving_c_opens(step_s)
        self._silence_opens(step_s)
        self._never_offers_more(step_s)
        self._lock_holds_under_voltage()
        self.was_commanded = rig.commanded
        self.duty = rig.duty

    def _closed_means_permitted(self) -> None:
        rig = self.rig
        status = rig.last.status
        assert status.contactor_commanded is rig.commanded
        if not rig.commanded:
            self.stopping_s = None
            return
        assert status.pilot_state in {"C", "D"}
        assert status.pilot_state == "C" or rig.setup.ventilation
        assert not status.faults
        assert rig.duty != STEADY_NEGATIVE
        if status.lease in {LeaseState.LIVE, LeaseState.FALLBACK} and status.offered_a >= 6.0:
            self.stopping_s = None
            return
        self.stopping_s = rig.now_s if self.stopping_s is None else self.stopping_s
        assert rig.now_s - self.stopping_s < decision.STOP_S

    def _closing_needs_a_live_lease(self) -> None:
        rig = self.rig
        if not rig.commanded or self.was_commanded:
            return
        assert rig.last.status.lease is LeaseState.LIVE
        assert rig.state.lease.mode is PilotMode.OFFER
        assert rig.copper.vehicle in "CD"
        assert is_pwm(self.duty)
        assert not rig.copper.has_lock or rig.locked
        assert not rig.copper.has_monitor or rig.verdict
        last_s = self.last_closing_s
        assert last_s is None or rig.now_s - last_s >= rig.setup.min_closing_interval_s
        self.last_closing_s = rig.now_s

    def _leaving_c_opens(self, step_s: float) -> None:
        rig = self.rig
        asks = rig.copper.vehicle in ("CD" if rig.setup.ventilation else "C")
        if asks and not rig.copper.shorted:
            self.not_asking_s = None
            self.levels.clear()
            return
        self.not_asking_s = rig.now_s if self.not_asking_s is None else self.not_asking_s
        self.levels.add((rig.copper.vehicle, rig.copper.shorted))
        allowed_s = LEAVING_HOLD_S if len(self.levels) == 1 else UNSTEADY_LIMIT_S
        assert not rig.commanded or rig.now_s - self.not_asking_s < allowed_s + 0.001 + step_s

    def _silence_opens(self, step_s: float) -> None:
        over_s = self.rig.now_s - self.last_lease_s
        assert not self.rig.commanded or over_s < VALID_S + GRACE_S + decision.STOP_S + 2 * step_s

    def _never_offers_more(self, step_s: float) -> None:
        rig = self.rig
        offered_a = rig.last.status.offered_a
        lease = rig.state.lease
        allowed_a = min(lease.limit_a(rig.setup.fallback_limit_a), rig.setup.max_current_a)
        rating_a = rig.state.cable_rating_a.value
        allowed_a = allowed_a if rating_a is None else min(allowed_a, rating_a)
        if offered_a <= allowed_a + TOLERANCE_A:
            self.too_much_s = None
            return
        assert rig.duty == self.duty, "a change may never offer too much"
        self.too_much_s = rig.now_s if self.too_much_s is None else self.too_much_s
        assert rig.now_s - self.too_much_s < PWM_UPDATE_INTERVAL_S + step_s

    def _lock_holds_under_voltage(self) -> None:
        rig = self.rig
        if rig.copper.has_lock and (rig.commanded or rig.last.status.contactor_closed):
            assert rig.last.outputs.lock_engaged


def apply(rig: Rig, stimulus: Stimulus) -> None:
    if stimulus.kind in {"repair", "unlock", "lost"}:
        ACTIONS[stimulus.kind](rig)
        return
    match stimulus.kind:
        case "lease":
            assert isinstance(stimulus.value, Lease)
            rig.lease = stimulus.value
        case "silence":
            rig.lease = None
            if stimulus.value:
                rig.state = decision.abandon(rig.state, rig.now_s)
        case "fault":
            assert isinstance(stimulus.value, Fault)
            rig.copper.fault_inputs.add(stimulus.value)
        case name:
            if name != "cable_a" or rig.copper.cable_a is not None:
                setattr(rig.copper, name, stimulus.value)


def repair(rig: Rig) -> None:
    copper = rig.copper
    copper.fault_inputs.clear()
    copper.tripped = copper.shorted = copper.welded = copper.stuck_open = False
    copper.diode = copper.test_result = copper.lock_works = True


def unlock(rig: Rig) -> None:
    rig.state = decision.request_unlock(rig.state)


def lose(rig: Rig) -> None:
    rig.lose_lines()
    rig.closed = False
    rig.find_lines()


ACTIONS = {"repair": repair, "unlock": unlock, "lost": lose}


LEAVING_BY_STEPS = [Stimulus("vehicle", "B", 2, 0.001), Stimulus("vehicle", "D", 10, 0.02)]
"""The level leaves C for one state and then another, each too short for itself."""


@given(coppers, st.booleans(), traces, st.booleans())
@example(Copper(), False, LEAVING_BY_STEPS, True)
@settings(max_examples=250, deadline=None)
def test_no_trace_breaks_a_rule(
    copper: Copper, ventilation: bool, trace: list[Stimulus], charging: bool
) -> None:
    rig = Rig(copper, ventilation=ventilation, grace_s=GRACE_S)
    watch = Watch(rig)
    if charging:
        rig.charging()
        watch.was_commanded, watch.last_closing_s = True, rig.state.contactor.last_closing_s
        watch.last_lease_s, watch.duty = rig.now_s, rig.duty
    for stimulus in trace:
        apply(rig, stimulus)
        for _ in range(stimulus.steps):
            watch.step(stimulus.step_s)


@given(traces, st.sampled_from([Fault.EMERGENCY_STOP, Fault.OVER_CURRENT, Fault.PROTECTIVE_EARTH]))
@settings(max_examples=60, deadline=None)
def test_a_hard_fault_opens_in_the_same_step_and_stays(trace: list[Stimulus], fault: Fault) -> None:
    rig = Rig(grace_s=GRACE_S).charging()
    rig.copper.fault_inputs.add(fault)
    rig.step()
    assert not rig.commanded
    for stimulus in trace:
        apply(rig, stimulus)
        rig.copper.fault_inputs.add(fault)
        rig.run(stimulus.steps * stimulus.step_s, stimulus.step_s)
        assert not rig.commanded
        assert fault in rig.faults


def test_the_traces_do_supply() -> None:
    """The properties would hold for a guard that never closes; this one does."""
    rig = Rig(Copper(has_lock=True, has_monitor=True, cable_a=32)).charging()
    watch = Watch(rig)
    watch.was_commanded = True
    for _ in range(500):
        watch.step(0.02)
    assert rig.commanded
