import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.core.commands import ACCEPTED, Outcome, TriggerMessage, Verdict
from agent.core.events import PassingEvent
from agent.core.progress import (
    FirmwareProgress,
    FirmwareStatus,
    LogUploadProgress,
    LogUploadStatus,
)
from agent.core.provisioning import Registration
from agent.core.vocabulary import MessageTrigger
from agent.services.triggers import TriggerService

LOG, FIRMWARE = MessageTrigger.LOG_STATUS_NOTIFICATION, MessageTrigger.FIRMWARE_STATUS_NOTIFICATION


@dataclass
class Csms:
    registration: Registration = field(default_factory=Registration)
    told: list[PassingEvent] = field(default_factory=list)

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        assert asked_for
        self.told.append(event)


class Rig:
    """The service without EVSEs; what it spawns runs when `carry_out` is called."""

    def __init__(self) -> None:
        self.csms = Csms()
        self._spawned: list[Coroutine[Any, Any, None]] = []
        self.triggers = TriggerService(
            self.csms,  # type: ignore[arg-type] # as much of it as triggers need
            {},
            None,  # type: ignore[arg-type] # not asked here
            None,  # type: ignore[arg-type] # not asked here
            lambda: False,
            self._spawned.append,
        )

    async def carry_out(self) -> None:
        await asyncio.gather(*self._spawned)


@pytest.mark.requirement("F06.FR.14", "F06.FR.04", "F06.FR.10")
async def test_an_upload_that_is_going_on_is_told_after_the_answer() -> None:
    rig = Rig()
    uploading = LogUploadProgress(status=LogUploadStatus.UPLOADING, request_id=12)
    rig.triggers.tells_log_upload(lambda: uploading, LogUploadProgress)
    assert rig.triggers.trigger(TriggerMessage(LOG)) == ACCEPTED
    assert rig.csms.told == []
    await rig.carry_out()
    assert rig.csms.told == [uploading]


@pytest.mark.requirement("F06.FR.15", "F06.FR.16")
async def test_without_anything_going_on_both_are_idle() -> None:
    rig = Rig()
    for message in (LOG, FIRMWARE):
        assert rig.triggers.trigger(TriggerMessage(message, evse=3)) == ACCEPTED
    await rig.carry_out()
    assert rig.csms.told == [LogUploadProgress(), FirmwareProgress(asked_for=True)]
    assert FirmwareProgress().status is FirmwareStatus.IDLE


async def test_other_services_add_their_messages() -> None:
    rig, heard = Rig(), []
    sign = TriggerMessage(MessageTrigger.HEARTBEAT)
    rig.triggers.sends(MessageTrigger.HEARTBEAT, heard.append)
    assert rig.triggers.trigger(sign) == ACCEPTED
    await rig.carry_out()
    assert heard == [sign]
    assert rig.triggers.trigger(TriggerMessage(None)) == Outcome(Verdict.NOT_IMPLEMENTED)
