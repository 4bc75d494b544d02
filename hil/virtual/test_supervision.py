"""What systemd, the kernel and the watchdog do for a station whose processes end or hang."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hil.bench import DriverBench
from hil.cases import REACTION, is_silent_about, logs
from hil.drivers import Process
from hil.strategy import State, Strategy
from hil.systemd_station import UNITS
from hil.virtual.machine_driver import MachineDriver
from hil.virtual.world import WiredBoardDriver
from hil.world import BenchWorld
from tests.stories.desk import Desk
from tests.stories.words import TOKEN

KEEPS_OUTPUTS = "/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs"
AT_ONCE_MS = 50.0
"""The kernel lets the lines of a process go while it ends."""
BY_SCRIPT_MS = 500.0
"""Systemd hears of the end, and a shell starts `gpioset`."""
BY_WATCHDOG_MS = 3000.0
"""The unit's two seconds, systemd's own pace, and the end of the process."""
HUNG_S = 60.0
"""The machine's watchdog waits 15 s; more than that never helps."""

Record = Callable[[str, object], None]


async def _ends(world: BenchWorld, guest: MachineDriver, process: Process, number: int) -> float:
    """Send a signal to a process; return the milliseconds until the coil's line fell."""
    shown = await guest.run("systemctl", "show", "-P", "MainPID", UNITS[process])
    sent_ns = await guest.signal(int(shown.checked()), number)
    await world.energy_ceases()
    dropped_ns = world.target.driver(WiredBoardDriver).stopwatch.dropped_ns
    assert dropped_ns is not None
    return (dropped_ns - sent_ns) / 1e6


@asynccontextmanager
async def _kernel_keeps_outputs(guest: MachineDriver) -> AsyncIterator[None]:
    """Let the kernel keep the level of outputs whose owner is gone, as it does by default."""
    await guest.write(KEEPS_OUTPUTS, "Y")
    try:
        yield
    finally:
        await guest.write(KEEPS_OUTPUTS, "N")


async def _goes_on(world: BenchWorld, csms: Desk) -> None:
    """See the guard back, and the transaction ended once the car has left."""
    await is_silent_about(world, "NOT CONNECTED")
    await world.bench.unplug()
    await csms.sees_end()


async def test_the_kernel_drops_the_coil_of_a_guard_that_is_killed(
    guest: MachineDriver,
    world: BenchWorld,
    strategy: Strategy,
    csms: Desk,
    record_property: Record,
) -> None:
    await strategy.reach(State.CHARGING)
    took_ms = await _ends(world, guest, Process.GUARD, signal.SIGKILL)
    record_property(REACTION, ("guard killed, kernel lets go", took_ms))
    assert took_ms <= AT_ONCE_MS
    await _goes_on(world, csms)


async def test_where_the_kernel_keeps_outputs_systemd_drops_the_coil_of_a_killed_guard(
    guest: MachineDriver,
    world: BenchWorld,
    strategy: Strategy,
    csms: Desk,
    record_property: Record,
) -> None:
    await strategy.reach(State.CHARGING)
    async with _kernel_keeps_outputs(guest):
        took_ms = await _ends(world, guest, Process.GUARD, signal.SIGKILL)
    record_property(REACTION, ("guard killed, kernel keeps outputs", took_ms))
    assert took_ms <= BY_SCRIPT_MS
    await _goes_on(world, csms)


async def test_a_guard_that_hangs_is_killed_by_its_watchdog_and_the_coil_falls(
    guest: MachineDriver,
    world: BenchWorld,
    strategy: Strategy,
    csms: Desk,
    record_property: Record,
) -> None:
    await strategy.reach(State.CHARGING)
    took_ms = await _ends(world, guest, Process.GUARD, signal.SIGSTOP)
    record_property(REACTION, ("guard stopped, watchdog kills it", took_ms))
    assert took_ms <= BY_WATCHDOG_MS
    await logs(world, "Watchdog timeout")
    await _goes_on(world, csms)


async def test_an_agent_that_hangs_charges_at_six_amperes_until_its_grace_is_over(
    guest: MachineDriver,
    world: BenchWorld,
    strategy: Strategy,
    bench: DriverBench,
    csms: Desk,
) -> None:
    world.machine.grace_s = 8.0
    await strategy.reach(State.CHARGING)
    await world.until(lambda: bench.offered_a() > 6, "a full offer")
    await world.machine.station.freeze(Process.DAEMON)
    csms.station.expect_boot()
    await world.until(lambda: bench.offered_a() == 6, "the fallback offer")
    assert bench.is_delivering()
    await world.energy_ceases()
    await logs(world, "Watchdog timeout")
    await csms.is_ready()
    await bench.unplug()
    await csms.sees_end()
    assert len(csms.station.transactions) == 1
    assert (await guest.run("systemctl", "is-active", *UNITS.values())).code == 0


async def test_a_machine_that_hangs_is_reset_by_its_watchdog_and_tells_of_the_session(
    guest: MachineDriver, world: BenchWorld, strategy: Strategy, bench: DriverBench, csms: Desk
) -> None:
    await strategy.reach(State.CHARGING)
    async with guest.comes_back("WATCHDOG", HUNG_S):
        await guest.signal(1, signal.SIGSEGV)  # which systemd survives, doing nothing any more
    csms.station.expect_boot()
    assert not bench.plant().contactor_closed
    await world.machine.start()
    await csms.is_ready()
    await csms.sees_end()
    await bench.unplug()
    await csms.sees_status("Available")
    assert len(csms.station.transactions) == 1


async def test_a_reboot_in_a_session_loses_nothing_of_it(
    guest: MachineDriver, world: BenchWorld, strategy: Strategy, bench: DriverBench, csms: Desk
) -> None:
    await strategy.reach(State.CHARGING)
    async with guest.comes_back("RESET", HUNG_S):
        await guest.run("systemctl", "--no-block", "reboot")
    csms.station.expect_boot()
    assert not bench.plant().contactor_closed
    await world.machine.start()
    await csms.is_ready()
    await bench.unplug()
    await csms.sees_end()
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", count=2)


async def test_the_check_of_the_board_is_content_but_not_with_a_kernel_that_keeps_outputs(
    guest: MachineDriver, world: BenchWorld, strategy: Strategy
) -> None:
    await strategy.reach(State.ACCEPTED)
    await world.machine.stop()
    (await guest.run("systemctl", "stop", UNITS[Process.GUARD])).checked()
    code, said = await world.machine.station.command("hal-check")
    assert code == 0, said
    async with _kernel_keeps_outputs(guest):
        code, said = await world.machine.station.command("hal-check")
    assert code != 0
    assert "strict_gpiod" in said
