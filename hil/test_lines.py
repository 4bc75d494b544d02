"""What goes wrong at the safety lines: the energy ends at once, and a person is told why."""

from collections.abc import Callable

import pytest

from hil.bench import DriverBench
from hil.cases import REACTION, is_silent_about, says
from hil.drivers import Process
from hil.strategy import State, Strategy
from hil.target import NotOnBench
from hil.world import BenchWorld
from tests.stories.desk import Desk
from tests.stories.words import TOKEN

DROP_OUT_S = 0.3
"""From the coil's command to contacts that are seen open, with some room."""
SWITCHING_S = 1.5
"""How long a monitor is not believed after the contactor moved, with some room."""

Record = Callable[[str, object], None]


@pytest.mark.parametrize("fault", ["rcd", "estop"])
async def test_the_coil_falls_in_time_and_stays_off_until_the_car_is_unplugged(
    world: BenchWorld,
    strategy: Strategy,
    bench: DriverBench,
    csms: Desk,
    record_property: Record,
    fault: str,
) -> None:
    await strategy.reach(State.CHARGING)
    await world.pass_s(SWITCHING_S)
    await bench.fault(fault)
    await world.energy_ceases()
    reaction_ms = bench.plant().fault_to_open_ms
    if reaction_ms is not None:
        record_property(REACTION, (fault, reaction_ms))
        assert reaction_ms <= world.target.bench.reaction_ms
    await csms.sees_end()
    await says(world, f"EVSE 1 has faults: {fault}")
    await bench.repair(fault)
    await world.watch_s(3)
    assert not bench.plant().contactor_closed
    await bench.unplug()
    await is_silent_about(world, "has faults")
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end(count=2)


async def test_a_car_that_leaves_state_c_is_cut_off_in_time(
    world: BenchWorld, strategy: Strategy, bench: DriverBench, record_property: Record
) -> None:
    await strategy.reach(State.CHARGING)
    await bench.car_pauses()
    await world.energy_ceases()
    reaction_ms = bench.plant().leave_to_open_ms
    if reaction_ms is None:
        raise NotOnBench("this bench has no stopwatch at the pilot and the coil")
    record_property(REACTION, ("car leaves C", reaction_ms))
    assert reaction_ms <= world.target.bench.reaction_ms
    await bench.swipe(TOKEN)
    await world.csms.sees_end("Local")


@pytest.mark.parametrize("edge", ["car leaves C", "rcd"])
@pytest.mark.parametrize("daemon", ["stopped", "killed"])
async def test_the_coil_falls_in_time_whatever_became_of_the_daemon(
    world: BenchWorld,
    strategy: Strategy,
    record_property: Record,
    edge: str,
    daemon: str,
) -> None:
    bench, csms = world.bench, world.csms
    await strategy.reach(State.CHARGING)
    await world.pass_s(SWITCHING_S)
    station = world.machine.station
    await (station.freeze(Process.DAEMON) if daemon == "stopped" else world.machine.kill())
    try:
        await (bench.car_pauses() if edge == "car leaves C" else bench.fault(edge))
        await world.energy_ceases()
        facts = bench.plant()
    finally:
        if daemon == "stopped":
            await station.thaw(Process.DAEMON)
    reaction_ms = facts.leave_to_open_ms if edge == "car leaves C" else facts.fault_to_open_ms
    if reaction_ms is None:
        raise NotOnBench("this bench has no stopwatch at the pilot and the coil")
    record_property(REACTION, (f"{edge}, daemon {daemon}", reaction_ms))
    assert reaction_ms <= world.target.bench.reaction_ms
    if daemon == "killed":
        csms.station.expect_boot()
        await world.machine.start()
        await csms.is_ready()
    if edge == "car leaves C":
        await bench.swipe(TOKEN)
    await csms.sees_end("Local" if edge == "car leaves C" else None)


async def test_a_welded_contactor_is_named_and_nothing_is_offered_any_more(
    world: BenchWorld, strategy: Strategy, bench: DriverBench, csms: Desk
) -> None:
    world.bills_exactly = False  # what flows through a weld is nobody's transaction
    await strategy.reach(State.CHARGING)
    await bench.fault("contactor_welded")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await says(world, "EVSE 1 has faults: contactor_welded")
    await bench.unplug()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.watch_s(5)
    assert bench.offered_a() == 0
    assert bench.closings() == 1


async def test_a_contactor_that_stays_open_is_named_and_not_tried_again_and_again(
    world: BenchWorld, strategy: Strategy, bench: DriverBench
) -> None:
    await strategy.reach(State.ACCEPTED)
    await bench.fault("contactor_stuck_open")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await says(world, "EVSE 1 has faults: contactor_stuck_open")
    closings = bench.closings()
    await world.watch_s(10)
    assert bench.closings() == closings
    assert bench.delivered_wh() == 0
    await bench.repair("contactor_stuck_open")
    await bench.unplug()
    await is_silent_about(world, "has faults")
    await world.charges()
    await bench.swipe(TOKEN)


async def test_a_killed_guard_drops_the_coil_and_the_daemon_says_who_is_missing(
    world: BenchWorld, strategy: Strategy, bench: DriverBench, csms: Desk
) -> None:
    await strategy.reach(State.CHARGING)
    await world.machine.lose_guard()
    await world.pass_s(DROP_OUT_S * world.patience)
    assert not bench.plant().contactor_closed
    if world.target.bench.restarts_guard:
        await csms.sees_status("Faulted")
    else:
        await says(world, "NOT CONNECTED: nothing charges; start stationd-guard")
        await world.machine.restart_guard()
    await is_silent_about(world, "NOT CONNECTED")
    await bench.unplug()
    await csms.sees_end()


async def test_a_daemon_that_hangs_leaves_the_car_six_amperes_and_bills_them_afterwards(
    world: BenchWorld, strategy: Strategy, bench: DriverBench, csms: Desk
) -> None:
    await strategy.reach(State.CHARGING)
    await world.until(lambda: bench.offered_a() > 6, "a full offer")
    await world.machine.station.freeze(Process.DAEMON)
    try:
        await world.until(lambda: bench.offered_a() == 6, "the fallback offer")
        assert bench.is_delivering()
    finally:
        await world.machine.station.thaw(Process.DAEMON)
    await world.until(lambda: bench.offered_a() > 6, "a full offer again")
    assert bench.closings() == 1
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_killed_daemon_finds_its_transaction_and_the_closed_contactor_again(
    world: BenchWorld, strategy: Strategy, bench: DriverBench, csms: Desk
) -> None:
    await strategy.reach(State.CHARGING)
    csms.station.expect_boot()
    await world.machine.kill()
    await world.watch_s(1)
    assert bench.is_delivering()
    await world.machine.start()
    await csms.is_ready()
    await world.until(lambda: bench.offered_a() > 6, "a full offer again")
    assert bench.closings() == 1
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert len(csms.station.transactions) == 1
