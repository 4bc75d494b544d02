"""What EVs need: told to the CSMS, answered with schedules, of which the EV takes one (K15-K17)."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from agent.core.facts import Fact
from agent.core.records import dataclass
from agent.core.session_state import SessionState
from agent.core.smart_charging.needs import (
    TRANSFER_BY_PHASES,
    ChargingNeeds,
    EnergyTransfer,
    EvPeriod,
    EvPlan,
    NeedsStatus,
    exceeds,
    followed,
    intended,
    is_sound,
    phases_of,
)
from agent.core.smart_charging.news import EvScheduleTold, NeedsAnswered, NeedsTold
from agent.core.smart_charging.profiles import MAX_SCHEDULES, ChargingSchedule
from agent.ports import Clock, Csms, EventQueue, Settings
from agent.services.evse import EvseService
from agent.services.smart_charging.teller import ChargingTeller
from agent.services.tasks import Spawn
from hal.api import HardwareError, PowerStep, VehicleAnswer, VehicleLink, VehicleNeeds

AGAIN_S = 5.0
LOOK_S = 0.2
LOOKS = 50
"""How often it is looked whether the CSMS has heard whose the needs are (K15.FR.16)."""
KIND = "smart_charging"
KEY = "choices"
LATE = timedelta(seconds=10)
"""Needs that could be told only after so long bear the time (K15.FR.20)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NeedsPorts:
    """What needs have to do with.

    `memory` keeps which schedule the EV of a transaction took, over a restart.
    `offers` returns the schedules for an EVSE, at most three; `chosen` hears which one its EV took
    and what it means to take of it, if that is less.
    """

    csms: Csms
    queue: EventQueue
    clock: Clock
    memory: Settings
    offers: Callable[[int], tuple[ChargingSchedule, ...]]
    chosen: Callable[[int, int, tuple[EvPeriod, ...]], None]


