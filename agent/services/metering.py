"""Clock-aligned and triggered meter values (J01, J02); sampled ones belong to the session."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from decimal import Decimal

from agent.core.events import MeterValuesEvent
from agent.core.meter_values import MeterValue, with_signed
from agent.core.metering import Offer, Reading, meter_value, next_aligned
from agent.core.records import dataclass
from agent.core.session_state import AlignedDue, EventTriggered
from agent.core.signed_values import SigningRules
from agent.core.vocabulary import Measurand, ReadingContext
from agent.ports import Clock, Journal, MeterSigner, SigningRequest
from agent.services.evse import EvseService
from agent.services.meter_reader import MeterReader

LONGEST_WAIT_S = 5.0
"""Bounds a wait, so that a new interval or a clock that was set is noticed."""


@dataclass(frozen=True, slots=True)
class AlignedPolicy:
    """The AlignedDataCtrlr variables: intervals of 0 are off.

    `during_idle_only` silences every EVSE while any transaction runs (J01.FR.20), a member of
    `idle_only_evses` only itself while its own runs (J01.FR.19). Either concerns what is told at
    once, not what is kept for the end of a transaction.
    """

    interval_s: int
    measurands: tuple[Measurand, ...]
    during_idle_only: bool = False
    idle_only_evses: frozenset[int] = frozenset()
    ended_interval_s: int = 0
    signing: SigningRules = field(default_factory=SigningRules)


class AlignedInstants:
    """The multiples of an interval as they pass; a clock that jumps starts the wait anew."""

    def __init__(self) -> None:
        self.due: datetime | None = None

    def passed(self, now: datetime, interval_s: int) -> datetime | None:
        """Return the instant that has come since the last look, if one has; look on."""
        due = self.due
        self.due = next_aligned(now, interval_s) if interval_s > 0 else None
        if due is None or self.due is None:
            return None
        return due if timedelta(0) <= now - due <= timedelta(seconds=LONGEST_WAIT_S) else None


class MeteringService:
    """Tells aligned values of every EVSE at the instants that the CSMS chose."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        meters: Mapping[int, MeterReader],
        journal: Journal,
        clock: Clock,
        policy: Callable[[], AlignedPolicy],
        signer: MeterSigner,
    ) -> None:
        self._evses = evses
        self._meters = meters
        self._journal = journal
        self._clock = clock
        self._policy = policy
        self._signer = signer

    async def run(self) -> None:
        """Wait for each aligned instant, and tell or keep what was measured then."""
        told, kept = AlignedInstants(), AlignedInstants()
        while True:
            policy, now = self._policy(), self._clock.now()
            tell_at = told.passed(now, policy.interval_s)
            keep_at = kept.passed(now, policy.ended_interval_s)
            await self._measure(policy, tell_at, keep=keep_at is not None)
            ahead = [instants.due for instants in (told, kept) if instants.due is not None]
            waits_s = [(due - self._clock.now()).total_seconds() for due in ahead]
            await asyncio.sleep(max(0.0, min([*waits_s, LONGEST_WAIT_S])))

    async def tell_now(self, evse: int | None, *, join_transaction: bool) -> None:
        """Tell the present values, as TriggerMessage asks (F06.FR.06)."""
        for number in self._evses if evse is None else [evse]:
            if join_transaction and self._evses[number].state.transaction is not None:
                self._evses[number].post(EventTriggered())
            else:
                await self._tell(number, self._policy(), self._clock.now(), ReadingContext.TRIGGER)

    async def _measure(
        self, policy: AlignedPolicy, tell_at: datetime | None, *, keep: bool
    ) -> None:
        running = {n for n, e in self._evses.items() if e.state.transaction is not None}
        silent = policy.during_idle_only and bool(running)
        for number, evse in self._evses.items():
            tell = tell_at is not None and not silent
            if number in running:
                tell = tell and number not in policy.idle_only_evses
                if tell or keep:
                    evse.post(AlignedDue(tell, keep))
            elif tell and tell_at is not None:
                await self._tell(number, policy, tell_at, ReadingContext.SAMPLE_CLOCK)

    async def _tell(
        self, evse: int, policy: AlignedPolicy, at: datetime, context: ReadingContext
    ) -> None:
        service, state = self._evses[evse], self._evses[evse].state
        limit_a = state.granted_a if state.snapshot.offered else Decimal(0)
        offer = Offer(limit_a, service.phases, service.description.nominal_voltage_v)
        reading = await self._meters[evse].read()
        value = meter_value(at, reading, offer, policy.measurands, context)
        if value is not None:
            if policy.signing.signs_idle(context):
                value = await self._signed(evse, value, reading, context)
            event = MeterValuesEvent(at=at, evse=evse, meter_values=(value,))
            await self._journal.record(None, [event], before_effect=False)

    async def _signed(
        self, evse: int, value: MeterValue, reading: Reading, context: ReadingContext
    ) -> MeterValue:
        register_wh, stands_in = reading.register_wh, not reading.fresh
        request = SigningRequest(evse, None, value.at, register_wh, context, stands_in=stands_in)
        signed = await self._signer.sign(request)
        if signed is None:
            return value
        return with_signed((value,), value.at, register_wh, context, signed)[0]
