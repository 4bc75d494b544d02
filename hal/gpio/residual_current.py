"""The residual-current monitor on GPIO lines: one or two fault outputs and a test input."""

from collections.abc import Callable, Mapping

from hal.gpio.lines import Input, Output
from hal.gpio.self_test import SelfTest, SelfTestPlan


class GpioResidualCurrentMonitor:
    """The monitor of one EVSE; the guard knows when a trip is only its own test."""

    def __init__(
        self,
        outputs: Mapping[str, Input],
        test: Output,
        plan: SelfTestPlan,
        clock: Callable[[], float],
    ) -> None:
        self._outputs = outputs
        self._test = test
        self._clock = clock
        self._self_test = SelfTest(plan)

    @property
    def due_s(self) -> float | None:
        """When the test goes on by itself."""
        return self._self_test.due_s(self._clock())

    @property
    def failure(self) -> str:
        """What the last test missed, empty if nothing."""
        return self._self_test.failure

    def tripped(self) -> bool:
        """Tell whether the monitor reported a residual current at the last refresh."""
        return any(line.is_on for line in self._outputs.values())

    def start_self_test(self) -> None:
        """Begin a test with the next flush."""
        self._self_test = self._self_test.start(self._levels(), self._clock())

    def self_test_passed(self) -> bool | None:
        """Return the last verdict, None while the test runs or none was asked for."""
        return self._self_test.verdict

    def advance(self, now_s: float) -> None:
        """Let a test take its sample, and set the test input for the next flush."""
        self._self_test = self._self_test.observe(self._levels(), now_s)
        self._test.set(on=self._self_test.pulse_is_on(now_s))

    def _levels(self) -> dict[str, bool]:
        return {name: line.is_on for name, line in self._outputs.items()}
