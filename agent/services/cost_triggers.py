"""Meter values of a transaction when the CSMS needs them to compute its cost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from agent.core.cost import CostTold, Measured, TriggerWatch, watched
from agent.core.session_state import EventTriggered
from agent.core.snapshot import charging_state
from agent.services.evse import EvseService
from agent.services.meter_reader import MeterReader

LOOK_EVERY_S: Final = 1.0


class CostTriggers:
    """Looks at the meters of those EVSEs for whose transaction there are triggers.

    `on_change` hears what must outlive a restart: what has been passed, and None for a transaction
    that runs no more.
    """

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        meters: Mapping[int, MeterReader],
        now: Callable[[], datetime],
    ) -> None:
        self._evses = evses
        self._meters = meters
        self._now = now
        self._watches: dict[str, TriggerWatch] = {}
        self._wanted = asyncio.Event()
        self.on_change: Callable[[str, TriggerWatch | None], Awaitable[None]] = _nobody_hears

    def follow(self, told: CostTold) -> TriggerWatch | None:
        """Take the triggers of a running transaction; there are only those told last."""
        evse = self._evse_of(told.transaction_id)
        self._watches.pop(told.transaction_id, None)
        if evse is None or told.triggers is None:
            return None
        watch = watched(told.triggers, self._measured(evse))
        self.resume(told.transaction_id, watch)
        return watch

    def resume(self, transaction_id: str, watch: TriggerWatch) -> None:
        """Go on after a restart: what was passed meanwhile is told."""
        self._watches[transaction_id] = watch
        self._wanted.set()

    async def run(self) -> None:
        """Look as long as there is something to look for."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(LOOK_EVERY_S)
            for transaction_id in list(self._watches):
                await self._look(transaction_id)
            if not self._watches:
                self._wanted.clear()

    async def _look(self, transaction_id: str) -> None:
        evse = self._evse_of(transaction_id)
        if evse is None:
            self._watches.pop(transaction_id, None)
            await self.on_change(transaction_id, None)
            return
        await self._meters[evse.description.evse].read()
        before = self._watches.get(transaction_id)
        if before is None:
            return
        self._watches[transaction_id], passed = before.seen(self._measured(evse))
        if passed:
            evse.post(EventTriggered())
        if passed or self._watches[transaction_id].differs(before):
            await self.on_change(transaction_id, self._watches[transaction_id])

    def _measured(self, evse: EvseService) -> Measured:
        reading = evse.last_reading
        state = charging_state(evse.state.snapshot)
        return Measured(self._now(), reading.register_wh, reading.power_w, state)

    def _evse_of(self, transaction_id: str) -> EvseService | None:
        """Return where a transaction runs, None if it does not."""
        running = ((evse.state.transaction, evse) for evse in self._evses.values())
        return next((e for t, e in running if t is not None and t.id == transaction_id), None)


async def _nobody_hears(_transaction_id: str, _watch: TriggerWatch | None) -> None:
    return None
