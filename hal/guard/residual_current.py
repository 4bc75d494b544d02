"""The residual current monitor: trip, and the self test before every session and every day.

While the test runs the monitor's trip output follows the test current, so a trip counts as real
only outside the test; the test runs only with the contactor proven open.
"""

from dataclasses import dataclass, replace

TEST_TIMEOUT_S = 5.0
# Verdicts from before this time may still be those of the test before.
TEST_ANSWER_S = 0.100
# The trip output may lag behind the end of the test current.
TEST_RELEASE_S = 0.200
DAY_S = 24 * 3600.0
# A failed test is tried again after this time; the fault it left still waits for a replug.
RETRY_S = 300.0


@dataclass(frozen=True, slots=True)
class ResidualCurrentTrack:
    """The self test of one monitor; `passed_s` is None as long as a test is due."""

    passed_s: float | None = None
    asked_s: float | None = None
    released_s: float | None = None
    failed: bool = False
    tripped: bool = False

    @property
    def pending(self) -> bool:
        """Tell whether a test runs."""
        return self.asked_s is not None

    @property
    def is_fault(self) -> bool:
        """Tell whether the monitor forbids supply now."""
        return self.tripped or self.failed

    def masked(self, now_s: float) -> bool:
        """Tell whether the trip output may still follow the test current."""
        if self.asked_s is not None:
            return True
        return self.released_s is not None and now_s - self.released_s < TEST_RELEASE_S

    def ready(self, now_s: float) -> bool:
        """Tell whether a test has passed since the last session and its current is gone."""
        return self.passed_s is not None and not self.masked(now_s)

    def observe(
        self, *, tripped: bool, verdict: bool | None, now_s: float
    ) -> "ResidualCurrentTrack":
        """Take one sample of the monitor's outputs."""
        track = self._judge(verdict, now_s) if self.asked_s is not None else self
        seen = tripped and not track.masked(now_s)
        return track if seen == track.tripped else replace(track, tripped=seen)

    def test_due(self) -> "ResidualCurrentTrack":
        """Forget a passed test: a session begins or has ended."""
        return self if self.passed_s is None else replace(self, passed_s=None)

    def retried(self) -> "ResidualCurrentTrack":
        """Forget a failed test: the vehicle is gone and the next one deserves a new test."""
        return replace(self, failed=False) if self.failed else self

    def wants_test(self, now_s: float) -> bool:
        """Tell whether a test shall start as soon as the contactor is proven open."""
        if self.asked_s is not None or self.tripped:
            return False
        if self.failed:
            return self.released_s is None or now_s - self.released_s >= RETRY_S
        return self.passed_s is None or now_s - self.passed_s >= DAY_S

    def interrupted(self) -> "ResidualCurrentTrack":
        """Forget a test whose verdict cannot be read any more."""
        return replace(self, passed_s=None, asked_s=None, tripped=False)

    def test_started(self, now_s: float) -> "ResidualCurrentTrack":
        """Remember that the self test was asked for."""
        return replace(self, passed_s=None, asked_s=now_s)

    def _judge(self, verdict: bool | None, now_s: float) -> "ResidualCurrentTrack":  # noqa: FBT001 -- a three-valued answer, not a switch
        asked_s = self.asked_s if self.asked_s is not None else now_s
        if now_s - asked_s < TEST_ANSWER_S:
            return self
        if verdict is None and now_s - asked_s < TEST_TIMEOUT_S:
            return self
        passed_s = now_s if verdict else None
        return replace(self, asked_s=None, released_s=now_s, passed_s=passed_s, failed=not verdict)
