"""Which events reach the log, and which the queue as well."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core import standard_variables as sv
from agent.core.events import SecurityEvent, StoredEvent
from agent.core.security_events import SecurityEventKind as Kind
from agent.core.variable_access import VariableChange
from agent.core.variable_definition import AttributeType, ComponentVariable
from agent.core.vocabulary import BootReason
from agent.ports import SecurityLogEntry
from agent.services.security import SecurityService
from agent.services.system_clock import SystemClock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Records:
    """Both memories in RAM; `loss` is what the log found missing."""

    def __init__(self, loss: str | None = None) -> None:
        self.loss = loss
        self.logged: list[tuple[str, str, bool]] = []
        self.queued: list[tuple[str, str | None]] = []

    async def append(self, at: datetime, kind: str, technical_info: str, *, critical: bool) -> None:
        assert at == NOW
        self.logged.append((kind, technical_info, critical))

    async def entries(self) -> tuple[SecurityLogEntry, ...]:
        return ()

    async def record(
        self, _state: object, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        assert before_effect
        for event in events:
            assert isinstance(event, SecurityEvent)
            self.queued.append((event.kind, event.technical_info))

    def sessions(self) -> dict[int, Any]:
        return {}


class Rig:
    def __init__(self, loss: str | None = None) -> None:
        self.records = Records(loss)
        self.now_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        clock = SystemClock(lambda: NOW, lambda: self.now_s)
        self.service = SecurityService(self.records, self.records, clock, self._spawn)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def settle(self) -> Records:
        await asyncio.gather(*self._tasks)
        return self.records


def change(key: ComponentVariable) -> VariableChange:
    return VariableChange(
        key,
        AttributeType.ACTUAL,
        "old secret",
        "new secret",
        persistent=True,
        reboot_required=False,
    )


@pytest.mark.requirement("A04.FR.01", "A04.FR.02", "A04.FR.04")
@pytest.mark.parametrize("kind", Kind)
async def test_every_event_is_logged_and_a_critical_one_is_queued_as_well(kind: Kind) -> None:
    rig = Rig()
    rig.service.tell(kind, "info")
    records = await rig.settle()
    (logged,) = records.logged
    assert logged[:2] == (kind.value, "info")
    assert records.queued == ([(kind.value, "info")] if logged[2] else [])


@pytest.mark.parametrize(
    ("reason", "kinds"),
    [
        (BootReason.POWER_UP, ["StartupOfTheDevice"]),
        (BootReason.UNKNOWN, ["StartupOfTheDevice"]),
        (BootReason.REMOTE_RESET, ["StartupOfTheDevice", "ResetOrReboot"]),
        (BootReason.SCHEDULED_RESET, ["StartupOfTheDevice", "ResetOrReboot"]),
    ],
)
async def test_a_start_tells_whether_it_follows_a_reset(
    reason: BootReason, kinds: list[str]
) -> None:
    rig = Rig()
    rig.service.started(reason)
    assert (await rig.settle()).queued == [(kind, reason.value) for kind in kinds]


async def test_a_log_that_is_not_whole_is_told_at_the_start() -> None:
    rig = Rig(loss="entries 1 to 5 are missing")
    rig.service.started(BootReason.POWER_UP)
    records = await rig.settle()
    assert records.queued[0] == ("SecurityLogWasCleared", "entries 1 to 5 are missing")


@pytest.mark.parametrize(("by_s", "told"), [(20.0, 0), (-20.0, 0), (21.0, 1), (-3600.0, 1)])
async def test_a_clock_that_moves_beyond_the_threshold_is_told(by_s: float, told: int) -> None:
    rig = Rig()
    rig.service.clock_moved(by_s, 20)
    assert [kind for kind, _ in (await rig.settle()).queued] == ["SettingSystemTime"] * told


@pytest.mark.requirement("A01.FR.11", "A01.FR.12")
async def test_a_new_password_is_logged_without_the_password() -> None:
    rig = Rig()
    rig.service.variable_changed(change(sv.BASIC_AUTH_PASSWORD))
    rig.service.variable_changed(change(sv.HEARTBEAT_INTERVAL))
    records = await rig.settle()
    kind = "ReconfigurationOfSecurityParameters"
    assert records.logged == [(kind, "SecurityCtrlr.BasicAuthPassword was set", False)]
    assert "secret" not in str(records.logged)


async def test_what_an_attacker_can_repeat_is_told_once_a_minute() -> None:
    rig = Rig()
    for _ in range(100):
        rig.service.tell_seldom(Kind.INVALID_MESSAGES)
    rig.now_s = 61.0
    rig.service.tell_seldom(Kind.INVALID_MESSAGES)
    assert len((await rig.settle()).logged) == 2
