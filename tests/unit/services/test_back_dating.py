"""What was stored before the time was known, and what must not be touched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.core.events import SecurityEvent
from agent.ports import QueuedEvent
from agent.services.back_dating import BackDating
from agent.services.system_clock import SystemClock

TRUE = datetime(2026, 3, 2, 12, tzinfo=UTC)
WRONG_BY = timedelta(days=-20_000)


class Rig:
    """A station that booted without the time 100 s ago and stored something 60 s ago."""

    def __init__(self, wrong_by: timedelta = WRONG_BY) -> None:
        self.clock = SystemClock(lambda: TRUE + wrong_by, lambda: 100.0)
        self.dating = BackDating(self.clock, "this boot")
        event = SecurityEvent(at=TRUE + wrong_by - timedelta(seconds=60), kind="Any")
        self.queued = QueuedEvent(1, event, "this boot", 39.5, clock_known=False)

    def learns(self, told: datetime = TRUE) -> None:
        self.clock.synchronize(told)

    def told_s(self, queued: QueuedEvent) -> float:
        return (self.dating.dated(queued).at - TRUE).total_seconds()


@pytest.mark.requirement("B01.FR.06")
@pytest.mark.parametrize("wrong_by", [WRONG_BY, timedelta(days=400), timedelta(minutes=-3)])
def test_it_is_dated_right_as_soon_as_the_time_is_known(wrong_by: timedelta) -> None:
    rig = Rig(wrong_by)
    assert rig.told_s(rig.queued) == wrong_by.total_seconds() - 60
    rig.learns()
    assert rig.told_s(rig.queued) == -60
    assert rig.clock.learned == -wrong_by


def test_only_the_first_time_that_is_told_dates_anything() -> None:
    rig = Rig()
    rig.learns()
    rig.learns(TRUE + timedelta(hours=5))
    assert rig.clock.learned == -WRONG_BY


def test_a_clock_that_was_right_all_the_time_moves_nothing() -> None:
    rig = Rig(timedelta(seconds=2))
    rig.learns()
    assert rig.told_s(rig.queued) == -58


@pytest.mark.parametrize("of", ["a known time", "an earlier boot"])
def test_what_was_dated_otherwise_is_left_alone(of: str) -> None:
    rig = Rig()
    queued = replace(rig.queued, clock_known=of == "a known time")
    queued = replace(queued, boot_id="another" if of == "an earlier boot" else queued.boot_id)
    rig.learns()
    assert rig.dating.dated(queued) == queued.event


def test_a_system_clock_that_was_set_in_between_is_told_from_the_stations_own() -> None:
    rig = Rig()
    set_earlier = replace(
        rig.queued, event=replace(rig.queued.event, at=TRUE - timedelta(days=3)), clock_known=False
    )
    rig.learns()
    assert rig.told_s(set_earlier) == pytest.approx(-60.5)
