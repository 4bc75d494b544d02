"""When a clock-aligned instant counts as come."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.services.metering import AlignedInstants

MORNING = datetime(2026, 3, 2, 7, 0, 30, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


@pytest.mark.requirement("J01.FR.14")
def test_an_instant_comes_once() -> None:
    instants = AlignedInstants()
    assert instants.passed(MORNING, 60) is None
    assert instants.passed(after(29.9), 60) is None
    assert instants.passed(after(30), 60) == after(30)
    assert instants.passed(after(30.1), 60) is None
    assert instants.passed(after(90.2), 60) == after(90)


def test_an_interval_of_zero_is_off() -> None:
    instants = AlignedInstants()
    instants.passed(MORNING, 60)
    assert instants.passed(after(31), 0) is None
    assert instants.due is None
    assert instants.passed(after(40), 60) is None


@pytest.mark.parametrize("jump_s", [3_600, -3_600, 10.0])
def test_a_clock_that_is_set_makes_no_instant_come(jump_s: float) -> None:
    instants = AlignedInstants()
    instants.passed(MORNING, 60)
    assert instants.passed(after(jump_s + 29), 60) is None
    assert instants.due is not None
    assert instants.due > after(jump_s + 29)
