"""One charging session as a story: each step acts, then waits for what must be seen to follow.

Every step names what it waits for, on the wire and at the plug, so that a station that does not do
its part is told by name.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from agent.sim.csms_dialect import LimitPurpose
from agent.sim.csms_link import StationDidNotAnswer, StationNotConnected, StationRefusedCall
from agent.sim.csms_model import TransactionRecord
from agent.sim.csms_station import Station
from agent.sim.demo_bench import Bench, BoardFacts, StationSilent, board_facts
from agent.sim.demo_board_words import BoardWords
from agent.sim.demo_view import View

TOKEN = "DEADBEEF"  # noqa: S105 - what the demo's card says to the reader, no secret
CAR_A = 16
LIMIT_A = 10
PAUSES_S = 22.0
"""More than all pauses together; electricity and processes take the rest of the time."""
EVSE = 1
CONNECTOR = (EVSE, 1)

_DWELL_S = 8.0
_BREATH_S = 1.5
_TOLERANCE_A = Decimal("0.5")


class StepFailed(Exception):
    """Something that had to happen was not seen; the message says what."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`speed` divides the pauses; each effect must be seen within `patience_s`.

    The board is looked at every `look_s`.
    """

    speed: float = 1.0
    patience_s: float = 10.0
    look_s: float = 0.1


class Watch:
    """Looks at the board again and again, tells what changes, and keeps the latest facts."""

    def __init__(self, bench: Bench, view: View, look_s: float) -> None:
        self._bench = bench
        self._view = view
        self._look_s = look_s
        self._words = BoardWords()
        self.facts: BoardFacts | None = None
        self.trouble: str | None = None

    async def look(self) -> BoardFacts:
        """Look once. Raises StationSilent."""
        facts = board_facts(await self._bench.ask({"op": "state"}))
        for line in self._words.news(facts):
            self._view.board(line)
        self.facts = facts
        return facts

    async def run(self) -> None:
        """Look for ever; a bench that does not answer ends it and is told by `trouble`."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(self._look_s)
        except StationSilent as silence:
            self.trouble = str(silence)


@dataclass(frozen=True, slots=True)
class Told:
    """What the story leaves behind for the verdict."""

    begin: BoardFacts
    end: BoardFacts


