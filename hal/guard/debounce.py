"""A value that counts only after it has held for some time and for more than one sample."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")

# One late sample proves nothing, however long ago the one before it was taken.
MINIMUM_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class Debounced(Generic[Value]):
    """An accepted value and the candidate that may replace it."""

    value: Value
    candidate: Value
    since_s: float
    samples: int = MINIMUM_SAMPLES

    @classmethod
    def settled(cls, value: Value, now_s: float) -> "Debounced[Value]":
        """Accept a first value as it is."""
        return cls(value, value, now_s)

    @property
    def pending(self) -> bool:
        """Tell whether a candidate waits to be accepted."""
        return self.candidate != self.value

    def sample(
        self, seen: Value, now_s: float, hold_s: float, least: int = MINIMUM_SAMPLES
    ) -> "Debounced[Value]":
        """Take one more sample; a candidate counts after `hold_s` and `least` equal samples."""
        if seen == self.value:
            return Debounced.settled(seen, now_s) if self.pending else self
        if seen != self.candidate:
            return Debounced(self.value, seen, now_s, 1)
        samples = self.samples + 1
        if samples >= least and now_s - self.since_s >= hold_s:
            return Debounced.settled(seen, now_s)
        return Debounced(self.value, seen, self.since_s, samples)
