"""Everything of one story on one virtual clock, and what must hold at the end of every story."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from agent.sim.csms import Csms
from agent.sim.csms_model import TransactionRecord
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.machine import Machine
from tests.stories.words import LONG_S, TOKEN
from tests.virtual_time import VirtualClock, utc_now

ONE_WH: Final = Decimal(1)
CLOSED_WITHOUT_AUTHORIZATION_S: Final = 8.0


class World:
    """Everything of one story. `start` first, `end` checks what must hold for every story."""

    patience = 1.0
    """How many times longer than usual anything may take."""
    settled_s = 2.0
    """How long a station that is ready has still something to say."""
    last_words_s = 5.0
    """The same of one whose story has ended."""
    looks_every_s = 0.5
    """How often it is looked whether a contactor is closed for nobody."""

    def __init__(
        self, version: str, machine: Machine, bench: Bench, csms: Csms | None = None
    ) -> None:
        self.version = version
        self.csms_is_wrong_by = timedelta(0)
        self.machine = machine
        self.bench = bench
        self._csms = csms or Csms(
            ping_interval_s=None,
            now=lambda: utc_now() + self.csms_is_wrong_by,
            boot_interval_s=86_400,
        )
        self.csms = Desk(version, self._csms)
        self.csms.now_s = self.now_s
        self.evses = 1
        self._variables: Mapping[str, str] | None = None
        self.bills_exactly = True
        self.may_tell_twice = 0
        self._watching: asyncio.Task[None] | None = None
        self._violations: list[str] = []
        self._beside: list[asyncio.Task[None]] = []

    # --- The course of a story.

    async def start(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        evses: int = 1,
        cable: str = "socket",
        versions: Sequence[str] | None = None,
        connector_types: Sequence[str] = (),
    ) -> None:
        """Start the CSMS and the station; wait until it is ready to charge."""
        await self.power_up(
            variables,
            evses=len(connector_types) or evses,
            cable=cable,
            versions=versions,
            connector_types=connector_types,
        )
        await self.csms.is_ready()
        await self.pass_s(self.settled_s)

    async def power_up(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        evses: int = 1,
        cable: str = "socket",
        versions: Sequence[str] | None = None,
        connector_types: Sequence[str] = (),
    ) -> None:
        """Start the CSMS and the station, and wait for nothing."""
        await self._csms.start()
        self.evses, self._variables = evses, variables
        self.machine.configure(
            self._csms.url,
            tuple(versions or (self.version,)),
            variables=variables,
            evses=evses,
            cable=cable,
            connector_types=connector_types,
        )
        await self.machine.start()
        self._watching = asyncio.create_task(self._watch_contactors())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the story; its failure fails the story."""
        self._beside.append(asyncio.create_task(work))

    @staticmethod
    def clock_wrong_by(difference: timedelta) -> VirtualClock:
        """Return a clock for the station that does not know the time."""
        return VirtualClock(difference)

    def now_s(self) -> float:
        """Return the time by which waiting is in vain, as of no certain instant."""
        return asyncio.get_running_loop().time()

    async def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def charge_s(self, seconds: float) -> None:
        """Let a car charge; a story that says so does not depend on how long it is."""
        await self.pass_s(seconds)

    async def watch_s(self, seconds: float) -> None:
        """Look on while nothing shall happen; in real time the look is a short one."""
        await self.pass_s(seconds)

    async def until(
        self, condition: Callable[[], object], what: str, within_s: float = LONG_S
    ) -> None:
        """Wait for something that an observer could see."""
        give_up_s = self.now_s() + within_s * self.patience
        while not condition():
            assert self.now_s() < give_up_s, f"waited {within_s} s in vain for {what}"
            await asyncio.sleep(0.05)

    async def charges(self, token: str = TOKEN, evse: int = 1) -> TransactionRecord:
        """Plug in, swipe, wait until energy flows and the CSMS knows; return the transaction."""
        before = len(self.csms.station.transactions)
        await self.bench.plug_in(evse)
        await self.pass_s(1)
        await self.bench.swipe(token, evse)
        await self.energy_flows(evse)
        transaction = await self.csms.sees_start(before + 1)
        await self.csms.sees_status("Charging", evse)
        return transaction

    async def charges_unseen(self, token: str = TOKEN, evse: int = 1) -> None:
        """Plug in, swipe, and wait until energy flows, whatever the CSMS knows."""
        await self.bench.plug_in(evse)
        await self.pass_s(1)
        await self.bench.swipe(token, evse)
        await self.energy_flows(evse)

    def reconfigure(self, variables: Mapping[str, str]) -> None:
        """Write other initial values into the configuration, for the next start of the daemon."""
        self._variables = variables
        self.speak(self.version)

    def speak(self, version: str) -> None:
        """Configure another version for the next start of the daemon."""
        self.version = self.csms.version = version
        self.machine.configure(
            self._csms.url, (version,), variables=self._variables, evses=self.evses
        )

    async def energy_flows(self, evse: int = 1, within_s: float = LONG_S) -> None:
        await self.until(lambda: self.bench.is_delivering(evse), "energy to flow", within_s)

    async def energy_ceases(self, evse: int = 1, within_s: float = LONG_S) -> None:
        await self.until(
            lambda: not self.bench.plant(evse).contactor_closed, "the contactor to open", within_s
        )

    async def queue_drains(self, within_s: float = 120.0) -> None:
        """Wait until everything that was stored has been told."""
        give_up_s = self.now_s() + within_s * self.patience
        while await self.machine.queued_events():
            assert self.now_s() < give_up_s, f"waited {within_s} s in vain for an empty queue"
            await asyncio.sleep(0.05)

    # --- What must hold at the end of every story.

    async def end(self) -> None:
        """Let the station finish what it does, stop everything, and judge."""
        station = self.csms.station
        if self.machine.is_running and station.connected and station.registration == "Accepted":
            await self.pass_s(self.last_words_s)
            await self.queue_drains()
        try:
            await self._stop_watching()
            await asyncio.gather(*self._beside)
            self._judge()
        finally:
            await self.machine.close()
            await self._csms.stop()

    async def abandon(self) -> None:
        """Stop everything after a failure."""
        await self._stop_watching()
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.machine.close()
        await self._csms.stop()

    def _judge(self) -> None:
        faults = [
            f for f in self._csms.faults if not any(allowed(f) for allowed in self.csms.tolerated)
        ]
        assert [f"{fault.rule}: {fault.message}\n  {fault.frame[:300]}" for fault in faults] == []
        assert self._violations == []
        for transaction in self.csms.station.transactions.values():
            told_twice = f"{transaction.duplicates} messages were told twice"
            assert transaction.duplicates == self.may_tell_twice, told_twice
        for evse in range(1, self.evses + 1):
            self._judge_energy(evse)

    def _judge_energy(self, evse: int) -> None:
        """What is billed is what the outlet delivered; 1.6 tells whole Wh, so less than one off."""
        transactions = [
            t for t in self.csms.station.transactions.values() if t.evse_id in (evse, None)
        ]
        if not self.bills_exactly or not all(t.ended for t in transactions):
            return
        billed_wh = sum((t.energy_wh or Decimal(0) for t in transactions), Decimal(0))
        delivered_wh = self.bench.delivered_wh(evse)
        tolerance_wh = ONE_WH * max(1, len(transactions))
        assert abs(billed_wh - delivered_wh) < tolerance_wh, (
            f"EVSE {evse} delivered {delivered_wh} Wh, {billed_wh} Wh were billed"
        )

    async def _watch_contactors(self) -> None:
        """Look whether a contactor is closed for whom nobody is authorized."""
        closed_since: dict[int, float] = {}
        while True:
            await asyncio.sleep(self.looks_every_s)
            for number in range(1, self.evses + 1):
                if not await self._is_unauthorized(number):
                    closed_since.pop(number, None)
                    continue
                since_s = closed_since.setdefault(number, self.now_s())
                if self.now_s() - since_s > CLOSED_WITHOUT_AUTHORIZATION_S:
                    at = utc_now().isoformat(timespec="seconds")
                    self._violations.append(f"{at} EVSE {number} closed without authorization")

    async def _is_unauthorized(self, number: int) -> bool:
        if not (self.machine.is_running and self.bench.holds_closed(number)):
            return False
        return not await self.machine.is_authorized(number)

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
