"""Which values of a series go when there is no room for all of them.

OCPP 2.0.1 and 2.1 (E04.FR.08, E06.FR.13, E11.FR.05): every other one in between goes, never the
first or the last, nor the oldest or the newest in a row. Applied again and again to all values this
would leave next to nothing of the oldest; so it is applied where the series is densest.
"""

import itertools
from collections.abc import Sequence

_DENSE = 1.5


def every_other_of_the_densest(positions: Sequence[float], at_least: int = 1) -> list[int]:
    """Return the places of the values to give up; `positions` (times, numbers) never fall.

    First and last place are never among them. Of an even series they are the 2nd, 4th, 6th ...
    Where the densest part alone gives fewer than `at_least`, less dense parts follow.
    """
    gaps = [max(0, after - before) for before, after in itertools.pairwise(positions)]
    if len(gaps) < 2:
        return []
    widest, bound = max(gaps), min(gaps) * _DENSE
    doomed = _within(positions, bound)
    while len(doomed) < at_least and bound < widest:
        bound = bound * 2 or min(gap for gap in gaps if gap) * _DENSE
        doomed = _within(positions, bound)
    return doomed


def _within(positions: Sequence[float], bound: float) -> list[int]:
    """Give up what follows on a kept value within `bound`, and never two in a row."""
    doomed: list[int] = []
    kept = positions[0]
    for place in range(1, len(positions) - 1):
        near = positions[place] - kept <= bound
        if near and (not doomed or doomed[-1] != place - 1):
            doomed.append(place)
        else:
            kept = positions[place]
    return doomed
