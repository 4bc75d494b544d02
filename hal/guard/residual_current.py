"""The residual current monitor: trip, and the self test before every session and every day.

A trip counts while the contactor is closed, but for the first second after it moved: inrush and the
coil disturb the monitor. That second, and the filter, are only tolerable because the monitor's own
contact opens the contactor without any software. What the output says behind an open contactor is
a matter for the self test: it starts anew and passes only once the output is off again.
"""

from dataclasses import dataclass, replace

from hal.guard.contactor_check import ContactorTrack

TRIP_HOLD_S = 0.020
TRIP_SAMPLES = 2
SWITCHING_S = 1.0
TEST_TIMEOUT_S = 3.0
# Verdicts from before this time may still be those of the test before.
TEST_ANSWER_S = 0.100
DAY_S = 24 * 3600.0
# A failed test is tried again after this time; the fault it left still waits for a replug.
RETRY_S = 300.0


@dataclass(frozen=True, slots=True)
class ResidualCurrentTrack:
    """The trip output and the self test of one monitor.

    `passed_s` is None as long as a test is due, `asked_s` as long as none runs, `on_since_s` as
    long as the trip output is off.
    """

    passed_s: float | None = None
    asked_s: float | None = None
    ended_s: float | None = None
    failed: bool = False
    tripped: bool = False
    on_since_s: float | None = None
    on_samples: int = 0

    @property
    def pending(self) -> bool:
        """Tell whether a test runs."""
        return self.asked_s is not None

    @property
    def suspicious(self) -> bool:
        """Tell whether the trip output is on and has not been judged yet."""
        return self.on_since_s is not None and not self.tripped

    @property
    def is_fault(self) -> bool:
        """Tell whether the monitor forbids supply now."""
        return self.tripped or self.failed

    @property
    def ready(self) -> bool:
        """Tell whether a test has passed since the last session and the trip output is off."""
        return self.passed_s is not None and not self.pending and self.on_since_s is None

    def observe(
        self, contactor: ContactorTrack, *, tripped: bool, verdict: bool | None, now_s: float
    ) -> "ResidualCurrentTrack":
        """Take one sample of the monitor's outputs."""
        track = self._followed(on=tripped, now_s=now_s)
        if track.asked_s is not None:
            return _judged(track, track.asked_s, verdict, now_s)
        if not tripped or now_s - contactor.commanded_s < SWITCHING_S:
            return track
        if contactor.proven_open:
            return track.test_due()
        return replace(track, tripped=True) if _has_held(track, now_s) else track

    def test_due(self) -> "ResidualCurrentTrack":
        """Forget a passed test: a session begins or has ended."""
        return self if self.passed_s is None else replace(self, passed_s=None)

    def retried(self) -> "ResidualCurrentTrack":
        """Forget a failed test: the vehicle is gone and the next one deserves a new test."""
        return replace(self, failed=False) if self.failed else self

    def wants_test(self, now_s: float) -> bool:
        """Tell whether a test shall start as soon as the contactor is proven open."""
        if self.pending or self.tripped:
            return False
        if self.failed:
            return self.ended_s is None or now_s - self.ended_s >= RETRY_S
        return self.passed_s is None or now_s - self.passed_s >= DAY_S

    def interrupted(self) -> "ResidualCurrentTrack":
        """Forget a test whose verdict cannot be read any more."""
        return replace(self, passed_s=None, asked_s=None, tripped=False, on_since_s=None)

    def test_started(self, now_s: float) -> "ResidualCurrentTrack":
        """Remember that the self test was asked for."""
        return replace(self, passed_s=None, asked_s=now_s)

    def _followed(self, *, on: bool, now_s: float) -> "ResidualCurrentTrack":
        if not on:
            quiet = self.on_since_s is None and not self.tripped
            return self if quiet else replace(self, tripped=False, on_since_s=None, on_samples=0)
        since_s = now_s if self.on_since_s is None else self.on_since_s
        samples = min(self.on_samples + 1, TRIP_SAMPLES)
        return replace(self, on_since_s=since_s, on_samples=samples)


def _has_held(track: ResidualCurrentTrack, now_s: float) -> bool:
    since_s = now_s if track.on_since_s is None else track.on_since_s
    return track.on_samples >= TRIP_SAMPLES and now_s - since_s >= TRIP_HOLD_S


def _judged(
    track: ResidualCurrentTrack,
    asked_s: float,
    verdict: bool | None,  # noqa: FBT001 -- a three-valued answer, not a switch
    now_s: float,
) -> ResidualCurrentTrack:
    """Judge a running test: it passes with its verdict, once its current is gone."""
    if now_s - asked_s < TEST_ANSWER_S:
        return track
    passed = verdict is True and track.on_since_s is None
    if not passed and verdict is not False and now_s - asked_s < TEST_TIMEOUT_S:
        return track
    passed_s = now_s if passed else None
    return replace(track, asked_s=None, ended_s=now_s, passed_s=passed_s, failed=not passed)
