"""Energy that a meter counts while the contactor reads as open: its contacts are welded.

The mirror contact is the guard's evidence; the meter is a second one, of another device.
"""

from dataclasses import replace
from decimal import Decimal

from agent.core.meter_plausibility import OVERLOAD
from agent.core.records import dataclass

SETTLING_S = 15.0
"""Meters count late: so long after opening, what they add may have flowed before."""
LEAST_WH = Decimal(20)
LEAST_STEPS = 3
FORGOTTEN_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class OpenContactor:
    """What the register did since the contactor opened; `last_step_s` on the monotonic clock."""

    opened_s: float | None = None
    register_wh: Decimal | None = None
    last_step_s: float = 0.0
    counted_wh: Decimal = Decimal(0)
    steps: int = 0

    @property
    def leaks(self) -> bool:
        """Tell whether energy flows where none can."""
        return self.steps >= LEAST_STEPS and self.counted_wh >= LEAST_WH


CLOSED = OpenContactor()


def watched(
    before: OpenContactor, register_wh: Decimal, now_s: float, rated_power_w: int
) -> OpenContactor:
    """Take in a fresh register of an EVSE whose contactor is open.

    Only steps that can be energy count: a register that was turned or exchanged is no evidence.
    """
    opened_s = now_s if before.opened_s is None else before.opened_s
    if before.register_wh is None or now_s - opened_s < SETTLING_S:
        return OpenContactor(opened_s, register_wh, now_s)
    step_wh = register_wh - before.register_wh
    pause_s = now_s - before.last_step_s
    if step_wh == 0:
        return OpenContactor(opened_s, register_wh, now_s) if _is_long(pause_s) else before
    most_wh = OVERLOAD * rated_power_w * Decimal(pause_s) / 3600
    after = replace(before, register_wh=register_wh, last_step_s=now_s)
    if not 0 < step_wh <= most_wh or _is_long(pause_s):
        return after
    return replace(after, counted_wh=before.counted_wh + step_wh, steps=before.steps + 1)


def _is_long(pause_s: float) -> bool:
    return pause_s > FORGOTTEN_AFTER_S
