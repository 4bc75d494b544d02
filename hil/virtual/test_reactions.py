"""From an edge outside to the contactor's line, whatever the agent does meanwhile.

The stopwatch is the machine's: from the interrupt that tells its kernel of the edge to the kernel's
write to the line, by a clock on which an instruction takes a nanosecond.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from hil.cases import REACTION
from hil.drivers import Process
from hil.strategy import State, Strategy
from hil.systemd_station import UNITS
from hil.virtual.machine_driver import MachineDriver
from hil.world import BenchWorld

SWITCHING_S = 1.5
"""How long a monitor is not believed after the contactor moved, with some room."""
# A hog for the processor, and questions for the agent as fast as it answers.
_LOAD = """
import os, socket
if os.fork() == 0:
    while True: pass
while True:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect("/run/stationd/api.sock")
        peer.sendall(b'{"op": "status"}\\n')
        peer.makefile("rb").readline()
"""
_NO_RESTART = "/run/systemd/system/stationd.service.d/gone.conf"

Record = Callable[[str, object], None]
Condition = Callable[[MachineDriver, BenchWorld], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def idle(guest: MachineDriver, world: BenchWorld) -> AsyncIterator[None]:
    """Leave the agent alone."""
    del guest, world
    yield


@asynccontextmanager
async def busy(guest: MachineDriver, world: BenchWorld) -> AsyncIterator[None]:
    """Give agent and processor more to do than they can."""
    del world
    unit = "bench-load"
    (await guest.run("systemd-run", "--unit", unit, "/usr/bin/python3", "-c", _LOAD)).checked()
    try:
        yield
    finally:
        (await guest.run("systemctl", "stop", unit)).checked()


@asynccontextmanager
async def stopped(guest: MachineDriver, world: BenchWorld) -> AsyncIterator[None]:
    """Let the agent hang."""
    del guest
    await world.machine.station.freeze(Process.DAEMON)
    try:
        yield
    finally:
        await world.machine.station.thaw(Process.DAEMON)


@asynccontextmanager
async def killed(guest: MachineDriver, world: BenchWorld) -> AsyncIterator[None]:
    """Kill the agent, and let nobody start it again."""
    await guest.write(_NO_RESTART, "[Service]\nRestart=no\n")
    (await guest.run("systemctl", "daemon-reload")).checked()
    await world.machine.station.kill(Process.DAEMON)
    world.csms.station.expect_boot()
    try:
        yield
    finally:
        (await guest.run("rm", _NO_RESTART)).checked()
        (await guest.run("systemctl", "daemon-reload")).checked()
        (await guest.run("systemctl", "start", UNITS[Process.DAEMON])).checked()


@pytest.mark.parametrize("condition", [idle, busy, stopped, killed])
async def test_the_coil_falls_in_time_after_an_edge_whatever_the_agent_does(
    guest: MachineDriver,
    world: BenchWorld,
    strategy: Strategy,
    record_property: Record,
    condition: Condition,
) -> None:
    await strategy.reach(State.CHARGING)
    async with condition(guest, world):
        pilot_ms = await _leaves_state_c(world)
    await world.csms.is_ready()
    await world.bench.car_resumes()  # without an agent its contactor would stay open
    await world.energy_flows()
    async with condition(guest, world):
        monitor_ms = await _trips(world)
    record_property(REACTION, (f"car leaves C, agent {condition.__name__}", pilot_ms))
    record_property(REACTION, (f"residual current, agent {condition.__name__}", monitor_ms))
    assert max(pilot_ms, monitor_ms) <= world.target.bench.reaction_ms
    await world.csms.is_ready()
    await world.bench.repair("rcd")
    await world.bench.unplug()
    await world.csms.sees_end()


async def _leaves_state_c(world: BenchWorld) -> float:
    """Let the car pause; return the milliseconds until the coil's line fell."""
    await world.bench.car_pauses()
    await world.energy_ceases()
    took_ms = world.bench.plant().leave_to_open_ms
    assert took_ms is not None
    return took_ms


async def _trips(world: BenchWorld) -> float:
    """Let a residual current flow; return the milliseconds until the coil's line fell."""
    await world.pass_s(SWITCHING_S)
    await world.bench.fault("rcd")
    await world.energy_ceases()
    took_ms = world.bench.plant().fault_to_open_ms
    assert took_ms is not None
    return took_ms
