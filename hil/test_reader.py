"""What goes wrong with a token reader: the car goes on charging, and a person is told."""

import os
import stat
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import serial

from hil.cases import logs, says
from hil.drivers import CardDriver, Wire
from hil.strategy import State, Strategy
from hil.target import NotOnBench
from hil.world import BenchWorld
from tests.stories.words import TOKEN

LOST = "EVSE 1 has faults: reader_lost"
Trouble = Callable[..., Coroutine[Any, Any, None]]
FREELY = {"AuthCtrlr.AuthorizeRemoteStart": "false"}


@pytest.fixture
def wire(world: BenchWorld) -> Wire:
    """The wire of the reader of EVSE 1."""
    for reader in world.target.drivers(CardDriver):
        if 1 in reader.evses and isinstance(reader, Wire):
            return reader
    raise NotOnBench(f"bench '{world.target.bench.name}' cannot disturb a reader's wire")


async def a_card_ends_the_session(world: BenchWorld) -> None:
    """Hold the card until it is heard: a reader that is back needs a moment to look for cards."""
    for _ in range(5):
        await world.bench.swipe(TOKEN)
        await world.watch_s(1)
        if not world.bench.is_delivering():
            break
    await world.csms.sees_end("Local")


async def test_a_reader_that_is_unplugged_in_a_session_works_again_when_it_is_back(
    world: BenchWorld, strategy: Strategy, wire: Wire
) -> None:
    await strategy.reach(State.CHARGING)
    await wire.unplug()
    await says(world, LOST)
    await logs(world, f"{wire.port} was unplugged or has lost its power")
    assert world.bench.is_delivering()
    await world.csms.sees_status("Charging")
    await wire.plug()
    await logs(world, f"the token reader on {wire.port} is there", count=2)
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
    world: BenchWorld, strategy: Strategy, wire: Wire, trouble: Trouble, said: str
) -> None:
    await strategy.reach(State.CHARGING)
    await getattr(wire, trouble.__name__)(on=True)
    await says(world, LOST)
    await logs(world, said.format(port=wire.port))
    assert world.bench.is_delivering()
    await getattr(wire, trouble.__name__)(on=False)
    await logs(world, f"the token reader on {wire.port} is there", count=2)
    await a_card_ends_the_session(world)


async def test_without_its_reader_a_station_is_started_by_the_csms(
    world: BenchWorld, wire: Wire
) -> None:
    await wire.unplug()
    await world.start(FREELY)
    await says(world, LOST)
    await logs(world, f"there is no {wire.port}: plug the reader in")
    await world.bench.plug_in()
    await world.pass_s(1)
    assert (await world.csms.remote_start()).accepted
    await world.energy_flows()
    assert (await world.csms.remote_stop()).accepted
    await world.csms.sees_end("Remote")


async def test_a_port_that_another_program_holds_is_taken_once_it_is_free(
    world: BenchWorld, wire: Wire
) -> None:
    with serial.Serial(str(wire.port), exclusive=True):
        await world.start()
        await logs(world, f"another program holds {wire.port}: stop it")
    await a_session_goes_well(world, wire)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every port")
async def test_a_port_that_the_station_may_not_open_is_named_with_the_remedy(
    world: BenchWorld, wire: Wire
) -> None:
    allowed = stat.S_IMODE(wire.port.stat().st_mode)
    wire.port.chmod(0)
    try:
        await world.start()
        await logs(world, f"may not open {wire.port}: add it to the group")
    finally:
        wire.port.chmod(allowed)
    await a_session_goes_well(world, wire)


async def a_session_goes_well(world: BenchWorld, wire: Wire) -> None:
    await logs(world, f"the token reader on {wire.port} is there")
    await world.charges()
    await world.bench.swipe(TOKEN)
    await world.csms.sees_end("Local")
