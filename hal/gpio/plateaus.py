"""The two plateaus of a 1 kHz pilot in samples taken at any time: how many it takes, what they say.

The rising and falling edges and their settling (20 us by default) belong to no plateau. With `n`
samples at random times the probability that fewer than `hits` of them lie on a plateau of share
`p` of the period is that of a binomial distribution; a plateau counts with two samples that agree.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from math import comb
from statistics import median

from hal.api import PilotSample

PERIOD_US = 1000.0
SETTLING_US = 20.0
MISS_PROBABILITY = 1e-5
HITS = 2
STEADY_SAMPLES = 5
MOST_SAMPLES = 4000
# Samples of one plateau lie this close together; the standard's windows are 1 V apart.
SPREAD_V = 0.8


def shares(duty: float, settling_us: float = SETTLING_US) -> tuple[float, float]:
    """Return the parts of a period that the settled positive and negative plateaus last."""
    lost = settling_us / PERIOD_US
    return max(0.0, duty - lost), max(0.0, 1.0 - duty - lost)


def miss_probability(share: float, samples: int, hits: int = 1) -> float:
    """Return the probability that fewer than `hits` of random samples lie on a plateau."""
    return sum(
        comb(samples, k) * share**k * (1.0 - share) ** (samples - k)
        for k in range(min(hits, samples + 1))
    )


@lru_cache(maxsize=256)
def samples_needed(
    duty: float, probability: float = MISS_PROBABILITY, settling_us: float = SETTLING_US
) -> int:
    """Return how many samples find both plateaus of a duty but for the given probability.

    A steady level (0 or 1) needs only a few; a plateau that never settles as many as are allowed.
    """
    if not 0.0 < duty < 1.0:
        return STEADY_SAMPLES
    share = min(shares(duty, settling_us))
    if share <= 0.0:
        return MOST_SAMPLES
    low, high = HITS, MOST_SAMPLES
    while low < high:
        middle = (low + high) // 2
        if miss_probability(share, middle, HITS) <= probability:
            high = middle
        else:
            low = middle + 1
    return low


def split(samples: Sequence[float]) -> PilotSample | None:
    """Return the plateaus that samples show, both equal if there is only one; None without any.

    A plateau is the outermost group of at least two samples that agree: what an edge or a spike
    leaves alone is discarded.
    """
    ordered = sorted(samples)
    high_v = _outermost(ordered[::-1])
    low_v = _outermost(ordered)
    if high_v is None or low_v is None:
        return None
    if high_v - low_v <= SPREAD_V:
        level_v = median(ordered)
        return PilotSample(level_v, level_v)
    return PilotSample(high_v, low_v)


def both_proven(samples: Sequence[float], sample: PilotSample | None, hits: int) -> bool:
    """Tell whether samples show two plateaus with so many hits each that no more are needed."""
    if sample is None or sample.high_v - sample.low_v <= SPREAD_V:
        return False
    return all(
        sum(abs(each - level_v) <= SPREAD_V for each in samples) >= hits
        for level_v in (sample.high_v, sample.low_v)
    )


def _outermost(ordered: Sequence[float]) -> float | None:
    """Return the middle of the first group in samples that are ordered from outside inwards."""
    for first, level_v in enumerate(ordered):
        group = list(takewhile(lambda each: abs(each - level_v) <= SPREAD_V, ordered[first:]))  # noqa: B023 -- used at once
        if len(group) >= HITS:
            return median(group)
    return None
