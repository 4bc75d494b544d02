from decimal import Decimal

import pytest

from agent.core.limits import LimitCause, LimitSource, least
from agent.services.allowance import Allowance

HOT = LimitSource(LimitCause.TEMPERATURE, Decimal(10), "70 °C")
SLOW = LimitSource(LimitCause.SENSOR_LOST, Decimal(6))
SUPPLY = LimitSource(LimitCause.SUPPLY, Decimal(20))


def test_the_lowest_ceiling_counts_and_is_news_only_when_it_changes() -> None:
    allowance = Allowance(32)
    assert allowance.ceiling_a is None
    assert allowance.set_ceiling("temperature", HOT)
    assert not allowance.set_ceiling("temperature", HOT)
    assert allowance.set_ceiling("other", SLOW)
    assert allowance.ceiling_a == 6
    assert not allowance.set_ceiling("temperature", None)
    assert allowance.set_ceiling("other", None)
    assert allowance.ceiling_a is None


def test_a_ceiling_that_nobody_has_set_can_be_lifted() -> None:
    assert not Allowance(32).set_ceiling("temperature", None)


@pytest.mark.parametrize(
    ("limit_a", "source", "cause"),
    [
        (32, None, LimitCause.HARDWARE),
        (20, None, LimitCause.PROFILE),
        (20, SUPPLY, LimitCause.SUPPLY),
    ],
)
def test_the_sources_say_what_limits(
    limit_a: int, source: LimitSource | None, cause: LimitCause
) -> None:
    allowance = Allowance(32)
    allowance.source = source
    assert least(allowance.sources(Decimal(limit_a))).cause is cause
    allowance.set_ceiling("temperature", HOT)
    assert least(allowance.sources(Decimal(limit_a))) == HOT


def test_a_limit_that_is_the_hardwares_is_told_once() -> None:
    assert len(Allowance(32).sources(Decimal(32))) == 1
