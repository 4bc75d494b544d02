"""The computer that the daemon runs on, in this process and on virtual time."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import app
from agent.app import Ending, Stop, machine
from agent.app.boot_reason import SERVICE_RESULT, leave_reason
from agent.app.hardware import Hardware, relay_tables
from agent.app.station import Station
from agent.app.storage import open_storage
from agent.config.load import load
from agent.config.model import StationConfig
from agent.core.vocabulary import BootReason
from agent.services.evse import EvseService
from agent.services.firmware_ports import Download
from agent.store.database import Database, Limits, Settled
from agent.store.group import Durability
from agent.store.writer import Timing
from tests.stories.board import VirtualBoard
from tests.stories.machine import Machine
from tests.stories.slots import FolderSlots
from tests.virtual_time import VirtualClock, VirtualTimeLoop

BOOT_S = 2.0

CONFIG = """\
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
{version_line}
state_dir = "state"
{station_keys}
[csms]
url = "{url}"
identity = "CS001"
versions = [{versions}]
security_profile = 0
allow_insecure = true

{evses}
[bench]
socket = "bench.sock"

[variables]
{variables}
{sections}"""
EVSE = """\
[[evse]]
id = {id}
connector_type = "{connector_type}"
cable = "{cable}"
max_current_a = 32
phases = 3
pilot = {{ backend = "mock" }}
contactor = {contactor}
meter = {{ backend = "mock" }}
reader = {{ backend = "mock" }}
"""
CONTACTOR = '{ backend = "mock" }'
SOCKET = """\
proximity = { backend = "mock" }
lock = { backend = "mock" }
"""
VARIABLES = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "5",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "2",
}


class InProcessMachine(Machine):
    """Power, boot, and the daemon; `station` is the running one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.config = folder / "station.toml"
        self.clock: Callable[[], VirtualClock] = VirtualClock
        self.starts = 0
        self.wiring = self.station_keys = self.sections = ""
        self.contactor = CONTACTOR
        self.fitted: Callable[[Hardware], Hardware] = lambda hardware: hardware
        self._slots: FolderSlots | None = None
        self._download: Download | None = None
        self._killed = False
        self.power_cycles = 0
        self._boot_id = folder / "boot_id"
        monkeypatch.setattr(machine, "BOOT_ID", self._boot_id)
        self.watchdog_status = folder / "bootstatus"
        monkeypatch.setattr(machine, "WATCHDOG_STATUS", self.watchdog_status)
        self._new_boot()
        self._board: VirtualBoard | None = None
        self._station: Station | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._stop = Stop()
        self._stopped = asyncio.Event()
        self._disk = Disk(monkeypatch)

    @property
    def station(self) -> Station:
        assert self._station is not None, "the daemon is not running"
        return self._station

    @property
    def is_running(self) -> bool:
        return self._station is not None

    @property
    def board(self) -> VirtualBoard:
        assert self._board is not None, "the machine was never started"
        return self._board

    def configure(
        self,
        url: str,
        versions: tuple[str, ...],
        *,
        variables: Mapping[str, str] | None = None,
        evses: int = 1,
        cable: str = "socket",
        connector_types: Sequence[str] = (),
    ) -> None:
        """Write the configuration file; without `connector_types` all EVSEs have the same."""
        lines = {**VARIABLES, **(variables or {})}
        kind = "sType2" if cable == "socket" else "cType2"
        kinds = connector_types or [kind] * evses
        tables = [
            EVSE.format(id=n, cable=cable, connector_type=kind, contactor=self.contactor)
            for n, kind in enumerate(kinds, 1)
        ]
        wiring = (SOCKET if cable == "socket" else "") + self.wiring
        self.config.write_text(
            CONFIG.format(
                url=url,
                versions=", ".join(f'"{version}"' for version in versions),
                evses="\n".join(table.rstrip() + "\n" + wiring for table in tables),
                variables="\n".join(f'"{key}" = "{value}"' for key, value in lines.items()),
                station_keys=self.station_keys,
                sections=self.sections,
                version_line="" if self._slots else 'firmware_version = "1.0.0"',
            ),
            encoding="utf-8",
        )

    def has_slots(self, slots: FolderSlots | None, download: Download | None) -> None:
        """Install the software in slots, which say what version it is; None for no slots."""
        self._slots, self._download = slots, download

    def restarts_itself(self) -> None:
        """End the daemon and start it again, as its own restart of the service does."""
        self._stop.restart()

    async def start(self) -> None:
        """Switch on, or start the daemon again."""
        if self._board is None:
            self._board = VirtualBoard(self.config)
            self._tasks.append(asyncio.create_task(self._board.run()))
        self._stop = Stop()
        ready = asyncio.Event()
        serving = asyncio.create_task(self._serve(ready))
        self._tasks.append(serving)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.is_set():
            waiting.cancel()
            await serving

    async def stop(self) -> None:
        """Stop the daemon as a service manager does."""
        self._stop.wanted.set()
        await self._stopped.wait()

    def install(self, firmware_version: str) -> None:
        """Update the software, as far as a station can tell: it bears another version."""
        text = self.config.read_text(encoding="utf-8")
        line = f'firmware_version = "{firmware_version}"'
        self.config.write_text(re.sub(r'firmware_version = ".*"', line, text), encoding="utf-8")

    async def kill(self, service_result: str | None = None) -> None:
        """End the daemon without a word, leaving only what the service manager writes down."""
        self._killed = True
        await self.stop()
        self._killed = False
        if service_result is not None:
            file = load(self.config).station.state_dir / SERVICE_RESULT
            file.write_text(service_result, encoding="ascii")

    async def restart(self) -> None:
        """Stop the daemon and start it again, as after an update."""
        await self.stop()
        await asyncio.sleep(BOOT_S)
        await self.start()

    async def lose_power(self, for_s: float = 30.0) -> None:
        """Fail the mains for a while; everything starts afresh afterwards."""
        await self.board.operate({"op": "power_fail"})
        await self.stop()
        self._new_boot()
        await asyncio.sleep(for_s)
        self.board.restore_power()
        await asyncio.sleep(BOOT_S)
        await self.start()

    async def lose_guard(self) -> None:
        self.board.lose_guard()

    async def restart_guard(self) -> None:
        self.board.restart_guard()

    def service(self, evse: int = 1) -> EvseService:
        return self.station.evses[evse]

    async def queued_events(self) -> int:
        return len(self.station._f.storage.journal)

    async def is_authorized(self, evse: int) -> bool:
        return self.is_running and self.station.evses[evse].state.snapshot.authorized

    async def close(self) -> None:
        """Stop everything. Raises what the daemon failed with."""
        if self._station is not None:
            await self.stop()
        failures = [task.exception() for task in self._tasks if task.done()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure

    async def _serve(self, ready: asyncio.Event) -> None:
        """Run the daemon, and again after each reset, until it is stopped."""
        ending = Ending.RESTART
        while ending is Ending.RESTART:
            ending = await self._run_once(ready)
            if ending is Ending.RESTART:
                await asyncio.sleep(BOOT_S)
                self._stop = Stop()

    async def _run_once(self, ready: asyncio.Event) -> Ending:
        config, clock, stop = load(self.config), self.clock(), self._stop
        limits = Limits(timing=Timing(delay_s=0.0))
        with self._disk.at_work():
            storage = await open_storage(
                config, clock, machine.boot_id(), lambda: clock.synchronized, limits
            )
        if self._slots is not None:
            self._slots.start()
        hardware = self.fitted(self._hardware(config))
        try:
            foundations = await app._foundations(
                config,
                clock,
                storage,
                hardware,
                self.board,  # type: ignore[arg-type] # asked for its process only, to kill it
                stop,
            )
            self._station = Station(replace(foundations, lose_power=stop.wanted.set))
            self.starts += 1
            self._stopped.clear()
            ready.set()
            await self._run_until_stopped(self._station, stop)
            if not self._killed:
                await leave_reason(storage, BootReason.LOCAL_RESET)
        finally:
            self.board.services_gone()
            await hardware.close()
            with self._disk.at_work():
                await storage.close()
            self._station = None
            self._stopped.set()
        return stop.ending

    async def _run_until_stopped(self, station: Station, stop: Stop) -> None:
        running = asyncio.create_task(station.run())
        stopping = asyncio.create_task(stop.wanted.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        stopping.cancel()
        results = await asyncio.gather(running, stopping, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    def _hardware(self, config: StationConfig) -> Hardware:
        board, numbers = self.board, [evse.id for evse in config.evses]
        return Hardware(
            guard=board,
            meters={number: board.meter(number) for number in numbers},
            readers=(board.reader(tuple(numbers)),),
            bench=_Bench(board),
            vehicles=board.vehicles(),
            relays={name: board.relay(name) for name in relay_tables(config)},
            slots=self._slots,
            download=self._download,
        )

    def _new_boot(self) -> None:
        self.power_cycles += 1
        self._boot_id.write_text(f"boot-{self.power_cycles}\n", encoding="ascii")


class Disk:
    """Holds the virtual clock while the store's thread, which is real, has work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._writes = 0
        submit = Database._submit

        def counted(
            database: Database,
            fn: Callable[[sqlite3.Connection], object],
            durability: Durability,
            answer: asyncio.Future[object] | None,
            settled: Settled | None,
        ) -> None:
            def done(error: Exception | None) -> None:
                self._writes -= 1
                if settled is not None:
                    settled(error)

            self._writes += 1
            submit(database, fn, durability, answer, done)

        monkeypatch.setattr(Database, "_submit", counted)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.selector.busy.append(lambda: self._writes > 0)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Hold the clock meanwhile."""
        self._writes += 1
        try:
            yield
        finally:
            self._writes -= 1


class _Bench:
    """The board's bench as the station sees it; closing it leaves the board alone."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board

    async def operate(self, request: Mapping[str, object]) -> dict[str, object]:
        return await self._board.operate(request)

    async def close(self) -> None:
        return None
