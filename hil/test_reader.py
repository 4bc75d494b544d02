"""What goes wrong with a token reader: the car goes on charging, and a person is told."""

import os
import stat
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hil.cases import logs, says
from hil.drivers import Wire
from hil.strategy import State, Strategy
from hil.world import BenchWorld
from tests.stories.words import TOKEN

LOST = "EVSE 1 has faults: reader_lost"
Trouble = Callable[..., Coroutine[Any, Any, None]]
FREELY = {"AuthCtrlr.AuthorizeRemoteStart": "false"}


async def a_card_ends_the_session(world: BenchWorld) -> None:
    """Hold the card until it is heard: a reader that is back needs a moment to look for cards."""
    for _ in range(5):
        await world.bench.swipe(TOKEN)
        await world.watch_s(1)
        if not world.bench.is_delivering():
            break
    await world.csms.sees_end("Local")


async def test_a_reader_that_is_unplugged_in_a_session_works_again_when_it_is_back(
    world: BenchWorld, strategy: Strategy, reader_wire: Wire
) -> None:
    await strategy.reach(State.CHARGING)
    await reader_wire.unplug()
    await says(world, LOST)
    await logs(world, f"{reader_wire.port} was unplugged or has lost its power")
    assert world.bench.is_delivering()
    await world.csms.sees_status("Charging")
    await reader_wire.plug()
    await logs(world, f"the token reader on {reader_wire.port} is there", count=2)
    await a_card_ends_the_session(world)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Wire.mute, "nothing answers on {port}: check the reader's power"),
        (Wire.babble, "only garbage arrives on {port}"),
        (Wire.impersonate, "another device is on {port}"),
    ],
    ids=["silence", "garbage", "another device"],
)
async def test_a_reader_that_says_nothing_sensible_is_named_and_trusted_again_later(
    world: BenchWorld, strategy: Strategy, reader_wire: Wire, trouble: Trouble, said: str
) -> None:
    await strategy.reach(State.CHARGING)
    await getattr(reader_wire, trouble.__name__)(on=True)
    await says(world, LOST)
    await logs(world, said.format(port=reader_wire.port))
    assert world.bench.is_delivering()
    await getattr(reader_wire, trouble.__name__)(on=False)
    await logs(world, f"the token reader on {reader_wire.port} is there", count=2)
    await a_card_ends_the_session(world)


async def test_without_its_reader_a_station_is_started_by_the_csms(
    world: BenchWorld, reader_wire: Wire
) -> None:
    await reader_wire.unplug()
    await world.start(FREELY)
    await says(world, LOST)
    await logs(world, f"there is no {reader_wire.port}: plug the reader in")
    await world.bench.plug_in()
    await world.pass_s(1)
    assert (await world.csms.remote_start()).accepted
    await world.energy_flows()
    assert (await world.csms.remote_stop()).accepted
    await world.csms.sees_end("Remote")


async def test_a_port_that_another_program_holds_is_taken_once_it_is_free(
    world: BenchWorld, reader_wire: Wire
) -> None:
    with reader_wire.held():
        await world.start()
        await logs(world, f"another program holds {reader_wire.port}: stop it")
    await a_session_goes_well(world, reader_wire)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every port")
async def test_a_port_that_the_station_may_not_open_is_named_with_the_remedy(
    world: BenchWorld, reader_wire: Wire
) -> None:
    allowed = stat.S_IMODE(reader_wire.port.stat().st_mode)
    reader_wire.port.chmod(0)
    try:
        await world.start()
        await logs(world, f"may not open {reader_wire.port}: add it to the group")
    finally:
        reader_wire.port.chmod(allowed)
    await a_session_goes_well(world, reader_wire)


async def a_session_goes_well(world: BenchWorld, reader_wire: Wire) -> None:
    await logs(world, f"the token reader on {reader_wire.port} is there")
    await world.charges()
    await world.bench.swipe(TOKEN)
    await world.csms.sees_end("Local")
