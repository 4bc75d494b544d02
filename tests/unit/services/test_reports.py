import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.commands import GetBaseReport, ReportBase, ReportVerdict
from agent.core.device_model import DeviceModel
from agent.core.events import DomainEvent, PassingEvent, ReportPart
from agent.core.facts import Fact
from agent.core.provisioning import Registration
from agent.core.report_request import GetReport
from agent.core.snapshot import EvseSnapshot
from agent.core.variable_definition import (
    ComponentKey,
    DataType,
    VariableDefinition,
    VariableKey,
)
from agent.services.reports import PART_ENTRIES, ReportService
from agent.services.system_clock import SystemClock

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


class Listening:
    """A CSMS that takes every page."""

    online = True
    registration = Registration()

    def __init__(self) -> None:
        self.parts: list[ReportPart] = []

    async def ask(self, event: DomainEvent, *, asked_for: bool = False) -> Fact | None:
        assert asked_for
        assert isinstance(event, ReportPart)
        self.parts.append(event)
        return None

    async def wait_up(self) -> None:
        return None

    async def wait_down(self) -> None:
        await asyncio.Event().wait()

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        raise AssertionError(f"a report is no passing news: {event}, {asked_for}")

    def open_queue(self) -> None:
        raise AssertionError("a report does not open the queue")

    def told_state(self, evse: int) -> EvseSnapshot | None:
        raise AssertionError(f"a report does not concern the state of EVSE {evse}")

    def silence_s(self) -> float:
        return 0.0


class Rig:
    def __init__(self, variables: int) -> None:
        self.model = DeviceModel(
            VariableDefinition(
                component=ComponentKey("Fan", str(number)),
                variable=VariableKey("Enabled"),
                data_type=DataType.BOOLEAN,
                default="true",
            )
            for number in range(variables)
        )
        self.csms = Listening()
        self.work: list[Coroutine[Any, Any, None]] = []
        self.service = ReportService(self.model, self.csms, SystemClock(), self.work.append)

    async def told(self) -> list[ReportPart]:
        for work in self.work:
            await work
        return self.csms.parts


@pytest.mark.requirement("B08.FR.02")
async def test_a_criterion_that_is_not_known_is_not_supported() -> None:
    rig = Rig(variables=1)
    for criteria in ({"Faulty"}, {"Enabled", "Faulty"}):
        verdict = rig.service.custom(GetReport(1, frozenset(criteria)))
        assert verdict is ReportVerdict.NOT_SUPPORTED
    assert await rig.told() == []
    assert rig.service.custom(GetReport(1, frozenset({"Enabled"}))) is ReportVerdict.ACCEPTED
    assert len(await rig.told()) == 1


@pytest.mark.requirement("B07.FR.02", "B07.FR.05")
async def test_a_report_base_that_is_not_known_is_not_supported() -> None:
    rig = Rig(variables=1)
    assert rig.service.base(GetBaseReport(1, None)) is ReportVerdict.NOT_SUPPORTED
    assert await rig.told() == []


@pytest.mark.requirement("B07.FR.03", "B07.FR.10")
async def test_pages_are_filled_before_the_next_one_is_begun() -> None:
    rig = Rig(variables=2 * PART_ENTRIES + 1)
    wanted = GetBaseReport(7, ReportBase.FULL_INVENTORY)
    assert rig.service.base(wanted) is ReportVerdict.ACCEPTED
    parts = await rig.told()
    assert [len(part.entries) for part in parts] == [PART_ENTRIES, PART_ENTRIES, 1]
    assert [part.seq_no for part in parts] == [0, 1, 2]
    assert len({part.at for part in parts}) == 1
    assert parts[0].at > BEGIN
