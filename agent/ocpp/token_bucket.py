"""A rate limit that says how long to wait, instead of refusing."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`rate_per_s` takings each second in the long run, `burst` of them at once.

    Time is passed in as seconds of a monotonic clock.
    """

    rate_per_s: float
    burst: int
    _tokens: float = 0.0
    _at: float | None = None

    def take(self, now: float) -> float:
        """Take one token, on credit if need be; return the seconds to wait before going on."""
        if self._at is None:
            self._tokens = self.burst
        else:
            gained = (now - self._at) * self.rate_per_s
            self._tokens = min(self.burst, self._tokens + gained)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate_per_s)
