"""What looks at the EVSEs beside their sessions: faults, temperature, housing, and their lights."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any

from agent.app.foundations import Foundations
from agent.services import policies
from agent.services.evse import EvseService
from agent.services.fault_watch import FaultWatch
from agent.services.indicator import StatusLight
from agent.services.security import SecurityService
from agent.services.tamper import TamperWatch
from agent.services.tasks import Spawn
from agent.services.temperature import TemperatureRules, Thermometer
from agent.store.errors import StoreUnavailable

EVENT_IDS = "event_id"


class Watches:
    """The watches of one station; each EVSE has those for which it has the hardware."""

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        security: SecurityService,
        online: Callable[[], bool],
        spawn: Spawn,
    ) -> None:
        self._faults = FaultWatch(evses, f.storage.journal, f.clock, event_ids(f), spawn)
        self.tamper = TamperWatch(f.storage.documents, security, spawn)
        self.thermometers = {
            number: Thermometer(evses[number], sensor, _rules_of(f, evses[number]))
            for number, sensor in f.hardware.temperatures.items()
        }
        self.lights = {
            number: StatusLight(evses[number], indicator, online)
            for number, indicator in f.hardware.indicators.items()
        }

    def parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what must run as long as the station runs."""
        yield self._faults.run()
        yield from (thermometer.run() for thermometer in self.thermometers.values())
        yield from (light.run() for light in self.lights.values())


def _rules_of(f: Foundations, evse: EvseService) -> Callable[[], TemperatureRules]:
    description = evse.description
    return lambda: policies.temperature_rules(f.model, description.evse, description.max_current_a)


def event_ids(f: Foundations) -> Callable[[], Awaitable[int]]:
    """Return the source of event ids; while the storage refuses they follow the clock."""

    async def take() -> int:
        try:
            return await f.storage.counters.next(EVENT_IDS)
        except StoreUnavailable:
            return int(f.clock.now().timestamp())

    return take
