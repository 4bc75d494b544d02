"""The local socket put together: facts about the station, and its readers and cards, orders."""

from collections.abc import Mapping
from typing import Any

from agent.app import local_orders, rfid
from agent.app.views import LocalViews

ORDERS = rfid.ORDERS | local_orders.ORDERS


class LocalApi:
    """Hands each request to whom it concerns."""

    def __init__(
        self, views: LocalViews, desk: rfid.RfidDesk, orders: local_orders.LocalOrders
    ) -> None:
        self._views = views
        self._desk = desk
        self._orders = orders

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one request by its `op`."""
        if request["op"] in rfid.OPERATIONS:
            return await self._desk.answer(request)
        ordered = self._orders.answer(request)
        return await self._views.answer(request) if ordered is None else ordered
