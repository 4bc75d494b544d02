"""Current on another phase than the one that is connected, as the meter sees it.

The mirror contacts are the guard's evidence of which contactor is closed; wires that were swapped,
and a contact that lies, show at the meter alone. Then the CSMS counts on a phase that carries
nothing, and another one carries what nobody planned.
"""

from collections.abc import Sequence
from decimal import Decimal

from agent.core.metering import LOADED_A
from agent.core.records import dataclass

HOLD_S = 15.0
"""Meters tell late: so long after a change, what they tell may have flowed before."""


@dataclass(frozen=True, slots=True)
class Astray:
    """Since when current has been seen where none can flow; `phase` is where, 1 to 3."""

    since_s: float | None = None
    phase: int | None = None
    found: bool = False


NOTHING_ASTRAY = Astray()


def watched(
    before: Astray, now_s: float, connected: int | None, current_a: Sequence[Decimal]
) -> Astray:
    """Take in the currents of L1, L2, L3 while one phase is connected (None: more, or none).

    A meter that does not measure each phase proves nothing.
    """
    if connected is None or len(current_a) < connected:
        return NOTHING_ASTRAY
    loaded = [n for n, a in enumerate(current_a, 1) if n != connected and a >= LOADED_A]
    if not loaded:
        return NOTHING_ASTRAY
    since_s = now_s if before.since_s is None else before.since_s
    return Astray(since_s, loaded[0], found=now_s - since_s >= HOLD_S)
