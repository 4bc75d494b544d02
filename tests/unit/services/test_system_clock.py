from datetime import UTC, datetime, timedelta

import pytest

from agent.services.system_clock import SystemClock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def clock() -> SystemClock:
    return SystemClock(lambda: NOW, lambda: 0.0)


@pytest.mark.requirement("B01.FR.06")
def test_the_clock_takes_over_the_time_of_the_csms() -> None:
    subject = clock()
    assert subject.synchronize(NOW + timedelta(hours=1)) == 3600.0
    assert subject.now() == NOW + timedelta(hours=1)
    assert subject.synchronized


def test_what_the_journey_of_the_answer_costs_moves_nothing() -> None:
    subject = clock()
    assert subject.synchronize(NOW + timedelta(seconds=0.4)) == 0.0
    assert subject.now() == NOW


@pytest.mark.parametrize(
    "told",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2023, 12, 31, tzinfo=UTC),
        datetime(2200, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_a_time_that_cannot_be_is_ignored(told: datetime) -> None:
    subject = clock()
    assert subject.synchronize(told) == 0.0
    assert subject.now() == NOW
    assert not subject.synchronized
