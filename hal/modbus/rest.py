"""How often a meter that keeps failing is asked: ever more rarely, for its neighbours' sake."""

from collections.abc import Callable

from hal.api import HardwareError
from hal.modbus.faults import MeterFault

FAILURES_UNTIL_REST = 3
FIRST_REST_S = 1.0
LONGEST_REST_S = 5.0


class Rest:
    """Counts failures in a row; from the third on the meter rests after each."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        """Start without failures."""
        self._monotonic_s = monotonic_s
        self._failures = 0
        self._until_s = 0.0
        self._last: HardwareError | None = None

    @property
    def failing(self) -> bool:
        """Tell whether the meter has failed so often that it is asked once only."""
        return self._failures >= FAILURES_UNTIL_REST

    def check(self) -> None:
        """Raise the last failure again while the meter rests."""
        if self._last is not None and self._monotonic_s() < self._until_s:
            raise _again(self._last)

    def failed(self, why: HardwareError) -> None:
        """Note a failure."""
        self._failures += 1
        self._last = why
        if self.failing:
            doublings = min(self._failures - FAILURES_UNTIL_REST, 10)
            self._until_s = self._monotonic_s() + min(FIRST_REST_S * 2**doublings, LONGEST_REST_S)

    def answered(self) -> None:
        """Note that all is well."""
        self._failures, self._last, self._until_s = 0, None, 0.0


def _again(error: HardwareError) -> HardwareError:
    """Return an error that says the same; one that was raised keeps its first traceback."""
    if isinstance(error, MeterFault):
        return MeterFault(error.kind, str(error))
    return type(error)(str(error))
