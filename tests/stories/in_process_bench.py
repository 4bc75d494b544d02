"""What people and accidents do to the simulated board, and what instruments show of it."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from agent.app.local_orders import LocalOrders
from hal.api import PilotState
from hal.mock.plant import Evse
from tests.stories.bench import Bench
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.words import TOKEN


class InProcessBench(Bench):
    """What people and accidents do to the board."""

    def __init__(self, machine: InProcessMachine) -> None:
        self._machine = machine

    async def plug_in(self, evse: int = 1, *, max_a: float | None = None) -> None:
        if max_a is not None:
            await self.car(evse, max_a=max_a)
        await self.operate("plug_in", evse=evse)

    async def unplug(self, evse: int = 1) -> None:
        await self.operate("plug_out", evse=evse)

    async def car(self, evse: int = 1, *, max_a: float = 32, phases: int = 3) -> None:
        await self.operate("vehicle", evse=evse, max_a=max_a, phases=phases)

    async def car_pauses(self, evse: int = 1) -> None:
        await self.operate("pause", evse=evse)

    async def car_resumes(self, evse: int = 1) -> None:
        await self.operate("resume", evse=evse)

    async def swipe(self, token: str = TOKEN, evse: int | None = None) -> None:
        place = {} if evse is None else {"evses": [evse]}
        await self.operate("swipe", token=token, **place)

    async def fault(self, code: str, evse: int = 1) -> None:
        await self.operate("error", evse=evse, code=code, on=True)

    async def repair(self, code: str, evse: int = 1) -> None:
        await self.operate("error", evse=evse, code=code, on=False)

    async def operate(self, op: str, **request: object) -> Mapping[str, object]:
        reply = await self._machine.board.operate({"op": op, **request})
        assert reply["ok"] is True, reply
        return reply

    async def orders(self, op: str, **request: object) -> Mapping[str, object]:
        """Order something on site, as `stationd limit` and `stationd priority` do."""
        orders = LocalOrders(self._machine.station.smart_charging)
        reply = orders.answer({"op": op, **request})
        assert reply is not None
        return reply

    async def limits_on_site(self, amps: float, **more: object) -> None:
        reply = await self.orders("limit", amps=amps, **more)
        assert reply == {"ok": True, "in_s": 0}, reply

    async def releases_on_site(self, **more: object) -> None:
        reply = await self.orders("limit", clear=True, **more)
        assert reply["ok"] is True, reply

    async def relay(self, name: str, *, on: bool | None) -> None:
        """Switch a relay of the grid, or break its wires."""
        await self.operate("relay", relay=name, on=on)

    # --- What instruments show.

    def plant(self, evse: int = 1) -> Evse:
        self._machine.board.plant.advance(round(_now_s() * 1e9))
        return self._machine.board.plant.evses[evse]

    def is_delivering(self, evse: int = 1) -> bool:
        plant = self.plant(evse)
        return plant.contactor_closed and plant.register.flow.target_ua > 0

    def holds_closed(self, evse: int = 1) -> bool:
        plant = self.plant(evse)
        return plant.contacts.commanded and plant.contactor_closed

    def closings(self, evse: int = 1) -> int:
        return self.plant(evse).closings

    def offered_a(self, evse: int = 1) -> float:
        duty = self.plant(evse).duty
        return 0.0 if duty is None or not 0.08 <= duty <= 0.97 else round(duty * 60.0, 1)

    def current_a(self, evse: int = 1) -> float:
        return round(self.plant(evse).register.flow.current_ua(round(_now_s() * 1e9)) / 1e6, 1)

    def pilot(self, evse: int = 1) -> PilotState:
        return self.plant(evse).pilot_state

    def delivered_wh(self, evse: int = 1) -> Decimal:
        return self._machine.board.delivered_wh(evse)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
