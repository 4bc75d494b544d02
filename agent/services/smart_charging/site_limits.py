"""Follows the devices on site that limit the station: each is looked at several times a second.

What a device says now is the truth, also after a restart: a limit that was kept is released if the
device asks for none.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from agent.core.smart_charging.outside import LimitOrigin
from agent.core.smart_charging.receiver import Demand
from agent.ports import Clock
from agent.ports.site_limiter import SiteLimiter
from agent.services.smart_charging.outside import OutsideLimitService

LOOK_S = 0.1

log = logging.getLogger(__name__)


class SiteLimits:
    """Has the limits of devices on site obeyed."""

    def __init__(
        self, limiters: Iterable[SiteLimiter], outside: OutsideLimitService, clock: Clock
    ) -> None:
        self._limiters = tuple(limiters)
        self._outside = outside
        self._clock = clock
        self._demands: dict[LimitOrigin, tuple[str, Demand]] = {}
        for limiter in self._limiters:
            outside.reserve(limiter.origin, limiter.name)

    @property
    def demands(self) -> Mapping[LimitOrigin, tuple[str, Demand]]:
        """The name of each device that was looked at and what it asks for, by its origin."""
        return self._demands

    async def run(self) -> None:
        """Look at the devices for ever."""
        while True:
            for limiter in self._limiters:
                await self.look(limiter)
            await asyncio.sleep(LOOK_S)

    async def look(self, limiter: SiteLimiter) -> None:
        """Look at one device and obey it."""
        demand = await limiter.look(self._clock.monotonic_s())
        _, before = self._demands.get(limiter.origin, ("", None))
        self._demands[limiter.origin] = limiter.name, demand
        if before is None or before.failed != demand.failed:
            level = logging.WARNING if demand.failed else logging.INFO
            log.log(level, "receiver %s: %s", limiter.name, demand.sentence)
        if before is None or before.limit != demand.limit:
            self._outside.follow(limiter.origin, demand.limit)
