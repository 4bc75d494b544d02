"""Samplers of the pilot: random samples until both plateaus are found, or peak detectors.

Both keep to a time budget, because the guard waits for them in each of its ticks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hal.api import PilotSample
from hal.gpio import plateaus
from hal.gpio.adc import AnalogueInput
from hal.gpio.lines import LineBank, Output

BUDGET_S = 0.005
# Until a plateau that the budget was too short for counts as gone, its last voltage holds: so long,
# and over so many samples, because a busy machine may let neither of them mean much.
HOLD_S = 0.040
HELD_SAMPLES = 2
GROUP = 8
PROVEN_HITS = 3
# Added to the pace of the samples after each group, so that it never locks to the period: the
# golden section of a tenth of the period.
DITHER_S = 38.2e-6

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How samples are taken: the time budget, the accepted risk to miss a plateau, settling."""

    budget_s: float = BUDGET_S
    probability: float = plateaus.MISS_PROBABILITY
    settling_us: float = plateaus.SETTLING_US


class AdcSampler:
    """Samples the pilot with a converter at any time of the period.

    It stops as soon as both plateaus are proven, after the samples that the duty needs at most,
    or when the budget is used up.
    """

    def __init__(
        self, source: AnalogueInput, sampling: Sampling, clock: Clock = time.monotonic
    ) -> None:
        self._source = source
        self._sampling = sampling
        self._clock = clock
        self._last: PilotSample | None = None
        self._last_duty = -1.0
        self._proven_s = 0.0
        self._held = 0

    def take(self, duty: float) -> PilotSample:
        """Measure while `duty` is on the line; raises `HardwareLost`."""
        started_s = self._clock()
        samples, complete = self.collect(duty)
        found = plateaus.split(samples)
        if found is None:
            found = PilotSample(samples[0], samples[-1])
        if not complete and self._may_hold(duty, started_s) and self._last is not None:
            self._held += 1
            return self._last
        if complete:
            self._proven_s, self._held = started_s, 0
        self._last, self._last_duty = found, duty
        return found

    def collect(self, duty: float) -> tuple[list[float], bool]:
        """Take samples; tell whether they suffice for the duty. Raises `HardwareLost`."""
        needed = plateaus.samples_needed(
            duty, self._sampling.probability, self._sampling.settling_us
        )
        until_s = self._clock() + self._sampling.budget_s
        samples = [self._source.read_v()]
        while len(samples) < needed:
            if len(samples) % GROUP == 0 and self._group_ends(samples):
                return samples, True
            if self._clock() >= until_s:
                return samples, False
            samples.append(self._source.read_v())
        return samples, True

    def _group_ends(self, samples: list[float]) -> bool:
        if plateaus.both_proven(samples, plateaus.split(samples), PROVEN_HITS):
            return True
        until_s = self._clock() + DITHER_S
        while self._clock() < until_s:
            pass
        return False

    def _may_hold(self, duty: float, now_s: float) -> bool:
        if duty != self._last_duty:
            return False
        return now_s - self._proven_s < HOLD_S or self._held < HELD_SAMPLES


@dataclass(frozen=True, slots=True)
class PeakTiming:
    """How long the detectors are reset, and how long they then collect the next peaks."""

    reset_s: float = 0.0015
    settle_s: float = 0.002


class PeakSampler:
    """Two detectors hold the highest and the lowest level since their reset."""

    def __init__(
        self,
        high: AnalogueInput,
        low: AnalogueInput,
        reset: tuple[LineBank, Output],
        timing: PeakTiming,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._high = high
        self._low = low
        self._bank, self._reset = reset
        self._timing = timing
        self._sleep = sleep

    def take(self, duty: float) -> PilotSample:
        """Reset, wait for two periods and read; raises `HardwareLost`."""
        self._drive_reset(on=True)
        self._sleep(self._timing.reset_s)
        self._drive_reset(on=False)
        self._sleep(self._timing.settle_s)
        if duty >= 1.0:
            level_v = self._high.read_v()
            return PilotSample(level_v, level_v)
        if duty <= 0.0:
            level_v = self._low.read_v()
            return PilotSample(level_v, level_v)
        return PilotSample(self._high.read_v(), self._low.read_v())

    def _drive_reset(self, *, on: bool) -> None:
        self._reset.set(on=on)
        self._bank.flush()
