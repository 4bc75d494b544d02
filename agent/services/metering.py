"""Clock-aligned and triggered meter values (J01, J02); sampled ones belong to the session."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.core.events import MeterValuesEvent
from agent.core.metering import Offer, meter_value, next_aligned
from agent.core.session_state import AlignedDue, EventTriggered
from agent.core.vocabulary import Measurand, ReadingContext
from agent.ports import Clock, Journal
from agent.services.evse import EvseService
from agent.services.meter_reader import MeterReader

LONGEST_WAIT_S = 5.0
"""Bounds a wait, so that a new interval or a clock that was set is noticed."""


@dataclass(frozen=True, slots=True)
class AlignedPolicy:
    """The AlignedDataCtrlr variables: `interval_s` 0 is off."""

    interval_s: int
    measurands: tuple[Measurand, ...]
    during_idle_only: bool = False


class MeteringService:
    """Tells aligned values of every EVSE at the instants that the CSMS chose."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        meters: Mapping[int, MeterReader],
        journal: Journal,
        clock: Clock,
        policy: Callable[[], AlignedPolicy],
    ) -> None:
        self._evses = evses
        self._meters = meters
        self._journal = journal
        self._clock = clock
        self._policy = policy

    async def run(self) -> None:
        """Wait for each aligned instant and tell; a clock that jumps starts the wait anew."""
        due: datetime | None = None
        while True:
            policy, now = self._policy(), self._clock.now()
            if policy.interval_s <= 0:
                due = None
                await asyncio.sleep(LONGEST_WAIT_S)
                continue
            following = next_aligned(now, policy.interval_s)
            if due is not None and now >= due:
                await self._tell_all(policy, due)
            due = following
            wait_s = (due - self._clock.now()).total_seconds()
            await asyncio.sleep(min(max(wait_s, 0.0), LONGEST_WAIT_S))

    async def tell_now(self, evse: int | None) -> None:
        """Tell the present values, as TriggerMessage asks (F06.FR.06)."""
        for number in self._evses if evse is None else [evse]:
            if self._evses[number].state.transaction is not None:
                self._evses[number].post(EventTriggered())
            else:
                measurands = self._policy().measurands
                await self._tell(number, measurands, self._clock.now(), ReadingContext.TRIGGER)

    async def _tell_all(self, policy: AlignedPolicy, at: datetime) -> None:
        running = [n for n, e in self._evses.items() if e.state.transaction is not None]
        for number, evse in self._evses.items():
            if number not in running:
                await self._tell(number, policy.measurands, at, ReadingContext.SAMPLE_CLOCK)
            elif not policy.during_idle_only:
                evse.post(AlignedDue())

    async def _tell(
        self, evse: int, measurands: tuple[Measurand, ...], at: datetime, context: ReadingContext
    ) -> None:
        description = self._evses[evse].description
        offer = Offer(phases=description.phases, nominal_voltage_v=description.nominal_voltage_v)
        reading = await self._meters[evse].read()
        value = meter_value(at, reading, offer, measurands, context)
        if value is not None:
            event = MeterValuesEvent(at=at, evse=evse, meter_values=(value,))
            await self._journal.record(None, [event], before_effect=False)
