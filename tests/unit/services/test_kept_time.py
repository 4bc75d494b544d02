"""The time outlives a restart of the software, but not one of the machine."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.services.kept_time import KIND, TOLD, KeptTime
from agent.services.system_clock import SystemClock
from tests.unit.services.test_history import Documents

TRUE = datetime(2026, 3, 2, 12, tzinfo=UTC)
WRONG_BY = timedelta(days=-2)


class Machine:
    """A machine whose own clock is wrong; `passes` lets time go by."""

    def __init__(self, wrong_by: timedelta = WRONG_BY) -> None:
        self.passed = timedelta(seconds=100)
        self.wrong_by = wrong_by
        self.documents = Documents()

    def starts(self, boot_id: str = "this boot") -> tuple[SystemClock, KeptTime]:
        clock = SystemClock(lambda: TRUE + self.passed + self.wrong_by, self.monotonic_s)
        kept = KeptTime(clock, self.documents, boot_id)
        kept.resume()
        return clock, kept

    def monotonic_s(self) -> float:
        return self.passed.total_seconds()

    def off_s(self, clock: SystemClock) -> float:
        return (clock.now() - TRUE - self.passed).total_seconds()

    async def was_told_the_time(self) -> None:
        clock, kept = self.starts()
        clock.synchronize(TRUE + self.passed)
        await kept.keep()


async def test_a_restart_of_the_software_knows_the_time() -> None:
    machine = Machine()
    await machine.was_told_the_time()
    machine.passed += timedelta(hours=3)
    clock, _ = machine.starts()
    assert clock.synchronized
    assert clock.learned == timedelta(0), "nothing was dated by a wrong clock since"
    assert abs(machine.off_s(clock)) < 0.01


async def test_a_restart_of_the_machine_does_not() -> None:
    machine = Machine()
    await machine.was_told_the_time()
    clock, _ = machine.starts("the next boot")
    assert not clock.synchronized
    assert machine.off_s(clock) == WRONG_BY.total_seconds()


async def test_a_system_clock_that_goes_on_well_is_left_alone() -> None:
    machine = Machine(timedelta(0))
    await machine.was_told_the_time()
    machine.passed += timedelta(days=10)
    machine.wrong_by = timedelta(seconds=40)
    clock, _ = machine.starts()
    assert clock.synchronized
    assert machine.off_s(clock) == 40


async def test_a_system_clock_that_was_set_right_meanwhile_is_not_moved_again() -> None:
    machine = Machine()
    await machine.was_told_the_time()
    machine.wrong_by = timedelta(0)
    clock, _ = machine.starts()
    assert machine.off_s(clock) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "this boot",
        "b x 2026-03-02T12:00:00+00:00",
        "b nan 2026-03-02T12:00:00+00:00",
        "b 3.0 2026-03-02T12:00:00",
        "b 3.0 yesterday",
    ],
)
async def test_what_cannot_be_read_is_nothing_known(text: str) -> None:
    machine = Machine()
    await machine.documents.put(KIND, TOLD, text)
    clock, _ = machine.starts("b")
    assert not clock.synchronized
