"""Order statistics of measured samples."""

import math
from collections.abc import Sequence


def quantile(samples: Sequence[float], fraction: float) -> float:
    """Return the smallest sample that at least `fraction` of all samples do not exceed.

    A nearest-rank quantile is a value that was really measured: a tail is never made up between
    two samples. Raises ValueError without samples or for a fraction outside 0..1.
    """
    if not samples:
        raise ValueError("there is no quantile of nothing")
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"a fraction is within 0..1, not {fraction}")
    ordered = sorted(samples)
    # Binary fractions like 0.999 * 1000 come out a hair above the whole number that is meant.
    rank = math.ceil(round(fraction * len(ordered), 9))
    return ordered[max(rank, 1) - 1]


def median(samples: Sequence[float]) -> float:
    """Return the nearest-rank median; raises ValueError without samples."""
    return quantile(samples, 0.5)


def resolves(samples: Sequence[float], fraction: float) -> bool:
    """Tell whether there are enough samples that the quantile is not simply their maximum."""
    return math.ceil(round(fraction * len(samples), 9)) < len(samples)
