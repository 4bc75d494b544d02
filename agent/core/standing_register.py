"""An energy register that stands still while the same meter shows that power flows."""

from decimal import Decimal

from agent.core.records import dataclass

STANDS_WH = Decimal(250)
"""More than twice the coarsest register (0.1 kWh) that is in use for charging."""
LONGEST_STEP_S = 10.0
"""Between two readings; a longer pause counts as no more."""


@dataclass(frozen=True, slots=True)
class StandingRegister:
    """What should have been counted since the register moved last; `at_s` is the last reading's."""

    register_wh: Decimal | None = None
    at_s: float = 0.0
    uncounted_wh: Decimal = Decimal(0)

    @property
    def stands(self) -> bool:
        """Tell whether the register is stuck."""
        return self.uncounted_wh >= STANDS_WH


MOVING = StandingRegister()


def watched(
    before: StandingRegister, now_s: float, register_wh: Decimal, power_w: Decimal
) -> StandingRegister:
    """Take in a fresh reading while the contactor is closed."""
    if register_wh != before.register_wh:
        return StandingRegister(register_wh, now_s)
    step_s = Decimal(min(now_s - before.at_s, LONGEST_STEP_S))
    uncounted_wh = before.uncounted_wh + power_w * step_s / 3600
    return StandingRegister(register_wh, now_s, uncounted_wh)
