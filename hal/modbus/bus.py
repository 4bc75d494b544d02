"""The buses of this process: one owner for each port, shared by the meters on it.

Each bus has one thread that does everything on its port, so that one transaction is under way at a
time, and none is cut off when nobody waits for it any more. A port that cannot be opened is tried
again ever more rarely; meanwhile its meters are told the reason at once.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from hal.api import HardwareError
from hal.modbus.faults import PORT_FAULTS, MeterFault
from hal.modbus.profile import Limits, SerialSettings

if TYPE_CHECKING:
    from hal.modbus.frames import Call
    from hal.modbus.serial_wire import SerialWire
    from hal.modbus.transaction import Master

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 5.0


class Asker(Protocol):
    """What a meter needs of its bus."""

    async def ask(self, call: "Call", limits: Limits) -> tuple[int, ...]: ...

    async def release(self) -> None: ...


class Bus:
    """One port with a thread of its own; made by `shared_bus` alone."""

    def __init__(
        self,
        port: str,
        settings: SerialSettings,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet: the first question does."""
        self._port = port
        self.settings = settings
        self.users = 0
        self._monotonic_s = monotonic_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"modbus {port}")
        self._wire: SerialWire | None = None
        self._master: Master | None = None
        self._retry_s = FIRST_RETRY_S
        self._refused: MeterFault | None = None
        self._open_again_at_s = 0.0

    async def ask(self, call: "Call", limits: Limits) -> tuple[int, ...]:
        """Return the registers that a call reads; raises `MeterFault`.

        A caller that is cancelled leaves its transaction to end; one that has not begun is dropped.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._ask, call, limits
        )

    async def release(self) -> None:
        """Give the bus back; the last one closes the port."""
        if not _given_back(self):
            return
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _ask(self, call: "Call", limits: Limits) -> tuple[int, ...]:
        master = self._opened()
        try:
            return master.ask(call, limits)
        except MeterFault as fault:
            if fault.kind in PORT_FAULTS:
                self._close()
            raise

    def _opened(self) -> "Master":
        if self._master is not None:
            return self._master
        if self._refused is not None and self._monotonic_s() < self._open_again_at_s:
            raise MeterFault(self._refused.kind, str(self._refused))
        from hal.modbus.serial_wire import SerialWire  # noqa: PLC0415 - pyserial, when needed
        from hal.modbus.transaction import Master  # noqa: PLC0415 - pymodbus, when needed

        try:
            self._wire = SerialWire(self._port, self.settings)
        except MeterFault as fault:
            self._refused = fault
            self._open_again_at_s = self._monotonic_s() + self._retry_s
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
            raise
        self._refused, self._retry_s = None, FIRST_RETRY_S
        self._master = Master(self._wire, self.settings, self._monotonic_s)
        return self._master

    def _close(self) -> None:
        wire, self._wire, self._master = self._wire, None, None
        if wire is not None:
            wire.close()


_buses: dict[str, Bus] = {}
_registry_lock = threading.Lock()


def shared_bus(port: str, settings: SerialSettings) -> Bus:
    """Return the bus of a port, to be released after use.

    Raises `HardwareError` if it is in use with other line settings: all meters of a bus share them.
    """
    with _registry_lock:
        bus = _buses.get(_key(port))
        if bus is None:
            bus = _buses[_key(port)] = Bus(port, settings)
        if bus.settings.short != settings.short:
            raise HardwareError(
                f"{port} is in use with {bus.settings.short}, so a meter with {settings.short} "
                "cannot be on it; set all meters of a bus alike, or give each a port of its own"
            )
        bus.users += 1
        return bus


def _given_back(bus: Bus) -> bool:
    """Tell whether nobody uses a bus any more; then it is forgotten."""
    with _registry_lock:
        bus.users -= 1
        if bus.users > 0:
            return False
        for key in [key for key, known in _buses.items() if known is bus]:
            del _buses[key]
        return True


def _key(port: str) -> str:
    """Return one name for a port that has several, such as those under /dev/serial/by-id."""
    return os.path.realpath(port)
