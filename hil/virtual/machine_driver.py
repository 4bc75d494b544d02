"""The machine of a session: built and booted for the first test, ended after the last one."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hil.drivers import ClockDriver, DriverFailed
from hil.virtual import available
from hil.virtual.card import Card, new_files
from hil.virtual.control import ControlLost, Done
from hil.virtual.image.build import built
from hil.virtual.image.programs import BuildFailed
from hil.virtual.machine import Machine, MachineFailed
from hil.virtual.qmp import QmpError
from hil.virtual.resources import VirtualMachine
from hil.virtual.running_time import RunningTime

if TYPE_CHECKING:
    from hil.target import Target

BOOT_S = 60.0
SERIAL_S = 20.0
HOT_PLUG_S = 30.0


class MachineDriver(ClockDriver):
    """Boots the machine; gives its card, its control port and its USB sockets to the others."""

    def __init__(self, resource: VirtualMachine, target: "Target") -> None:
        super().__init__(resource, target)
        self._machine: Machine | None = None
        self._console_at = 0
        self._running_time = RunningTime()

    async def begin(self, folder: Path) -> None:
        self._folder = folder
        if self._machine is None:
            self._power_up()  # in this thread: QEMU ends with the thread that starts it
        self._console_at = self._console.stat().st_size

    async def finish(self) -> None:
        """Leave what the console has shown during the test beside the test's other files."""
        if self._machine is not None:
            said = self._console.read_bytes()[self._console_at :]
            (self._folder / "console.log").write_bytes(said)

    def close(self) -> None:
        if self._machine is not None:
            card, folder = self._machine.card, self._machine.folder
            self._machine.close()
            card.close()
            shutil.rmtree(folder)
            self._machine = None

    @property
    def machine(self) -> Machine:
        """The machine, which runs; raises `DriverFailed`."""
        if self._machine is None:
            raise DriverFailed(f"{self.name}: the machine does not run")
        return self._machine

    @property
    def card(self) -> Card:
        """The card with the machine's lines."""
        return self.machine.card

    async def run(self, *words: str) -> Done:
        """Run a program as root in the machine; raises `ControlLost`."""
        return await asyncio.wrap_future(self.machine.control.run(*words))

    async def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the machine; raises `ControlLost`, `ProgramFailed`."""
        (await asyncio.wrap_future(self.machine.control.write(path, text, mode))).checked()

    async def ask(self, path: str, line: str) -> str:
        """Ask a socket in the machine; raises `ConnectionError`."""
        done = await asyncio.wrap_future(self.machine.control.ask(path, line))
        if done.code:
            raise ConnectionError(f"{path} in the machine does not answer: {done.err}")
        return done.out

    async def signal(self, process: int, number: int) -> int:
        """Send a signal to a process in the machine; return the time before that, as `now_ns`."""
        done = await asyncio.wrap_future(self.machine.control.signal(process, number))
        return int(done.checked())

    @asynccontextmanager
    async def comes_back(self, event: str, within_s: float) -> AsyncIterator[None]:
        """Do what leads to an event of QEMU and to a reset; return when the machine is up again.

        Raises `DriverFailed`.
        """
        machine = self.machine
        after, boots = len(machine.qmp.events), len(machine.control.boots)
        yield
        within_s *= self.target.bench.patience
        try:
            await asyncio.to_thread(machine.qmp.wait_for, event, within_s, after=after)
        except QmpError as error:
            raise DriverFailed(f"{self.name}: {error}") from error
        await self.is_up_again(boots + 1)

    # --- Time.

    async def now_ns(self) -> int:
        """Return the time of the machine's monotonic clock; raises `ControlLost`."""
        return await self.wait_until(0)

    async def wait_until(self, time_ns: int) -> int:
        """Wait for a time as of `now_ns`; return the time then. Raises `ControlLost`."""
        done = await asyncio.wrap_future(self.machine.control.wait_until(time_ns))
        return int(done.checked())

    async def pass_s(self, seconds: float) -> None:
        try:
            await self.wait_until(await self.now_ns() + int(seconds * 1e9))
        except ControlLost:  # it is being reset, and so is its clock
            await asyncio.sleep(seconds)

    def elapsed_s(self) -> float:
        return self._running_time.after(self.card.now_ns) / 1e9

    async def is_up_again(self, boots: int) -> None:
        """Wait until the machine has come up that often; raises `DriverFailed`."""
        await asyncio.to_thread(self._await_boot, boots)

    # --- Serial adapters.

    async def plug_serial(self, name: str, pty: Path) -> Path:
        """Plug a USB adapter in whose line is a pty; return its port in the machine."""
        qmp = self.machine.qmp
        line = {"type": "serial", "data": {"device": str(pty)}}
        port = _port_of(name)
        await asyncio.to_thread(qmp.execute, "chardev-add", id=name, backend=line)
        adapter = {"driver": "usb-serial", "id": f"usb-{name}", "chardev": name, "serial": name}
        await asyncio.to_thread(qmp.execute, "device_add", bus="usb.0", **adapter)
        await self._until_there_is(port)
        return port

    async def unplug_serial(self, name: str) -> None:
        """Take an adapter away; return when the machine has noticed."""
        qmp = self.machine.qmp
        after = len(qmp.events)
        await asyncio.to_thread(qmp.execute, "device_del", id=f"usb-{name}")
        await asyncio.to_thread(qmp.wait_for, "DEVICE_DELETED", HOT_PLUG_S, after=after)
        await asyncio.to_thread(qmp.execute, "chardev-remove", id=name)

    async def _until_there_is(self, port: Path) -> None:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + SERIAL_S * self.target.bench.patience
        while (await self.run("test", "-e", str(port))).code:
            if loop.time() > give_up_s:
                said = (await self.run("dmesg")).out[-1500:]
                raise DriverFailed(f"{self.name}: {port} does not appear in the machine: {said}")
            await asyncio.sleep(0.1)

    # --- Power.

    def _power_up(self) -> None:
        if lacking := available.sentence():
            raise DriverFailed(f"{self.name}: {lacking}")
        card = Card(new_files())
        try:
            folder = Path(tempfile.mkdtemp(prefix="bench-"))
            self._machine = Machine(built(), folder, card)
            self._await_boot(1)
        except (BuildFailed, MachineFailed) as error:
            raise DriverFailed(f"{self.name}: {error}") from error

    def _await_boot(self, boots: int) -> None:
        control = self.machine.control
        try:
            control.wait_for_boot(boots, BOOT_S * self.target.bench.patience)
            state = control.run("systemctl", "is-system-running", "--wait").result()
            if state.code:
                failed = control.run("systemctl", "--failed", "--no-legend").result().out
                raise DriverFailed(f"{self.name}: the machine is {state.out.strip()}: {failed}")
        except ControlLost as error:
            raise DriverFailed(f"{self.name}: {error}: {self.machine.last_words()}") from error

    @property
    def _console(self) -> Path:
        return self.machine.folder / "console.log"


def _port_of(name: str) -> Path:
    return Path("/dev/serial/by-id") / f"usb-QEMU_QEMU_USB_SERIAL_{name}-if00-port0"
