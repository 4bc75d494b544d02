"""Faults as events of components: each once, and ever more rarely when they flap."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from agent.core.component_events import ComponentEvent
from agent.services.fault_watch import LONGEST_GAP_S, QUIET_S, FaultWatch
from hal.api import Fault, PilotState
from tests.unit.services.evse_rig import Clock, Journal, Rig, running


class Bed:
    """A watch over the rig's EVSE, with a journal of its own."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.journal, self._ids = rig, Journal(), 0
        self._tasks: list[asyncio.Task[None]] = []
        self.watch = FaultWatch({1: rig.service}, self.journal, Clock(), self._next, self._spawn)
        self._spawn(self.watch.run())

    @property
    def told(self) -> list[tuple[str, str | None, str]]:
        events = [event for event in self.journal.events if isinstance(event, ComponentEvent)]
        return [(f"{e.component}.{e.variable}", e.tech_code, e.value) for e in events]

    async def fault(self, name: str, *, on: bool = True) -> None:
        self.rig.service.instrument_fault(name, on=on)
        await asyncio.sleep(0.1)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    async with running() as rig:
        rig.shows(PilotState.A)
        bed = Bed(rig)
        await asyncio.sleep(0.1)
        yield bed
        await bed.stop()


@pytest.mark.requirement("N07", "N07.FR.02")
async def test_a_fault_is_told_and_so_is_its_end(bed: Bed) -> None:
    await bed.fault(Fault.READER_LOST)
    await asyncio.sleep(5)
    await bed.fault(Fault.READER_LOST, on=False)
    assert bed.told == [
        ("TokenReader.Problem", "reader_lost", "true"),
        ("TokenReader.Problem", "reader_lost", "false"),
    ]
    first, second = bed.journal.events
    assert isinstance(first, ComponentEvent)
    assert isinstance(second, ComponentEvent)
    assert (first.cleared, second.cleared) == (None, True)
    assert first.tech_info is not None
    assert first.tech_info.startswith("reader_lost: ")


async def test_a_component_is_well_again_only_without_any_fault(bed: Bed) -> None:
    await bed.fault(Fault.DIODE)
    await asyncio.sleep(5)
    await bed.fault(Fault.PILOT_SHORT)
    await asyncio.sleep(5)
    await bed.fault(Fault.DIODE, on=False)
    await asyncio.sleep(20)
    assert [value for _, _, value in bed.told] == ["true", "true"]
    await bed.fault(Fault.PILOT_SHORT, on=False)
    await asyncio.sleep(20)
    assert bed.told[-1] == ("CPPWMController.Problem", "CX014", "false")
    assert len(bed.told) == 3


async def test_a_fault_that_flaps_is_told_ever_more_rarely_and_truly_at_last(bed: Bed) -> None:
    for _ in range(600):
        await bed.fault(Fault.READER_LOST)
        await asyncio.sleep(2)
        await bed.fault(Fault.READER_LOST, on=False)
        await asyncio.sleep(2)
    assert len(bed.told) < 20
    await bed.fault(Fault.READER_LOST)
    await asyncio.sleep(LONGEST_GAP_S + 1)
    assert bed.told[-1][2] == "true"
    await asyncio.sleep(QUIET_S)
    await bed.fault(Fault.READER_LOST, on=False)
    assert bed.told[-1][2] == "false"
