"""The composition root: the only package that knows all parts of the agent.

`run_station` reads the configuration, opens storage and hardware, and runs the station until it is
told to stop; a reset ends this process and starts the same program afresh.
"""

import asyncio
import gc
import logging
import os
import signal
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from agent import __version__
from agent.app import machine
from agent.app.boot_reason import leave_reason, take_last_run
from agent.app.foundations import Foundations
from agent.app.hardware import Hardware, open_hardware
from agent.app.initial import device_model
from agent.app.log_output import log_to_standard_error
from agent.app.station import Station
from agent.app.storage import Storage, open_storage
from agent.config.load import load
from agent.config.model import StationConfig
from agent.config.problems import ConfigError
from agent.config.secret_files import SecretFileError
from agent.core.boot_reason import boot_reason
from agent.core.vocabulary import BootReason
from agent.ports import InstallationFailed
from agent.services.system_clock import SystemClock
from agent.store.errors import StoreError
from hal.api import HardwareError
from hal.guard.client import GuardClient
from hal.guard.spawn import GuardNotStarted, end_guard, ensure_guard

log = logging.getLogger(__name__)


class Ending(Enum):
    """Why the daemon ends."""

    STOPPED = 0
    RESTART = 1


@dataclass(slots=True)
class Stop:
    """The wish to end, from a signal or a reset."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Ending = Ending.STOPPED

    def restart(self) -> None:
        """End and start afresh."""
        self.ending = Ending.RESTART
        self.wanted.set()


def run_station(config_file: Path, with_guard: bool) -> int:  # noqa: FBT001 - the command's own flag
    """Run the daemon; return the command's exit code: 0 stopped, 1 failed, with a plain reason."""
    os.umask(0o077)
    try:
        config = load(config_file)
        log_to_standard_error(config.log.level)
        ending = asyncio.run(_run(config, with_guard=with_guard))
    except ConfigError as error:
        for problem in error.problems:
            logging.getLogger("stationd").critical("%s", problem.text())
        return 1
    except (StoreError, HardwareError, GuardNotStarted, SecretFileError, OSError) as error:
        logging.getLogger("stationd").critical("%s", error)
        return 1
    if ending is Ending.RESTART:
        machine.restart()
    return 0


async def _run(config: StationConfig, *, with_guard: bool) -> Ending:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.wanted.set)
    starts_guard = with_guard or config.guard.start_with_agent
    if starts_guard:
        await asyncio.to_thread(ensure_guard, config.file, config.guard.socket)
    clock = SystemClock()
    storage = await open_storage(config, clock, machine.boot_id(), lambda: clock.synchronized)
    guard = GuardClient(config.guard.socket)
    hardware = open_hardware(config, guard, lambda: clock.now().timestamp())
    try:
        foundations = await _foundations(config, clock, storage, hardware, guard, stop)
        guard.start()
        station = Station(foundations)
        try:
            await _serve(station, stop)
        except Exception:
            await leave_reason(storage, BootReason.APPLICATION_RESET)
            raise
        await leave_reason(storage, BootReason.LOCAL_RESET)
    finally:
        machine.notify("STOPPING=1")
        await guard.close()
        await hardware.close()
        await storage.close()
    if starts_guard and stop.ending is Ending.STOPPED and station.at_rest:
        await _end_guard(guard)
    return stop.ending


async def _end_guard(guard: GuardClient) -> None:
    """Take the guard along that was started for this run: it has nothing to hold."""
    if guard.guard_pid is not None and not await asyncio.to_thread(end_guard, guard.guard_pid):
        log.info("the guard (process %d) stays", guard.guard_pid)


async def _foundations(
    config: StationConfig,
    clock: SystemClock,
    storage: Storage,
    hardware: Hardware,
    guard: GuardClient,
    stop: Stop,
) -> Foundations:
    version = await _version(hardware)
    boot_id = machine.boot_id()
    epoch = f"{boot_id}/{await _outages(hardware)}"
    own = config.station.firmware_version or version
    model = device_model(config, version)
    last = await take_last_run(config, storage, epoch=epoch, version=own)
    return Foundations(
        config=config,
        model=model,
        version=version,
        clock=clock,
        storage=storage,
        hardware=hardware,
        boot_id=boot_id,
        boot_reason=boot_reason(last),
        power_was_lost=last.power_was_lost,
        restart=stop.restart,
        lose_power=lambda: machine.lose_power(guard.guard_pid),
    )


async def _version(hardware: Hardware) -> str:
    """Return the running version as its slots call it, else that of this package."""
    if hardware.slots is None:
        return __version__
    try:
        return (await hardware.slots.standing()).version
    except InstallationFailed as error:
        log.error("the slots do not answer: %s", error)
        return __version__


async def _outages(hardware: Hardware) -> object:
    """Return how often the simulated mains failed; real mains restart the machine."""
    if hardware.bench is None:
        return 0
    return (await hardware.bench.operate({"op": "state"})).get("outages", 0)


async def _serve(station: Station, stop: Stop) -> None:
    running = asyncio.create_task(station.run())
    stopping = asyncio.create_task(stop.wanted.wait())
    living = asyncio.create_task(_prove_life(station))
    machine.notify("READY=1")
    # What exists now lives as long as the daemon; collecting it again and again would cost pauses.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, stopping, living):
        task.cancel()
    results = await asyncio.gather(running, stopping, living, return_exceptions=True)
    failure = results[0]
    if isinstance(failure, BaseException) and not isinstance(failure, asyncio.CancelledError):
        raise failure


async def _prove_life(station: Station) -> None:
    """Ping the service manager as long as the loop turns and the store's thread answers."""
    interval_s = machine.watchdog_interval_s()
    while interval_s is not None:
        await station.store_alive()
        machine.notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
