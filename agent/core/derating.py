"""Less current when the station is hot: a straight line down to 6 A, then nothing, then a fault.

The temperature that counts follows a rising one at once and a falling one only `hysteresis_c`
behind, so that the offer does not swing around a threshold. Limits are whole amperes: each change
is told to the CSMS and to the EV.
"""

from decimal import ROUND_DOWN, Decimal

from agent.core.records import dataclass
from agent.core.session_state import MINIMUM_CURRENT_A

COLDEST_C, HOTTEST_C = -60.0, 200.0
"""A sensor that says anything beyond these is broken."""


@dataclass(frozen=True, slots=True)
class DeratingCurve:
    """Thresholds in °C, rising; `full_a` is offered up to `start_c`, 6 A at `end_c`."""

    start_c: float
    end_c: float
    limit_c: float
    hysteresis_c: float
    full_a: int


@dataclass(frozen=True, slots=True)
class Derating:
    """What follows from a temperature: the limit in A per phase, and whether it is a fault.

    `counted_c` is the temperature that counts.
    """

    counted_c: float
    limit_a: Decimal
    too_hot: bool


def derated(curve: DeratingCurve, before: Derating | None, celsius: float) -> Derating:
    """Take a temperature in; `before` is what followed from the one before."""
    counted_c = celsius
    if before is not None:
        counted_c = max(celsius, min(before.counted_c, celsius + curve.hysteresis_c))
    return Derating(counted_c, _limit_a(curve, counted_c), too_hot=counted_c >= curve.limit_c)


def is_temperature(celsius: float) -> bool:
    """Tell whether a sensor's word can be true; no number is."""
    return COLDEST_C <= celsius <= HOTTEST_C


def _limit_a(curve: DeratingCurve, counted_c: float) -> Decimal:
    if counted_c > curve.end_c:
        return Decimal(0)
    if counted_c <= curve.start_c:
        return Decimal(curve.full_a)
    left = (curve.end_c - counted_c) / (curve.end_c - curve.start_c)
    span_a = curve.full_a - MINIMUM_CURRENT_A
    return (MINIMUM_CURRENT_A + span_a * Decimal(left)).quantize(Decimal(1), ROUND_DOWN)
