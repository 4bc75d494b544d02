"""The local socket put together: facts about the station, and its readers and enrolled cards."""

from collections.abc import Mapping
from typing import Any

from agent.app import rfid
from agent.app.views import LocalViews

ORDERS = rfid.ORDERS


class LocalApi:
    """Hands each request to whom it concerns."""

    def __init__(self, views: LocalViews, desk: rfid.RfidDesk) -> None:
        self._views = views
        self._desk = desk

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one request by its `op`."""
        if request["op"] in rfid.OPERATIONS:
            return await self._desk.answer(request)
        return await self._views.answer(request)
