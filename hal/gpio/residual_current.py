"""The residual-current monitor on GPIO lines: one or two fault outputs and a test input."""

import logging
from collections.abc import Callable, Mapping

from hal.gpio.lines import Input, Output
from hal.gpio.self_test import SelfTest, SelfTestPlan

_log = logging.getLogger(__name__)


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

    def tripped(self) -> bool:
        """Tell whether the monitor reported a residual current at the last refresh or before it."""
        return any(line.was_on for line in self._outputs.values())

    def start_self_test(self) -> None:
        """Begin a test with the next flush."""
        self._take(self._self_test.start(self._levels(), self._clock()))

    def self_test_passed(self) -> bool | None:
        """Return the last verdict, None while the test runs or none was asked for."""
        return self._self_test.verdict

    def advance(self, now_s: float) -> None:
        """Let a test take its sample, and set the test input for the next flush."""
        self._take(self._self_test.observe(self._levels(), now_s))
        self._test.set(on=self._self_test.pulse_is_on(now_s))

    def _take(self, test: SelfTest) -> None:
        """Go on with a test, and say once what it missed: the verdict alone mends no wire."""
        if test.failure and test.failure != self._self_test.failure:
            places = ", ".join(str(line.place) for line in self._outputs.values())
            _log.error("the self test of the monitor on %s failed: %s", places, test.failure)
        self._self_test = test

    def _levels(self) -> dict[str, bool]:
        return {name: line.was_on for name, line in self._outputs.items()}
