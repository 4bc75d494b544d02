"""What looks at the EVSEs beside their sessions: faults, temperature, housing, and their lights.

What needs hardware is loaded where there is some.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.services.fault_watch import FaultWatch
from agent.services.tamper import TamperWatch
from agent.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping

    from agent.app.foundations import Foundations
    from agent.services.evse import EvseService
    from agent.services.indicator import StatusLight
    from agent.services.security import SecurityService
    from agent.services.tasks import Spawn
    from agent.services.temperature import Thermometer

EVENT_IDS = "event_id"


class Watches:
    """The watches of one station; each EVSE has those for which it has the hardware."""

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        security: SecurityService,
        online: Callable[[], bool],
        updating: Callable[[], bool],
        spawn: Spawn,
    ) -> None:
        self._faults = FaultWatch(evses, f.storage.journal, f.clock, event_ids(f), spawn)
        self.tamper = TamperWatch(f.storage.documents, security, spawn)
        self.thermometers = _thermometers(f, evses)
        self.lights = _lights(f, evses, online, updating)

    def parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what must run as long as the station runs."""
        yield self._faults.run()
        yield from (thermometer.run() for thermometer in self.thermometers.values())
        yield from (light.run() for light in self.lights.values())

    def refused(self, served: Iterable[int]) -> None:
        """Signal at EVSEs that a token was refused before it was known for which it was meant."""
        for number in served:
            if number in self.lights:
                self.lights[number].refused()


def _thermometers(f: Foundations, evses: Mapping[int, EvseService]) -> Mapping[int, Thermometer]:
    if not f.hardware.temperatures:
        return {}
    from agent.app.climate import thermometers  # noqa: PLC0415 - where there are some

    return thermometers(f, evses)


def _lights(
    f: Foundations,
    evses: Mapping[int, EvseService],
    online: Callable[[], bool],
    updating: Callable[[], bool],
) -> Mapping[int, StatusLight]:
    if not f.hardware.indicators:
        return {}
    from agent.app.lights import status_lights  # noqa: PLC0415 - where there are some

    return status_lights(f, evses, online, updating)


def event_ids(f: Foundations) -> Callable[[], Awaitable[int]]:
    """Return the source of event ids; while the storage refuses they follow the clock."""

    async def take() -> int:
        try:
            return await f.storage.counters.next(EVENT_IDS)
        except StoreUnavailable:
            return int(f.clock.now().timestamp())

    return take
