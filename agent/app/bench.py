"""The bench socket: drives the simulated board and shows it together with the station's view."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from agent.app.hardware import BoardBench
from agent.app.local_orders import LocalOrders
from agent.app.views import LocalViews
from agent.ocpp.link import Link
from agent.services.json_lines import failure

REPLY_S = 0.02
"""The reply to `power_fail` leaves before everything ends."""


class Bench:
    """Answers bench requests; what concerns electricity is the board's to answer."""

    def __init__(
        self,
        board: BoardBench,
        link: Link,
        views: Callable[[], LocalViews],
        orders: LocalOrders,
        power_failed: Callable[[], None],
    ) -> None:
        self._board = board
        self._link = link
        self._views = views
        self._orders = orders
        self._power_failed = power_failed

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry one request out."""
        match request["op"]:
            case "net":
                return self._net(request)
            case "limit" | "limits" | "priority":
                return self._orders.answer(request) or {}
            case "state":
                return await self._state()
            case "power_fail":
                answer = await self._board.operate(dict(request))
                asyncio.get_running_loop().call_later(REPLY_S, self._power_failed)
                return answer
            case _:
                return await self._board.operate(dict(request))

    def _net(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        up = request.get("up")
        if not isinstance(up, bool):
            return failure('net: "up" is true or false')
        if up:
            self._link.release()
        else:
            self._link.hold()
        return {"ok": True}

    async def _state(self) -> Mapping[str, Any]:
        """Merge what an observer could measure with what the station thinks, per EVSE."""
        answer = await self._board.operate({"op": "state"})
        if not answer.get("ok"):
            return answer
        views = self._views()
        measured = answer.get("evses")
        merged = []
        for found in measured if isinstance(measured, list) else []:
            station = views.evse(found["evse"])
            merged.append({**found, **{k: v for k, v in station.items() if k not in found}})
        return {**answer, "evses": merged, "csms": views.status()["csms"]}
