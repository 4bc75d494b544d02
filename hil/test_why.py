"""What `stationd why` tells a person who stands before a station that does not charge.

Asked for is the sentence that lasts: a port that was pulled out has broken off for a moment only.
"""

from importlib.util import find_spec

import pytest

from hil.cases import is_silent_about, says
from hil.drivers import SlowWire, Wire
from hil.strategy import State, Strategy
from hil.world import BenchWorld

pytestmark = pytest.mark.skipif(
    find_spec("agent.cli.why") is None, reason="this station cannot explain itself"
)


async def test_each_thing_that_is_wrong_is_named_as_long_as_it_is_wrong(
    world: BenchWorld, strategy: Strategy, meter_wire: SlowWire
) -> None:
    await strategy.reach(State.ACCEPTED)
    await meter_wire.unplug()
    await says(world, f"{meter_wire.port} does not exist; plug the adapter in", "why")
    await meter_wire.impersonate(on=True)
    await meter_wire.plug()
    await says(world, "has the serial number 87654321, configured is 12345678", "why")
    await meter_wire.impersonate(on=False)
    await meter_wire.mute(on=True)
    await says(world, f"no answer from address 1 on {meter_wire.port}", "why")
    await meter_wire.mute(on=False)
    await world.bench.fault("estop")
    await says(world, "emergency stop", "why")
    await world.bench.repair("estop")
    await is_silent_about(world, "emergency stop", "why")
    await strategy.reach(State.CHARGING)
    await says(world, "EVSE 1 charges", "why")


async def test_a_lost_reader_is_explained_though_the_car_charges(
    world: BenchWorld, strategy: Strategy, reader_wire: Wire
) -> None:
    await strategy.reach(State.CHARGING)
    await reader_wire.unplug()
    await says(world, f"there is no {reader_wire.port}: plug the reader in", "why")
    assert world.bench.is_delivering()
