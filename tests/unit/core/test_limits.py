from decimal import Decimal

import pytest

from agent.core.limits import LimitCause, LimitSource, least

HARDWARE = LimitSource(LimitCause.HARDWARE, Decimal(32))
CABLE = LimitSource(LimitCause.CABLE, Decimal(20))
PROFILE = LimitSource(LimitCause.PROFILE, Decimal(20), "TxProfile 7")
HOT = LimitSource(LimitCause.TEMPERATURE, Decimal(0))


def test_the_lowest_limit_counts_and_tells_its_cause() -> None:
    assert least([HARDWARE, HOT, CABLE]) is HOT
    assert least([HARDWARE]) is HARDWARE


def test_of_equal_limits_the_first_is_named() -> None:
    assert least([CABLE, PROFILE]) is CABLE
    assert least([PROFILE, CABLE]) is PROFILE


def test_without_any_limit_there_is_no_least() -> None:
    with pytest.raises(ValueError, match="empty"):
        least([])
