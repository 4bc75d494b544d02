"""Reset of the station (B11, B12): end or await transactions, then ask for a restart."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from agent.core.commands import ACCEPTED, Outcome, Reset, Verdict, rejected
from agent.core.session_state import Cause, SessionState, StopOrdered
from agent.core.vocabulary import BootReason, ResetKind, StoppedReason, TriggerReason
from agent.ports import EventQueue, Settings
from agent.services.evse import EvseService
from agent.services.tasks import Spawn

STOP_TIMEOUT_S = 15.0
DELIVERY_TIMEOUT_S = 10.0
KIND = "boot"
REASON = "reason"

log = logging.getLogger(__name__)


class ResetService:
    """Restarts the application when the CSMS says so; the reason outlives the restart."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        settings: Settings,
        queue: EventQueue,
        restart: Callable[[], None],
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._settings = settings
        self._queue = queue
        self._restart = restart
        self._spawn = spawn
        self._scheduled = settings.get(KIND, "scheduled") is not None
        for evse in evses.values():
            evse.observers.append(self._observe)

    async def reset(self, command: Reset) -> Outcome:
        """Answer what will happen; it happens after the answer (B11.FR.01, B12)."""
        if command.evse is not None:
            return rejected("NotSupported", "single EVSEs cannot be reset")
        if command.kind is ResetKind.ON_IDLE and self._busy():
            # A scheduled reset survives an intermediate restart.
            await self._settings.put(KIND, "scheduled", ResetKind.ON_IDLE)
            self._scheduled = True
            return Outcome(Verdict.SCHEDULED)
        self._spawn(self._carry_out(command.kind))
        return ACCEPTED

    async def resume(self) -> None:
        """Carry out a reset that was scheduled before a restart, once nothing runs."""
        if self._scheduled and not self._busy():
            await self._carry_out(ResetKind.ON_IDLE)

    def _busy(self) -> bool:
        return any(evse.state.transaction is not None for evse in self._evses.values())

    def _observe(self, before: SessionState, after: SessionState) -> None:
        ended = before.transaction is not None and after.transaction is None
        if ended and self._scheduled and not self._busy():
            self._spawn(self._carry_out(ResetKind.ON_IDLE))

    async def _carry_out(self, kind: ResetKind) -> None:
        scheduled = kind is ResetKind.ON_IDLE and self._scheduled
        reason = BootReason.SCHEDULED_RESET if scheduled else BootReason.REMOTE_RESET
        await self._settings.put(KIND, REASON, reason)
        await self._settings.delete(KIND, "scheduled")
        stopped = (
            StoppedReason.REBOOT if kind is ResetKind.GRACEFUL else (StoppedReason.IMMEDIATE_RESET)
        )
        for evse in self._evses.values():
            evse.post(StopOrdered(Cause(TriggerReason.RESET_COMMAND, stopped), final=True))
        await asyncio.gather(*(e.settled(STOP_TIMEOUT_S) for e in self._evses.values()))
        # B12.FR.04, B12.FR.05: the end is told first; what gets no answer in time stays queued.
        await self._await_delivery()
        log.info("restarting: %s", reason.value)
        self._restart()

    async def _await_delivery(self) -> None:
        """Give the last transaction messages a chance; what is left stays queued."""
        for _ in range(int(DELIVERY_TIMEOUT_S / 0.1)):
            if not len(self._queue):
                return
            await asyncio.sleep(0.1)
