"""The world around the machine: the simulated board behind wires, devices at USB adapters."""

import asyncio
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import astuple, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hil.drivers import Driver, DriverFailed, OutletFacts, Tables
from hil.sim.board import BoardDriver
from hil.sim.instruments import AWAY_S, PtyLineDriver, PtyMeterDriver, PtyReaderDriver
from hil.sim.process import environment, leash
from hil.target import NotOnBench
from hil.virtual import wiring
from hil.virtual.machine_driver import MachineDriver
from hil.virtual.resources import UsbLine, UsbReader, WiredBoard
from hil.virtual.stopwatch import Stopwatch

if TYPE_CHECKING:
    from hil.target import Target

CONNECT_S = 15.0


class WiredBoardDriver(BoardDriver):
    """The board's world, moved by the machine's lines; the station's configuration names none."""

    _wires: "subprocess.Popen[bytes] | None" = None

    def __init__(self, resource: WiredBoard, target: "Target") -> None:
        super().__init__(resource, target)
        self._machine_name = resource.machine
        self._stopwatch = Stopwatch()

    async def begin(self, folder: Path) -> None:
        await super().begin(folder)
        self._card = self.target.named(self._machine_name, MachineDriver).card
        self._card.hush(wiring.PEAK_RESET)
        self._card.new_records()  # those of the test before
        self._stopwatch = Stopwatch()
        files = astuple(self._card.files)
        command = (*leash(), sys.executable, "-m", "hil.virtual.wires", *map(str, files))
        with (folder / "wires.log").open("wb") as log:
            self._wires = subprocess.Popen(  # noqa: ASYNC220 - it outlives the test's loop
                [*command, str(self.state_dir)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                pass_fds=files,
            )
        await self._until_wired(folder)

    async def _until_wired(self, folder: Path) -> None:
        """Wait for the wires: a monitor that is tested before they are there fails its test."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + CONNECT_S * self.target.bench.patience
        while not self._card.is_attended:
            if loop.time() > give_up_s:
                said = (folder / "wires.log").read_text("utf-8", "replace")
                raise DriverFailed(f"{self.name}: the wires do not reach the machine: {said}")
            await asyncio.sleep(0.02)

    async def finish(self) -> None:
        self.close()
        await super().finish()

    def close(self) -> None:
        if self._wires is not None:
            self._wires.terminate()
            self._wires.wait()
            self._wires = None
            self._card.attend(attended=False)

    def tables(self, evse: int) -> Tables:
        del evse
        return {}

    @property
    def stopwatch(self) -> Stopwatch:
        """What the machine's own clock says of its reactions since the test began."""
        self._stopwatch.note(self._card.new_records())
        return self._stopwatch

    def facts(self, evse: int) -> OutletFacts:
        stopwatch = self.stopwatch
        return replace(
            super().facts(evse),
            fault_to_open_ms=stopwatch.fault_to_open_ms,
            leave_to_open_ms=stopwatch.leave_to_open_ms,
        )


class _AtUsb(Driver):
    """A device of the bay whose pty is the line of a USB adapter of the machine."""

    port: Path
    _machine_name: str
    _pty: Path
    _plugged = False

    async def begin(self, folder: Path) -> None:
        await super().begin(folder)
        self._pty = self.port
        await self._plug()

    async def finish(self) -> None:
        if self._plugged:
            await self.unplug()
        await super().finish()

    async def plug(self) -> None:
        """Bring the device's line back, and the adapter."""
        await super().plug()  # type: ignore[misc]  # a mixin before the driver that has it
        await self._plug()

    async def unplug(self) -> None:
        """Take the adapter away, and the device's line."""
        self._plugged = False
        await self._machine.unplug_serial(self.name)
        await super().unplug()  # type: ignore[misc]  # a mixin before the driver that has it

    def held(self) -> AbstractContextManager[object]:
        """Refuse: no other program of the machine opens its ports; raises `NotOnBench`."""
        raise NotOnBench(f"nobody else in the machine holds {self.port}")

    async def _plug(self) -> None:
        self.port = await self._machine.plug_serial(self.name, self._pty)
        self._plugged = True

    @property
    def _machine(self) -> MachineDriver:
        return self.target.named(self._machine_name, MachineDriver)


class UsbReaderDriver(_AtUsb, PtyReaderDriver):
    """A reader at a USB adapter."""

    def __init__(self, resource: UsbReader, target: "Target") -> None:
        super().__init__(resource, target)
        self._machine_name = resource.machine
        self._present_again_ns = 0

    async def begin(self, folder: Path) -> None:
        self._present_again_ns = 0
        await super().begin(folder)

    async def present(self, token: str) -> None:
        """Hold a card before it; not before the last one was away long enough for the station."""
        await self._machine.wait_until(self._present_again_ns)
        await super().present(token)
        self._present_again_ns = await self._machine.now_ns() + int(AWAY_S * 1e9)


class UsbLineDriver(_AtUsb, PtyLineDriver):
    """A bus at a USB adapter."""

    def __init__(self, resource: UsbLine, target: "Target") -> None:
        super().__init__(resource, target)
        self._machine_name = resource.machine


class UsbMeterDriver(PtyMeterDriver):
    """A meter on such a bus."""
