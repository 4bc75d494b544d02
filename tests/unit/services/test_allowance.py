from decimal import Decimal

import pytest

from agent.core.limits import LimitCause, LimitSource, least
from agent.core.session_state import LimitChanged
from agent.services.allowance import Allowance

HOT = LimitSource(LimitCause.TEMPERATURE, Decimal(10), "70 °C")
SLOW = LimitSource(LimitCause.SENSOR_LOST, Decimal(6))


def told(limit_a: int, phases: int | None = None) -> LimitChanged:
    return LimitChanged(Decimal(limit_a), phases=phases)


def test_what_smart_charging_tells_is_lowered_to_the_ceilings_and_raised_again() -> None:
    allowance = Allowance(32)
    assert allowance.bounded(told(25)) == told(25)
    assert allowance.set_ceiling("temperature", HOT) == told(10)
    assert allowance.bounded(told(16)) == told(10)
    assert allowance.bounded(told(8)) == told(8)
    assert allowance.set_ceiling("temperature", None) == told(8)


def test_a_ceiling_that_is_the_same_is_no_news() -> None:
    allowance = Allowance(32)
    allowance.bounded(told(25))
    allowance.set_ceiling("temperature", HOT)
    assert allowance.set_ceiling("temperature", HOT) is None
    assert allowance.set_ceiling("other", None) is None


def test_of_several_ceilings_the_lowest_counts() -> None:
    allowance = Allowance(32)
    allowance.bounded(told(25))
    allowance.set_ceiling("one", HOT)
    assert allowance.set_ceiling("two", SLOW) == told(6)
    assert allowance.set_ceiling("two", None) == told(10)


def test_before_smart_charging_has_told_anything_nothing_is_told() -> None:
    allowance = Allowance(32)
    assert allowance.set_ceiling("temperature", HOT) is None
    assert allowance.bounded(told(25)) == told(10)


def test_the_phases_pass_unchanged() -> None:
    allowance = Allowance(32)
    allowance.set_ceiling("temperature", HOT)
    assert allowance.bounded(told(25, phases=1)) == told(10, phases=1)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        (told(32), LimitCause.HARDWARE),
        (told(20), LimitCause.PROFILE),
        (
            LimitChanged(Decimal(20), LimitSource(LimitCause.SUPPLY, Decimal(20))),
            LimitCause.SUPPLY,
        ),
    ],
)
def test_the_sources_say_what_limits(changed: LimitChanged, cause: LimitCause) -> None:
    allowance = Allowance(32)
    allowance.bounded(changed)
    assert least(allowance.sources).cause is cause
    allowance.set_ceiling("temperature", HOT)
    assert least(allowance.sources) == HOT
