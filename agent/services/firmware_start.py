"""What a start of the software means to an update that was cut off: the slots are asked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent.core.firmware_update import FirmwareUpdate, Happening, Standing, resumed
from agent.ports import InstallationFailed, Slots, SlotStanding

SLOTS_RETRY_S = 10.0

Told = TypeVar("Told")

log = logging.getLogger(__name__)


async def told_by_slots(ask: Callable[[], Awaitable[Told]]) -> Told:
    """Ask the slots until they answer."""
    while True:
        try:
            return await ask()
        except InstallationFailed as error:
            log.error("the slots do not answer: %s", error)
            await asyncio.sleep(SLOTS_RETRY_S)


async def meaning(
    update: FirmwareUpdate, slots: Slots, standing: SlotStanding
) -> tuple[Happening | None, str]:
    """Return what has happened to an update whose slots were switched, and why; None if nothing.

    Where a try could not be counted the version before was started and the trial is still to come:
    what is told as failed must not be tried after all.
    """
    told = Standing(
        version=standing.version,
        slot=await told_by_slots(slots.running),
        on_trial=standing.on_trial,
        trial_failed=standing.trial_failed,
    )
    happening = resumed(update, told)
    if happening is Happening.OLD_SLOT_RUNS and not standing.trial_failed:
        await told_by_slots(slots.give_up)
    return happening, update.detail or standing.failure or "the new version did not come up"
