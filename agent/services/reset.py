"""Reset of the station or of one EVSE (B11, B12): end or await transactions, then start anew."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from agent.core.commands import Outcome, Refusal, Reset, Verdict
from agent.core.records import dataclass
from agent.core.reset import STATION, EvseUse, due, judged
from agent.core.session_state import AvailabilityChanged, Cause, SessionState, StopOrdered
from agent.core.vocabulary import BootReason, ResetKind, StoppedReason, TriggerReason
from agent.ports import EventQueue, Settings
from agent.services.evse import EvseService
from agent.services.tasks import Spawn

STOP_TIMEOUT_S = 15.0
DELIVERY_TIMEOUT_S = 10.0
EVSE_RESET_S = 5.0
"""How long the pilot shows a vehicle that its EVSE is gone; IEC 61851-1 wants 300 ms at least."""
LOOK_AGAIN_S = 30.0
KIND = "boot"
REASON = "reason"
SCHEDULED = "scheduled"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetMeans:
    """What a reset needs to know and to do outside itself.

    `operative` is an EVSE's availability as ordered, `obstacle` what forbids a restart now.
    """

    restart: Callable[[], None]
    operative: Callable[[int], bool]
    may_be_reset: Callable[[int], bool]
    obstacle: Callable[[], Refusal | None]
    retries: Callable[[], int]


class ResetService:
    """Resets when the CSMS says so; what is scheduled, and the reason, outlive a restart."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        settings: Settings,
        queue: EventQueue,
        means: ResetMeans,
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._settings = settings
        self._queue = queue
        self._means = means
        self._spawn = spawn
        self._scheduled = _places(settings.get(KIND, SCHEDULED) or "")
        self._running: set[int] = set()
        for evse in evses.values():
            evse.observers.append(self._observe)

    async def reset(self, command: Reset) -> Outcome:
        """Answer what will happen; it happens after the answer (B11.FR.01, B12)."""
        place = STATION if command.evse is None else command.evse
        outcome = judged(command, self._uses(), self._means.obstacle())
        if outcome.verdict is Verdict.SCHEDULED:
            self._scheduled |= {place}
            await self._settings.put(KIND, SCHEDULED, _as_text(self._scheduled))
        elif outcome.verdict is Verdict.ACCEPTED:
            self._begin(place, command.kind, scheduled=False)
        return outcome

    async def run(self) -> None:
        """Carry out for ever what was scheduled, once nothing is in its way."""
        while True:
            self._look()
            await asyncio.sleep(LOOK_AGAIN_S)

    def _uses(self) -> dict[int, EvseUse]:
        return {
            number: EvseUse(_is_busy(evse.state), self._means.may_be_reset(number))
            for number, evse in self._evses.items()
        }

    def _observe(self, _before: SessionState, _after: SessionState) -> None:
        if self._scheduled:
            self._look()

    def _look(self) -> None:
        if self._scheduled:
            for place in due(self._scheduled, self._uses(), self._means.obstacle()):
                self._begin(place, ResetKind.ON_IDLE, scheduled=True)

    def _begin(self, place: int, kind: ResetKind, *, scheduled: bool) -> None:
        if place in self._running:
            return
        self._running.add(place)
        self._scheduled = frozenset() if place == STATION else self._scheduled - {place}
        if place == STATION:
            self._spawn(self._of_station(kind, scheduled=scheduled))
        else:
            self._spawn(self._of_evse(place))

    async def _of_station(self, kind: ResetKind, *, scheduled: bool) -> None:
        try:
            await self._restart(kind, scheduled=scheduled)
        finally:
            self._running.discard(STATION)

    async def _restart(self, kind: ResetKind, *, scheduled: bool) -> None:
        reason = BootReason.SCHEDULED_RESET if scheduled else BootReason.REMOTE_RESET
        graceful = kind is ResetKind.GRACEFUL
        stopped = StoppedReason.REBOOT if graceful else StoppedReason.IMMEDIATE_RESET
        await self._settings.put_many(KIND, {REASON: reason, SCHEDULED: ""})
        await asyncio.gather(*(self._end(number, stopped) for number in self._evses))
        # B12.FR.04, B12.FR.05: the end is told first; what gets no answer in time stays queued.
        await self._await_delivery()
        log.info("restarting: %s", reason.value)
        self._means.restart()

    async def _of_evse(self, number: int) -> None:
        """Reset one EVSE; the others go on (B11.FR.08, B12.FR.08).

        The session ends, the lock opens, and the pilot shows the vehicle an EVSE that is gone.
        """
        try:
            await self._settings.put(KIND, SCHEDULED, _as_text(self._scheduled))
            await self._end(number, StoppedReason.IMMEDIATE_RESET)
            await asyncio.sleep(EVSE_RESET_S)
            self._evses[number].start_afresh()
            self._evses[number].post(AvailabilityChanged(self._means.operative(number)))
            log.info("EVSE %d was reset", number)
        finally:
            self._running.discard(number)

    async def _end(self, number: int, reason: StoppedReason) -> None:
        """End what runs and let nothing begin (B11.FR.03).

        It is asked ResetRetries times more to end if it does not; the reset comes anyway.
        """
        evse = self._evses[number]
        for _ in range(1 + self._means.retries()):
            evse.post(StopOrdered(Cause(TriggerReason.RESET_COMMAND, reason), final=True))
            evse.post(AvailabilityChanged(operative=False))
            if await evse.settled(STOP_TIMEOUT_S):
                return
            log.error("the transaction of EVSE %d did not end for its reset", number)

    async def _await_delivery(self) -> None:
        """Give the last transaction messages a chance; what is left stays queued."""
        for _ in range(int(DELIVERY_TIMEOUT_S / 0.1)):
            await asyncio.sleep(0.1)
            if not len(self._queue):
                return


def _is_busy(state: SessionState) -> bool:
    """Tell whether somebody charges here, or was just let in to plug in."""
    return state.transaction is not None or state.authorization is not None


def _places(text: str) -> frozenset[int]:
    """Read what was scheduled; an earlier version wrote a word for the station alone."""
    words = text.split()
    if not all(word.isascii() and word.isdecimal() for word in words):
        return frozenset({STATION})
    return frozenset(map(int, words))


def _as_text(places: frozenset[int]) -> str:
    return " ".join(map(str, sorted(places)))
