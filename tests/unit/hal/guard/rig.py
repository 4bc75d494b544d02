"""One EVSE of copper around the decision function: vehicle, contactor, lock and monitor obey it."""

from dataclasses import dataclass, field

from hal.api import Fault, Feed, Hindrance, Lease, PilotMode, PilotSample
from hal.guard import decision
from hal.guard.duty import STEADY_NEGATIVE, is_pwm
from hal.guard.evse import Decision, EvseInputs, EvseSetup

TICK_S = 0.02
LEVELS = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0}


@dataclass
class Copper:
    """What the world does when nobody decides."""

    vehicle: str = "A"
    diode: bool = True
    negative: bool = True
    shorted: bool = False
    welded: bool = False
    stuck_open: bool = False
    contact_s: float = 0.03
    lock_s: float = 0.1
    lock_works: bool = True
    has_lock: bool = False
    has_monitor: bool = False
    test_s: float = 0.25
    test_result: bool = True
    tripped: bool = False
    cable_a: int | None = None
    tampered: bool | None = None
    has_shut_off: bool = False
    fault_inputs: set[Fault] = field(default_factory=set)

    def sample(self, duty: float) -> PilotSample:
        if self.shorted:
            return PilotSample(0.0, 0.0)
        high, low = LEVELS[self.vehicle], self._negative_v()
        if duty == STEADY_NEGATIVE:
            return PilotSample(low, low)
        return PilotSample(high, low if is_pwm(duty) else high)

    def _negative_v(self) -> float:
        if not self.negative:
            return 0.0
        return -12.0 if self.diode else -LEVELS[self.vehicle]


class Rig:
    """Steps the decision through time against the copper."""

    def __init__(self, copper: Copper | None = None, **setup: object) -> None:
        self.setup = EvseSetup(evse=1, **({"max_current_a": 32.0} | setup))  # type: ignore[arg-type]
        self.copper = copper or Copper()
        self.now_s = 1000.0
        self.closed = False
        self.moves_at_s: float | None = None
        self.locked = False
        self.lock_at_s: float | None = None
        self.test_at_s: float | None = None
        self.verdict: bool | None = None
        self.tests = 0
        self.lease: Lease | None = None
        self.selected: list[Feed] = []
        self.reset_guard()
        self.last: Decision = self._decide()

    def inputs(self, duty: float) -> EvseInputs:
        copper = self.copper
        testing = self.test_at_s is not None
        return EvseInputs(
            pilot=copper.sample(duty),
            contactor_closed=self.closed or copper.welded,
            fault_inputs=frozenset(copper.fault_inputs),
            residual_tripped=(copper.tripped or testing) if copper.has_monitor else None,
            self_test_passed=None if testing else self.verdict,
            cable_rating_a=copper.cable_a,
            lock_engaged=self.locked if copper.has_lock else None,
            tampered=copper.tampered,
            has_shut_off=copper.has_shut_off,
        )

    def reset_guard(self, *, shut_off: bool = False) -> None:
        """Let another guard take the lines over as they are."""
        self.state = decision.start(self.setup, self.now_s, shut_off=shut_off)
        self.find_lines()

    def lose_lines(self) -> None:
        self.state = decision.lose_lines(self.setup, self.state, self.now_s)

    def find_lines(self) -> None:
        self.state = decision.find_lines(self.setup, self.state, self.inputs(1.0), self.now_s)

    def offer(
        self, limit_a: float = 16.0, *, lock: bool = False, phases: int = 3, phase: int = 1
    ) -> None:
        """Let the services offer from now on, renewing at each step."""
        self.lease = Lease(1, PilotMode.OFFER, limit_a, lock, phases=phases, phase=phase)

    def standby(self) -> None:
        self.lease = Lease(1, PilotMode.STANDBY)

    def unavailable(self) -> None:
        self.lease = Lease(1, PilotMode.UNAVAILABLE)

    def step(self, step_s: float = TICK_S) -> Decision:
        self.now_s = round(self.now_s + step_s, 6)
        if self.lease is not None:
            self.state = decision.grant(self.state, self.lease, self.now_s)
        self._move()
        return self._decide()

    def run(self, seconds: float, step_s: float = TICK_S) -> Decision:
        for _ in range(round(seconds / step_s)):
            self.step(step_s)
        return self.last

    def run_on(self, seconds: float) -> "Rig":
        """Let time pass in the middle of a description."""
        self.run(seconds)
        return self

    def shut_down(self) -> None:
        self.state = decision.shut_down(self.state)

    def request_unlock(self) -> None:
        self.state = decision.request_unlock(self.state)

    def until(self, wanted: object, limit_s: float = 30.0) -> float:
        """Step until `wanted()`; return the seconds that took."""
        assert callable(wanted)
        start_s = self.now_s
        while not wanted():
            assert self.now_s - start_s < limit_s, "it never happened"
            self.step()
        return self.now_s - start_s

    def rested(self) -> "Rig":
        """Let the pause after the guard's start pass."""
        self.run(10.0, 0.1)
        return self

    def charging(self) -> "Rig":
        """Bring the EVSE to supply a vehicle in C, long after the guard has started."""
        self.rested()
        self.copper.vehicle = "B"
        self.offer()
        self.run(1.5)
        self.copper.vehicle = "C"
        self.until(lambda: self.closed, 3.0)
        return self

    @property
    def commanded(self) -> bool:
        return self.last.outputs.contactor_closed

    @property
    def duty(self) -> float:
        return self.last.outputs.duty

    @property
    def faults(self) -> frozenset[Fault]:
        return self.last.status.faults

    @property
    def hindrances(self) -> frozenset[Hindrance]:
        return self.last.status.hindrances

    def _decide(self) -> Decision:
        before = self.state.duty.duty
        self.last = decision.decide(self.setup, self.state, self.inputs(before), self.now_s)
        self.state = self.last.state
        self._obey()
        return self.last

    def _obey(self) -> None:
        outputs, copper = self.last.outputs, self.copper
        if outputs.contactor_closed != self.closed:
            if self.moves_at_s is None:
                self.moves_at_s = self.now_s + copper.contact_s
        else:
            self.moves_at_s = None
        if outputs.lock_engaged != self.locked:
            if self.lock_at_s is None:
                self.lock_at_s = self.now_s + copper.lock_s
        else:
            self.lock_at_s = None
        if outputs.select_phases is not None:
            assert not self.closed, "poles are never moved under voltage"
            self.selected.append(outputs.select_phases)
        if outputs.start_self_test:
            self.tests += 1
            self.test_at_s = self.now_s + copper.test_s

    def _move(self) -> None:
        copper = self.copper
        if self.moves_at_s is not None and self.now_s >= self.moves_at_s:
            wanted = self.last.outputs.contactor_closed
            self.closed = wanted and not copper.stuck_open
            self.moves_at_s = None
        if self.lock_at_s is not None and self.now_s >= self.lock_at_s:
            self.locked = self.last.outputs.lock_engaged and copper.lock_works
            self.lock_at_s = None
        if self.test_at_s is not None and self.now_s >= self.test_at_s:
            self.verdict, self.test_at_s = copper.test_result, None