class NeedsService:
    """Carries the conversation between EVs and the CSMS about schedules."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        teller: ChargingTeller,
        ports: NeedsPorts,
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._teller = teller
        self._ports = ports
        self._spawn = spawn
        self._link: VehicleLink | None = None
        self._needs: dict[int, tuple[ChargingNeeds, datetime]] = {}
        self._handed: dict[int, tuple[ChargingSchedule, ...]] = {}
        self._awaited: set[int] = set()
        self._choices: dict[str, int] = json.loads(ports.memory.get(KIND, KEY) or "{}")
        for number, evse in evses.items():
            evse.observers.append(self._observe)
            transaction = evse.state.transaction
            if transaction is not None and transaction.id in self._choices:
                ports.chosen(number, self._choices[transaction.id], ())

    def known(self, evse: int) -> bool:
        """Tell whether the EV at an EVSE has told its needs."""
        return evse in self._needs

    def least_a(self, evse: int) -> int | None:
        """Return the least current that is of use to the EV at an EVSE, if it has told it."""
        known = self._needs.get(evse)
        return None if known is None else known[0].min_current_a

    async def listen(self, link: VehicleLink) -> None:
        """Hear EVs for ever; a broken conversation is taken up again."""
        self._link = link
        while True:
            try:
                async for needs in link.needs():
                    self._heard(needs)
            except HardwareError as error:
                log.warning("no vehicle is heard: %s", error)
            await asyncio.sleep(AGAIN_S)

    def profiles_changed(self) -> None:
        """Offer EVs other schedules where there are others (K16.FR.02, K16.FR.03)."""
        for evse in self._awaited | self._handed.keys():
            self._awaited.discard(evse)
            self._spawn(self._negotiate_anew(evse))

    def _heard(self, heard: VehicleNeeds) -> None:
        evse = self._evses.get(heard.evse)
        if evse is None or not evse.state.snapshot.plugged_in:
            return
        self._needs[heard.evse] = (self._in_core_words(heard), self._ports.clock.now())
        self._handed.pop(heard.evse, None)
        self._spawn(self._tell(heard.evse))

    def _in_core_words(self, heard: VehicleNeeds) -> ChargingNeeds:
        leaves_in_s, departure = heard.leaves_in_s, None
        if leaves_in_s is not None:
            departure = self._ports.clock.now() + timedelta(seconds=leaves_in_s)
        return ChargingNeeds(
            energy_wh=heard.energy_wh,
            min_current_a=heard.min_current_a,
            max_current_a=heard.max_current_a,
            max_voltage_v=heard.max_voltage_v,
            transfer=TRANSFER_BY_PHASES.get(heard.phases, EnergyTransfer.AC_THREE_PHASE),
            departure=departure,
            schedules=heard.max_schedules,
        )

    async def _tell(self, evse: int) -> None:
        """Tell the needs once the CSMS knows whose they are; offline the EV need not wait."""
        for _ in range(LOOKS):
            transaction = self._evses[evse].state.transaction
            if transaction is None or not self._ports.csms.online:
                break
            if not await self._ports.queue.holds_transaction(transaction.id):
                break
            await asyncio.sleep(LOOK_S)
        if evse not in self._needs:
            return
        word = partial(self._word, evse, *self._needs[evse])
        self._teller.tell((NeedsTold, evse), word, partial(self._answered, evse))
        if not self._ports.csms.online:
            await self._negotiate(evse)

    def _word(self, evse: int, needs: ChargingNeeds, at: datetime) -> NeedsTold:
        late = self._ports.clock.now() - at >= LATE
        return NeedsTold(evse=evse, needs=needs, at=at if late else None)

    def _answered(self, evse: int, fact: Fact | None) -> None:
        """Wait for the profile that was promised, else offer what there is (K15.FR.04, FR.05)."""
        if isinstance(fact, NeedsAnswered) and fact.status is NeedsStatus.ACCEPTED:
            self._awaited.add(evse)
        else:
            self._spawn(self._negotiate(evse))

    async def _negotiate_anew(self, evse: int) -> None:
        handed = self._handed.get(evse, ())
        if [o.periods for o in self._ports.offers(evse)] != [o.periods for o in handed]:
            await self._negotiate(evse)

    async def _negotiate(self, evse: int) -> None:
        """Offer schedules, obey the EV's choice and tell the CSMS what it will do."""
        offers = self._ports.offers(evse)[:MAX_SCHEDULES]
        if self._link is None or evse not in self._needs:
            return
        self._handed[evse] = offers
        steps = tuple(
            tuple(PowerStep(p.start_s, float(p.limit)) for p in offer.periods) for offer in offers
        )
        try:
            answer = await self._link.negotiate(evse, steps)
        except HardwareError as error:
            log.warning("the vehicle at EVSE %d gives no answer: %s", evse, error)
            return
        if answer is not None and evse in self._needs:
            # It may have left meanwhile.
            self._agreed(evse, offers, _plan(answer))

    def _agreed(self, evse: int, offers: tuple[ChargingSchedule, ...], plan: EvPlan) -> None:
        choice = max(0, min(plan.choice, len(offers) - 1))
        taken = offers[choice]
        schedule, periods = followed(taken), plan.periods
        if periods and is_sound(plan) and not exceeds(plan, taken):
            schedule = intended(plan, taken.id)
        else:
            # K15.FR.19; K15.FR.09: a plan beyond the schedule is none.
            periods = ()
        self._ports.chosen(evse, choice, self._on_its_phases(evse, periods))
        self._remember(self._evses[evse].state, choice)
        told = EvScheduleTold(
            evse=evse, at=self._ports.clock.now(), schedule=schedule, selected=taken.id
        )
        self._teller.tell((EvScheduleTold, evse), lambda: told)

    def _on_its_phases(self, evse: int, periods: tuple[EvPeriod, ...]) -> tuple[EvPeriod, ...]:
        phases = phases_of(self._needs[evse][0].transfer)
        return tuple(replace(period, phases=phases) for period in periods)

    def _remember(self, state: SessionState, choice: int) -> None:
        """Keep the choices of the transactions that run."""
        running = {
            evse.state.transaction.id
            for evse in self._evses.values()
            if evse.state.transaction is not None
        }
        kept = {name: value for name, value in self._choices.items() if name in running}
        if state.transaction is not None:
            kept[state.transaction.id] = choice
        if kept != self._choices:
            self._choices = kept
            self._spawn(self._ports.memory.put(KIND, KEY, json.dumps(kept)))

    def _observe(self, before: SessionState, after: SessionState) -> None:
        if before.snapshot.plugged_in and not after.snapshot.plugged_in:
            self._needs.pop(after.evse, None)
            self._handed.pop(after.evse, None)
            self._awaited.discard(after.evse)
            self._teller.forget((NeedsTold, after.evse))
            self._ports.chosen(after.evse, 0, ())


def _plan(answer: VehicleAnswer) -> EvPlan:
    periods = tuple(EvPeriod(s.start_s, Decimal(str(s.power_w))) for s in answer.steps)
    return EvPlan(answer.choice, periods)
