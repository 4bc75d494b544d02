"""The self test of a residual-current monitor: a pulse on its test input, and answers in time.

A test is a plan of expectations that must come true one after the other, each within its time from
the start. The monitor passes if all do; what it says before the test must already be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Expectation:
    """An output of the monitor that must be on or off within `by_s` from the start."""

    output: str
    on: bool
    by_s: float


@dataclass(frozen=True, slots=True)
class SelfTestPlan:
    """How a kind of monitor is tested: the length of the test pulse, and what has to follow."""

    pulse_s: float
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A test under way or done; `verdict` is None while it runs, `failure` says what was missing.

    `started_s` None is a monitor that was not tested yet.
    """

    plan: SelfTestPlan
    started_s: float | None = None
    step: int = 0
    verdict: bool | None = None
    failure: str = ""

    @property
    def running(self) -> bool:
        """Tell whether the monitor is being tested."""
        return self.started_s is not None and self.verdict is None

    def pulse_is_on(self, now_s: float) -> bool:
        """Tell whether the test input is to be driven."""
        if self.started_s is None or self.verdict is False:
            return False
        return now_s - self.started_s < self.plan.pulse_s

    def due_s(self, now_s: float) -> float | None:
        """Return when something happens by itself next, None if nothing does."""
        if self.started_s is None or not self.running:
            return None
        ends = [self.started_s + self.plan.pulse_s]
        ends += [self.started_s + each.by_s for each in self.plan.expectations[self.step :]]
        return min((end_s for end_s in ends if end_s > now_s), default=None)

    def start(self, outputs: Mapping[str, bool], now_s: float) -> "SelfTest":
        """Begin a test; one that finds an output of the monitor on has failed already."""
        begun = SelfTest(self.plan, started_s=now_s)
        stuck = sorted(name for name, on in outputs.items() if on)
        if stuck:
            return begun._failed(f"{', '.join(stuck)} is on before the test")
        return begun

    def observe(self, outputs: Mapping[str, bool], now_s: float) -> "SelfTest":
        """Take one sample of the monitor's outputs."""
        if self.started_s is None or self.verdict is not None:
            return self
        test = self
        while test.step < len(self.plan.expectations):
            wanted = self.plan.expectations[test.step]
            if outputs[wanted.output] is not wanted.on:
                if now_s - self.started_s <= wanted.by_s:
                    return test
                word = "on" if wanted.on else "off"
                return test._failed(
                    f"{wanted.output} is not {word} after {wanted.by_s * 1000:g} ms"
                )
            test = replace(test, step=test.step + 1)
        if now_s - self.started_s < self.plan.pulse_s:
            return test
        return replace(test, verdict=True)

    def _failed(self, failure: str) -> "SelfTest":
        return replace(self, verdict=False, failure=failure)


def generic_plan(test_s: float, trip_s: float, clear_s: float) -> SelfTestPlan:
    """Return the plan of a monitor with one fault output: it trips in time and clears in time."""
    trips, clears = (
        Expectation("fault", on=True, by_s=trip_s),
        Expectation("fault", on=False, by_s=clear_s),
    )
    return SelfTestPlan(test_s, (trips, clears))


def rdc_dd_plan() -> SelfTestPlan:
    """Return the plan of an RDC-DD with a 6 mA and a 30 mA output (X6, X30).

    TST is on for 250 ms (30 ms to 1.2 s are allowed); X6 follows at about 740 ms, X30 660 ms after
    it, and both are off again 3 s after the start. The limits leave 260 ms of tolerance.
    """
    return SelfTestPlan(
        0.250,
        (
            Expectation("x6", on=True, by_s=1.0),
            Expectation("x30", on=True, by_s=1.66),
            Expectation("x6", on=False, by_s=3.0),
            Expectation("x30", on=False, by_s=3.0),
        ),
    )
