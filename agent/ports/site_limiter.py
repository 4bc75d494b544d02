"""Devices on site that limit the station by themselves: what the services need of each."""

from typing import Protocol

from agent.core.smart_charging.outside import LimitOrigin
from agent.core.smart_charging.receiver import Demand


class SiteLimiter(Protocol):
    """A device on site that limits an EVSE or the station: a relay of the grid, a manager's bus.

    `name` is what people know it by; `origin` is where its limit holds and who is told as its
    source. No two devices have the same origin.
    """

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> LimitOrigin: ...

    async def look(self, now_s: float) -> Demand:
        """Return what it asks for now, within a second; `now_s` is the monotonic clock.

        It does not fail: a device that cannot be reached asks for its fail-safe limit.
        """

    async def close(self) -> None: ...
