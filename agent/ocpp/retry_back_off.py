"""How long a station waits before it dials the CSMS again (OCPP 2.x part 4, reconnecting)."""

from typing import Final

from agent.core.records import dataclass

LEAST_WAIT_S: Final = 1.0
"""Before any reconnect, even with all settings 0: some CSMSs lose a station that is faster."""

LONGEST_BASE_S: Final = 3600.0
"""Doubling ends here, whatever the settings: a station must never give up (B10.FR.09)."""


@dataclass(frozen=True, slots=True)
class RetryBackOff:
    """The three variables RetryBackOffWaitMinimum, -RepeatTimes and -RandomRange."""

    wait_minimum_s: float
    repeat_times: int
    random_range_s: float

    def __post_init__(self) -> None:
        """Raise ValueError for a negative setting."""
        if min(self.wait_minimum_s, self.repeat_times, self.random_range_s) < 0:
            raise ValueError("RetryBackOff settings must not be negative")

    def wait_s(self, failures: int, random_part: float) -> float:
        """Return the wait before the next attempt, after so many failed ones in a row.

        The base starts at the minimum and doubles with each failure, `repeat_times` times at most;
        `random_part`, a fresh random number in 0..1, adds its share of the random range.
        """
        doublings = min(failures, self.repeat_times, _ENOUGH_DOUBLINGS)
        longest = max(LONGEST_BASE_S, self.wait_minimum_s)
        base = min(self.wait_minimum_s * 2.0**doublings, longest)
        return max(base, LEAST_WAIT_S) + self.random_range_s * random_part


_ENOUGH_DOUBLINGS: Final = 64
