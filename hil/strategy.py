"""Bringing the bench into a state that tests start from, each by way of the one before it."""

from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum

from tests.stories.world import World


class State(IntEnum):
    """States of station and car, in the order in which they are reached."""

    OFF = 0
    BOOTED = 1
    ACCEPTED = 2
    PLUGGED = 3
    CHARGING = 4


class StrategyBroken(Exception):
    """An earlier step failed, so that nobody knows in which state the bench is."""


class Strategy:
    """Leads station and car at EVSE 1 upwards; `variables` are those of `World.power_up`."""

    def __init__(self, world: World, variables: Mapping[str, str] | None = None) -> None:
        self._world = world
        self._variables = variables
        self._broken = ""
        self.state = State.OFF
        self._steps: Mapping[State, Callable[[], Awaitable[object]]] = {
            State.BOOTED: self._boot,
            State.ACCEPTED: self._become_accepted,
            State.PLUGGED: self._plug_in,
            State.CHARGING: self._charge,
        }

    async def reach(self, wanted: State) -> None:
        """Go up to a state; raises `StrategyBroken` after a step that failed."""
        if self._broken:
            raise StrategyBroken(f"the bench cannot become {wanted.name}: {self._broken}")
        while self.state < wanted:
            step = State(self.state + 1)
            try:
                await self._steps[step]()
            except BaseException as error:
                self._broken = f"it did not become {step.name}: {error}"
                raise
            self.state = step

    async def _boot(self) -> None:
        await self._world.power_up(self._variables)

    async def _become_accepted(self) -> None:
        await self._world.csms.is_ready()

    async def _plug_in(self) -> None:
        await self._world.bench.plug_in()
        await self._world.csms.sees_status("Preparing")

    async def _charge(self) -> None:
        await self._world.bench.swipe()
        await self._world.energy_flows()
        await self._world.csms.sees_start()
        await self._world.csms.sees_status("Charging")
