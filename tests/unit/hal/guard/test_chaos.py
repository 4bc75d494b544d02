"""Whatever vehicles, devices, services and restarts do, in any order: the oracle agrees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hal.api import Fault, Lease, PilotMode
from hal.guard import decision
from hal.guard.evse import WakeUpSetup
from tests.unit.hal.guard.oracle import Oracle
from tests.unit.hal.guard.rig import Copper, Rig

GRACE_S = 5.0
REPAIRED = {
    "shorted": False,
    "welded": False,
    "stuck_open": False,
    "tripped": False,
    "diode": True,
    "negative": True,
    "test_result": True,
    "lock_works": True,
}


@dataclass(frozen=True)
class Event:
    """Something happens, then some steps pass."""

    kind: str
    value: object
    steps: int
    step_s: float


def break_(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, object]]:
    return st.sampled_from([(name, not REPAIRED[name]) for name in names])


leases = st.builds(
    Lease,
    st.just(1),
    st.sampled_from([*PilotMode, PilotMode.OFFER]),
    st.sampled_from([0.0, 5.9, 6.0, 16.0, 32.0]),
    st.booleans(),
    st.just(1.0),
    st.just(3),
)
one_phase = st.builds(
    lambda lease, phase: replace(lease, phases=1, phase=phase), leases, st.sampled_from([1, 2, 3])
)
happenings = st.one_of(
    st.tuples(st.just("vehicle"), st.sampled_from("ABCCCCDE")),
    st.tuples(st.just("vehicle"), st.sampled_from("BC")),
    st.tuples(st.just("lease"), leases),
    st.tuples(st.just("lease"), one_phase),
    st.tuples(st.just("lease"), st.just(Lease(1, PilotMode.OFFER, 16.0))),
    st.tuples(st.just("silence"), st.booleans()),
    st.tuples(st.just("fault"), st.sampled_from([Fault.EMERGENCY_STOP, Fault.OVER_TEMPERATURE])),
    break_(tuple(REPAIRED)),
    st.tuples(st.just("cable_a"), st.sampled_from([0, 13, 32])),
    st.tuples(st.sampled_from(["repair", "repair", "unlock", "lost", "restart"]), st.none()),
    st.tuples(st.just("stop"), st.none()),
)
histories = st.lists(
    st.builds(
        lambda what, steps, step_s: Event(what[0], what[1], steps, step_s),
        happenings,
        st.integers(1, 40),
        st.sampled_from([0.001, 0.005, 0.02, 0.02, 0.1, 0.5]),
    ),
    min_size=1,
    max_size=25,
)
outlets = st.builds(
    Copper,
    vehicle=st.sampled_from("ABC"),
    has_lock=st.booleans(),
    has_monitor=st.booleans(),
    has_shut_off=st.booleans(),
    cable_a=st.sampled_from([None, 32]),
)
setups = st.fixed_dictionaries(
    {
        "ventilation": st.booleans(),
        "phase_switching": st.booleans(),
        "phase_choice": st.booleans(),
        "min_closing_interval_s": st.sampled_from([1.0, 10.0]),
        "wake_up": st.sampled_from(
            [WakeUpSetup(), WakeUpSetup(enabled=True, after_s=3.0, state_f_s=3.0)]
        ),
    }
)


class World:
    """A rig, what happens to it, and the oracle's eye on it."""

    def __init__(self, copper: Copper, setup: Mapping[str, object], *, charging: bool) -> None:
        self.rig = Rig(copper, grace_s=GRACE_S, **setup)
        self.oracle = Oracle(self.rig)
        self._happen: Mapping[str, Callable[[object], object]] = {
            "lease": self._grant,
            "silence": self._silence,
            "fault": self._break,
            "repair": lambda _: self.repair(),
            "unlock": lambda _: self.rig.request_unlock(),
            "lost": lambda _: self._lose(),
            "restart": lambda _: self._restart(),
            "stop": lambda _: self._stop(),
        }
        if charging:
            copper.vehicle = "A"
            self.pass_(Event("lease", Lease(1, PilotMode.OFFER, 16.0), 100, 0.1))
            self.pass_(Event("vehicle", "B", 100, 0.02))
            self.pass_(Event("vehicle", "C", 100, 0.02))
            assert self.rig.commanded

    def pass_(self, event: Event) -> None:
        happen = self._happen.get(event.kind)
        if happen is not None:
            happen(event.value)
        elif event.kind != "cable_a" or self.rig.copper.cable_a is not None:
            setattr(self.rig.copper, event.kind, event.value)
        for _ in range(event.steps):
            self.oracle.step(event.step_s)

    def repair(self) -> None:
        self.rig.copper.fault_inputs.clear()
        for name, value in REPAIRED.items():
            setattr(self.rig.copper, name, value)

    def _grant(self, lease: object) -> None:
        assert isinstance(lease, Lease)
        self.rig.lease = lease

    def _break(self, fault: object) -> None:
        assert isinstance(fault, Fault)
        self.rig.copper.fault_inputs.add(fault)

    def _silence(self, told: object) -> None:
        self.rig.lease = None
        if told:
            self.rig.state = decision.abandon(self.rig.state, self.rig.now_s)
            self.oracle.abandoned()

    def _lose(self) -> None:
        self.rig.lose_lines()
        self.rig.closed = False
        self.rig.find_lines()

    def _restart(self) -> None:
        """Another guard finds what a person alone may undo in its memory."""
        self.rig.closed = self.rig.copper.welded
        self.rig.test_at_s = None
        self.rig.reset_guard(shut_off=self.rig.last.outputs.shut_off)
        self.oracle.restarted()

    def _stop(self) -> None:
        self.rig.shut_down()
        self.oracle.told_to_stop()


DISTURBED = [Event("vehicle", "A", 7, 0.001), Event("vehicle", "C", 4, 0.5)]
"""The pilot says A for too short a time to mean that the vehicle is gone: the session goes on."""
QUICK = {
    "ventilation": False,
    "phase_switching": False,
    "phase_choice": False,
    "min_closing_interval_s": 1.0,
    "wake_up": WakeUpSetup(enabled=False),
}


@given(outlets, setups, st.booleans(), histories)
@example(Copper(has_monitor=True), QUICK, True, DISTURBED)
@settings(max_examples=100, deadline=None)
def test_the_oracle_agrees_with_every_step(
    copper: Copper, setup: dict[str, object], charging: bool, history: list[Event]
) -> None:
    world = World(copper, setup, charging=charging)
    for event in history:
        world.pass_(event)


@given(outlets, setups, histories)
@settings(max_examples=30, deadline=None)
def test_once_everything_is_repaired_and_replugged_there_is_supply(
    copper: Copper, setup: dict[str, object], history: list[Event]
) -> None:
    world = World(copper, setup, charging=False)
    for event in history:
        if event.kind != "stop":
            world.pass_(event)
    world.repair()
    rig = world.rig
    for event in (
        Event("vehicle", "B", 20, 0.02),
        Event("vehicle", "A", 400, 0.02),
        Event("cable_a", 32, 10, 0.02),
        Event("lease", Lease(1, PilotMode.STANDBY), 10, 0.02),
        Event("lease", Lease(1, PilotMode.OFFER, 16.0), 10, 0.02),
        Event("vehicle", "B", 100, 0.02),
        Event("vehicle", "C", 700, 0.02),
    ):
        world.pass_(event)
    assert rig.commanded is not rig.last.outputs.shut_off, rig.hindrances
    assert world.oracle.closings or rig.last.outputs.shut_off
