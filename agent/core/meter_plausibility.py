"""Whether what a meter says can be true: registers that jump or fall, numbers that are none.

A register that cannot be true is never billed. During a transaction it is refused: the meter counts
as lost, energy stops, and the last good register holds. Without a transaction a register that stays
where it jumped to is that of an exchanged meter (J02.FR.16) and the new base.
"""

from collections.abc import Sequence
from decimal import Decimal

MOST_REGISTER_WH = Decimal(10) ** 12
OVERLOAD = Decimal("1.25")
SLACK_WH = Decimal(50_000)
"""What a register may be ahead of the rated power: coarse steps, values set on a test bench."""
COARSE_STEP_WH = Decimal(2_000)
LONGEST_UNWATCHED_S = 86_400.0
"""For how long energy may have flowed that nobody watched, where the time is not known."""
MOST_POWER_W = 1_000_000.0
MOST_CURRENT_A = 2_000.0
MOST_VOLTAGE_V = 2_000.0
MOST_FREQUENCY_HZ = 1_000.0


def register_fault(register_wh: Decimal) -> str | None:
    """Say why a number is no energy register, None if it is one."""
    if not register_wh.is_finite():
        return f"the register is no number: {register_wh}"
    if not 0 <= register_wh <= MOST_REGISTER_WH:
        return f"no register shows {register_wh} Wh"
    return None


def step_fault(
    before_wh: Decimal, after_wh: Decimal, elapsed_s: float | None, rated_power_w: int
) -> str | None:
    """Say why a register cannot follow an earlier one, None if it can.

    `elapsed_s` None is a time that is not known, as after a restart.
    """
    if after_wh < before_wh:
        return f"the register fell from {before_wh} to {after_wh} Wh"
    if after_wh - before_wh > SLACK_WH + deliverable_wh(elapsed_s, rated_power_w):
        return f"the register jumped from {before_wh} to {after_wh} Wh"
    return None


def step_doubt(
    before_wh: Decimal, after_wh: Decimal, elapsed_s: float | None, rated_power_w: int
) -> str | None:
    """Say what is odd about a step that is believed: more than the EVSE can have delivered."""
    if after_wh - before_wh <= COARSE_STEP_WH + deliverable_wh(elapsed_s, rated_power_w):
        return None
    return f"the register went from {before_wh} to {after_wh} Wh, faster than energy can flow"


def deliverable_wh(elapsed_s: float | None, rated_power_w: int) -> Decimal:
    """Return the most energy that can have flowed in a time."""
    hours = Decimal(LONGEST_UNWATCHED_S if elapsed_s is None else max(0.0, elapsed_s)) / 3600
    return OVERLOAD * rated_power_w * hours


def plausible(values: Sequence[float], most: float) -> bool:
    """Tell whether numbers are what such a quantity can be; NaN is not."""
    return all(-most <= value <= most for value in values)
