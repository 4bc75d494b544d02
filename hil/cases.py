"""What the hardware cases share: what the station tells a person, and what was measured."""

import asyncio

from hil.world import BenchWorld

REACTION = "reaction_ms"
"""The property of a test's report that holds what it measured, as (what, milliseconds)."""


async def says(world: BenchWorld, words: str, command: str = "status") -> str:
    """Wait until `stationd COMMAND` prints something; return all that it printed."""
    give_up_s = world.now_s() + 15 * world.patience
    while True:
        _, printed = await world.machine.station.command(command)
        if words in printed:
            return printed
        assert world.now_s() < give_up_s, f"`stationd {command}` never said {words!r}:\n{printed}"
        await asyncio.sleep(0.2)


async def is_silent_about(world: BenchWorld, words: str, command: str = "status") -> None:
    """Wait until `stationd COMMAND` does not print something any more."""
    give_up_s = world.now_s() + 30 * world.patience
    while True:
        code, printed = await world.machine.station.command(command)
        if code == 0 and words not in printed:
            return
        assert world.now_s() < give_up_s, f"`stationd {command}` still says {words!r}:\n{printed}"
        await asyncio.sleep(0.2)


async def logs(world: BenchWorld, words: str, count: int = 1) -> None:
    """Wait until daemon and guard have logged something so often."""
    give_up_s = world.now_s() + 20 * world.patience
    while (log := await world.machine.station.log()).count(words) < count:
        assert world.now_s() < give_up_s, f"the log never said {words!r}:\n{log[-3000:]}"
        await asyncio.sleep(0.1)
