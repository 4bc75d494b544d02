"""What goes wrong with a meter: no energy flows that nobody counts, and what flowed is billed."""

from collections.abc import Awaitable, Callable

import pytest

from hil.cases import is_silent_about, logs, says
from hil.drivers import SlowWire
from hil.strategy import State, Strategy
from hil.world import BenchWorld
from tests.stories.words import TOKEN

LOST = "EVSE 1 has faults: meter_lost"
TOO_LATE_S = 0.5
"""Later than the profile of any meter of the benches waits."""

Change = Callable[[SlowWire], Awaitable[None]]


@pytest.mark.parametrize(
    ("breaks", "heals", "said"),
    [
        (
            lambda wire: wire.unplug(),
            lambda wire: wire.plug(),
            "see whether the adapter is still plugged in",
        ),
        (
            lambda wire: wire.mute(on=True),
            lambda wire: wire.mute(on=False),
            "no answer from address 1 on {port}; check that the meter is powered",
        ),
        (
            lambda wire: wire.babble(on=True),
            lambda wire: wire.babble(on=False),
            "what comes from address 1 on {port} is no frame",
        ),
        (
            lambda wire: wire.delay(TOO_LATE_S),
            lambda wire: wire.delay(0),
            "the meter at address 1 on {port} answers too late",
        ),
    ],
    ids=["unplugged", "silent", "garbage", "late"],
)
async def test_a_meter_that_fails_in_a_session_suspends_it_until_it_is_back(
    world: BenchWorld,
    strategy: Strategy,
    meter_wire: SlowWire,
    breaks: Change,
    heals: Change,
    said: str,
) -> None:
    await strategy.reach(State.CHARGING)
    await breaks(meter_wire)
    await world.energy_ceases()
    await says(world, LOST)
    await logs(world, said.format(port=meter_wire.port))
    await heals(meter_wire)
    await world.energy_flows()
    await is_silent_about(world, "has faults")
    await world.charge_s(3)
    await world.bench.swipe(TOKEN)
    await world.csms.sees_end("Local")
    assert len(world.csms.station.transactions) == 1


@pytest.mark.parametrize("late_s", [0.0, TOO_LATE_S], ids=["garbled", "late"])
async def test_an_answer_that_is_lost_now_and_then_costs_nothing(
    world: BenchWorld, strategy: Strategy, meter_wire: SlowWire, late_s: float
) -> None:
    await strategy.reach(State.CHARGING)
    for _ in range(3):
        await meter_wire.disturb(late_s)
        await world.watch_s(2)
    assert world.bench.is_delivering()
    assert world.bench.closings() == 1
    await world.bench.swipe(TOKEN)
    await world.csms.sees_end("Local")


async def test_a_meter_that_was_exchanged_in_a_session_counts_nothing_for_it(
    world: BenchWorld, strategy: Strategy, meter_wire: SlowWire
) -> None:
    await strategy.reach(State.CHARGING)
    await meter_wire.unplug()
    await world.energy_ceases()
    await meter_wire.impersonate(on=True)
    await meter_wire.plug()
    await world.watch_s(5)
    await says(world, LOST)
    assert not world.bench.plant().contactor_closed
    await meter_wire.impersonate(on=False)
    await world.energy_flows()
    await world.bench.swipe(TOKEN)
    await world.csms.sees_end("Local")


async def test_another_meter_than_the_configured_one_starts_no_session(
    world: BenchWorld, meter_wire: SlowWire
) -> None:
    await meter_wire.impersonate(on=True)
    await world.start()
    await logs(world, "has the serial number 87654321, configured is 12345678")
    await world.bench.plug_in()
    await world.bench.swipe(TOKEN)
    await world.watch_s(5)
    assert not world.bench.plant().contactor_closed
    assert world.bench.delivered_wh() == 0


async def test_a_port_that_another_program_holds_is_named_and_taken_once_it_is_free(
    world: BenchWorld, meter_wire: SlowWire
) -> None:
    with meter_wire.held():
        await world.start()
        await says(world, LOST)
        await logs(world, f"{meter_wire.port} is in use")
    await is_silent_about(world, "has faults")
    await world.charges()
    await world.bench.swipe(TOKEN)
    await world.csms.sees_end("Local")
