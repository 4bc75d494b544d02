"""The station's computer of the stories (tests.stories.machine), by the bench's drivers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from hil.csms import CsmsDriver
from hil.drivers import PowerDriver, Process, StationDriver, StationPlan
from hil.target import NotOnBench, Target
from tests.stories.machine import Machine

GRACE_S = 60.0
"""How long a guard goes on without its agent, unless a case sets `BenchMachine.grace_s`."""
POWERLESS_S = 1.0
"""Mains that were away for a second were away: nothing on a station keeps a clock by them."""


class BenchMachine(Machine):
    """Starts, stops and asks the station under test."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.station = target.driver(StationDriver)
        self._plan: StationPlan | None = None
        self.grace_s = GRACE_S
        self.forgetful_cuts = 0

    @property
    def is_running(self) -> bool:
        return self.station.is_running

    @property
    def evses(self) -> set[int]:
        """The EVSEs that the station was configured with."""
        return set(range(1, 1 + (1 if self._plan is None else self._plan.evses)))

    def configure(
        self,
        url: str,
        versions: tuple[str, ...],
        *,
        variables: Mapping[str, str] | None = None,
        evses: int = 1,
        cable: str = "socket",
        connector_types: Sequence[str] = (),
    ) -> None:
        bench = self._target.bench
        if evses > bench.evses:
            raise NotOnBench(f"bench '{bench.name}' has {bench.evses} EVSE, {evses} are needed")
        if cable not in bench.cables:
            raise NotOnBench(f"bench '{bench.name}' has no EVSE with a cable like '{cable}'")
        self._plan = StationPlan(
            csms_url=self._target.driver(CsmsDriver).url_for_station(url),
            versions=versions,
            variables=variables or {},
            evses=evses,
            cable=cable,
            connector_types=connector_types,
            grace_s=self.grace_s,
        )

    async def start(self) -> None:
        assert self._plan is not None, "the station was never configured"
        await self.station.configure(self._plan)
        await self.station.start()
        self.starts += 1

    async def stop(self) -> None:
        await self.station.stop()

    async def kill(self, service_result: str | None = None) -> None:
        if service_result is not None:
            raise NotOnBench("only a service manager can say how a daemon ended")
        await self.station.kill(Process.DAEMON)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def lose_power(self, for_s: float = 30.0) -> None:
        del for_s
        power = self._target.driver(PowerDriver)
        self.forgetful_cuts += power.forgets_unwritten
        await power.off()
        await asyncio.sleep(POWERLESS_S)
        await power.on()
        await self.start()

    async def lose_guard(self) -> None:
        await self.station.kill(Process.GUARD)

    async def restart_guard(self) -> None:
        await self.station.start()

    async def close(self) -> None:
        """Leave the processes to their driver, which finishes after the test."""

    async def queued_events(self) -> int:
        return int((await self.station.ask("status"))["csms"]["queued_events"])

    async def is_authorized(self, evse: int) -> bool:
        return bool((await self.evse(evse))["authorized"])

    async def evse(self, evse: int = 1) -> Mapping[str, Any]:
        """Return what the station thinks of an EVSE; raises `ConnectionError`."""
        found: Mapping[str, Any] = (await self.station.ask("status"))["evses"][evse - 1]
        return found