class Story:
    """Plays the session. `trouble` says why the station cannot go on, None while it can."""

    def __init__(
        self,
        station: Station,
        bench: Bench,
        view: View,
        trouble: Callable[[], str | None],
        pace: Pace,
    ) -> None:
        self._station = station
        self._bench = bench
        self._view = view
        self._watch = Watch(bench, view, pace.look_s)
        self._trouble = trouble
        self._pace = pace
        self._step = ""

    async def play(self) -> Told:
        """Play all steps. Raises StepFailed."""
        watching = asyncio.create_task(self._watch.run())
        try:
            return await self._play()
        except (StationSilent, StationNotConnected, StationDidNotAnswer) as error:
            raise self._failed(str(error)) from error
        except StationRefusedCall as refusal:
            raise self._failed(f"the station refused: {refusal}") from refusal
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _play(self) -> Told:
        await self._register()
        begin = await self._watch.look()
        await self._plug_in()
        await self._tap_to_start()
        await self._charge()
        await self._limit()
        await self._tap_to_stop()
        end = await self._watch.look()
        await self._unplug()
        return Told(begin, end)

    async def _register(self) -> None:
        self._begin("The station starts and registers with the CSMS")
        await self._until(
            "the CSMS to accept the station's BootNotification",
            lambda: self._station.connected and self._station.registration == "Accepted",
        )
        await self._until("the station to report its connector Available", self._is_free)
        await self._until("the pilot to show no car", lambda: self._facts.pilot_state == "A")
        await self._pause(_BREATH_S)

    async def _plug_in(self) -> None:
        self._begin(f"A car is plugged in; it can take {CAR_A} A on three phases")
        await self._operate({"op": "vehicle", "evse": EVSE, "max_a": CAR_A, "phases": 3})
        await self._operate({"op": "plug_in", "evse": EVSE})
        await self._until("the pilot to show the car", lambda: self._facts.pilot_state == "B")
        await self._until("the CSMS to hear of the car", lambda: not self._is_free())
        await self._pause(_BREATH_S)

    async def _tap_to_start(self) -> None:
        self._begin("The driver holds a card before the reader")
        await self._swipe()
        await self._until("an Authorize", lambda: self._station.received("Authorize"))
        await self._until("the car to ask for energy", lambda: self._facts.pilot_state == "C")
        await self._until("the contactor to close", lambda: self._facts.contactor_closed)
        await self._until("the CSMS to hear of a transaction", lambda: self._transaction_or_none)
        await self._until(f"the car to take {CAR_A} A", lambda: self._takes(CAR_A))

    async def _charge(self) -> None:
        self._begin("The car charges, and the CSMS is told how much")
        await self._dwell()

    async def _limit(self) -> None:
        self._begin(f"The CSMS limits the transaction to {LIMIT_A} A")
        wider = self._facts.offered_a
        result = await self._station.set_charging_limit(
            EVSE, LIMIT_A, LimitPurpose.TRANSACTION, self._transaction
        )
        if not result.accepted:
            raise self._failed(f"SetChargingProfile was answered {result.status} {result.reason}")
        await self._until(
            f"the pilot's duty cycle to fall from {wider:.1f} A to {LIMIT_A} A",
            lambda: abs(self._facts.offered_a - LIMIT_A) < _TOLERANCE_A,
        )
        await self._until(f"the car to follow to {LIMIT_A} A", lambda: self._takes(LIMIT_A))
        await self._dwell()

    async def _tap_to_stop(self) -> None:
        self._begin("The driver holds the same card before the reader again")
        await self._swipe()
        await self._until("the contactor to open", lambda: not self._facts.contactor_closed)
        await self._until("the current to cease", lambda: self._facts.current_a == 0)
        await self._until("the CSMS to hear of the end", lambda: self._transaction.ended)
        await self._until(
            "signed meter values for begin and end",
            lambda: len(self._transaction.signed_values) >= 2,
        )
        await self._pause(_BREATH_S)

    async def _unplug(self) -> None:
        self._begin("The car is unplugged")
        await self._until("the plug to be unlocked", lambda: not self._facts.lock_engaged)
        await self._operate({"op": "plug_out", "evse": EVSE})
        await self._until("the pilot to show no car", lambda: self._facts.pilot_state == "A")
        await self._until("the CSMS to hear that the connector is free", self._is_free)

    # --- Acting.

    async def _operate(self, request: dict[str, object]) -> None:
        await self._bench.ask(request)
        await self._watch.look()

    async def _swipe(self) -> None:
        reply = await self._bench.ask({"op": "swipe", "token": TOKEN, "evses": [EVSE]})
        if not reply.get("heard_by", 1):
            raise self._failed("no reader heard the card: the station does not read tokens")

    async def _dwell(self) -> None:
        """Let the car charge until meter values have come that show its progress."""
        before = len(self._transaction.samples)
        register_wh = self._facts.energy_wh
        await self._pause(_DWELL_S)
        await self._until(
            "meter values of the running transaction",
            lambda: len(self._transaction.samples) > before,
        )
        await self._until("the meter to count", lambda: self._facts.energy_wh > register_wh)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._pace.speed)

    # --- Observing.

    def _begin(self, title: str) -> None:
        self._step = title
        self._view.heading(title)

    async def _until(self, what: str, condition: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        patience_s = self._pace.patience_s
        give_up_s = loop.time() + patience_s
        while not (self._watch.facts and condition()):
            trouble = self._trouble() or self._watch.trouble
            if trouble is not None:
                raise self._failed(f"while waiting for {what}: {trouble}")
            if loop.time() > give_up_s:
                raise self._failed(f"waited {patience_s:g} s in vain for {what}")
            await asyncio.sleep(self._pace.look_s / 5)

    def _failed(self, why: str) -> StepFailed:
        return StepFailed(f'in the step "{self._step}": {why}')

    @property
    def _facts(self) -> BoardFacts:
        if self._watch.facts is None:
            raise self._failed("the bench has not told the state of the board")
        return self._watch.facts

    @property
    def _transaction_or_none(self) -> TransactionRecord | None:
        return self._station.open_transaction(EVSE)

    @property
    def _transaction(self) -> TransactionRecord:
        transaction = self._station.last_transaction
        if transaction is None:
            raise self._failed("the CSMS has heard of no transaction")
        return transaction

    def _is_free(self) -> bool:
        return self._station.statuses.get(CONNECTOR) == "Available"

    def _takes(self, current_a: int) -> bool:
        return abs(self._facts.current_a - current_a) < _TOLERANCE_A
