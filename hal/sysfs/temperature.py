"""Temperatures that the kernel measures: board sensors, thermal zones, converters, 1-wire.

A reading runs in a thread of its own with a time limit, because a 1-wire sensor takes 750 ms and
a bus that is stuck may never answer. While one reading hangs no other is begun.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hal.api import HardwareError, HardwareLost
from hal.sysfs import devices
from hal.sysfs.files import ROOT, KernelSysfs, Sysfs
from hal.tables import Options, Table

MILLI = 1e-3
LOWEST_C, HIGHEST_C = -55.0, 150.0
# A DS18B20 says this when it was reset before it had measured.
POWER_ON_C = 85.0
SOURCES = ("hwmon", "thermal", "iio", "w1")
_FOLDERS: Mapping[str, Path] = {
    "hwmon": ROOT / "class" / "hwmon",
    "thermal": ROOT / "class" / "thermal",
    "iio": devices.CONVERTERS,
    "w1": ROOT / "bus" / "w1" / "devices",
}


@dataclass(frozen=True, slots=True)
class TemperaturePlace:
    """A sensor: where the kernel shows it, what it is called, which of its channels."""

    source: str
    device: str
    channel: int = 1
    timeout_s: float = 2.0

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return the place as complaints name it."""
        return f"temperature of {self.device} ({self.source})"


def problems(port: str, table: Table) -> tuple[str, ...]:
    """Return what is wrong with a table of this backend, a sentence each."""
    found: list[str] = []
    read_place(Options(port, table, found))
    return tuple(found)


def read_place(options: Options) -> TemperaturePlace:
    """Read a table of this backend."""
    options.expect("backend")
    place = TemperaturePlace(
        source=options.text("source", None, SOURCES),
        device=options.text("device"),
        channel=options.integer("channel", 1, 0, 99),
        timeout_s=options.number("timeout_s", 2.0, 0.1, 30.0),
    )
    options.finish()
    return place


class SysfsTemperature:
    """One sensor; it is looked up anew for each reading, so that it may come and go."""

    def __init__(self, place: TemperaturePlace, sysfs: Sysfs | None = None) -> None:
        self._place = place
        self._sysfs = sysfs or KernelSysfs()
        self._hangs = False

    async def read_celsius(self) -> float:
        """Measure; raises `HardwareLost` also if that takes too long."""
        if self._hangs:
            raise HardwareLost(f"{self._place}: the last reading has not ended yet; check its bus")
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._hangs = True
        self._measure_in_thread(answer)
        try:
            return await asyncio.wait_for(answer, self._place.timeout_s)
        except TimeoutError as error:
            limit_s = self._place.timeout_s
            raise HardwareLost(f"{self._place}: no answer within {limit_s:g} s") from error

    async def close(self) -> None:
        """Let go of the sensor; a reading that hangs ends with the process."""

    def _measure_in_thread(self, answer: "asyncio.Future[float]") -> None:
        """Measure in a daemon thread, which nobody has to wait for at the end."""
        loop = answer.get_loop()

        def settle(result: float, error: HardwareError | None) -> None:
            self._hangs = False
            if answer.done():
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        def run() -> None:
            result, failure = 0.0, None
            try:
                result = read_now(self._sysfs, self._place)
            except HardwareError as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=run, name="temperature", daemon=True).start()


def read_now(sysfs: Sysfs, place: TemperaturePlace) -> float:
    """Measure, for as long as it takes; raises `HardwareError`."""
    device = devices.find(sysfs, _FOLDERS[place.source], place.device, str(place))
    try:
        celsius = _READERS[place.source](sysfs, device, place)
    except OSError as error:
        raise HardwareLost(f"{place}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise HardwareLost(f"{place}: is no number: {error}") from error
    if not LOWEST_C <= celsius <= HIGHEST_C:
        raise HardwareLost(f"{place}: {celsius:g} C cannot be true; is the sensor connected?")
    return celsius


def _hwmon(sysfs: Sysfs, device: Path, place: TemperaturePlace) -> float:
    return int(sysfs.read(device / f"temp{place.channel}_input")) * MILLI


def _thermal(sysfs: Sysfs, device: Path, place: TemperaturePlace) -> float:
    del place
    return int(sysfs.read(device / "temp")) * MILLI


def _iio(sysfs: Sysfs, device: Path, place: TemperaturePlace) -> float:
    del place
    if sysfs.exists(device / "in_temp_input"):
        return float(sysfs.read(device / "in_temp_input")) * MILLI
    raw = float(sysfs.read(device / "in_temp_raw"))
    if sysfs.exists(device / "in_temp_offset"):
        raw += float(sysfs.read(device / "in_temp_offset"))
    return raw * float(sysfs.read(device / "in_temp_scale")) * MILLI


def _w1(sysfs: Sysfs, device: Path, place: TemperaturePlace) -> float:
    text = sysfs.read(device / "w1_slave")
    _, found, milli = text.rpartition("t=")
    if not found or "YES" not in text:
        raise HardwareLost(f"{place}: the checksum is wrong; check the wiring and its pull-up")
    celsius = int(milli) * MILLI
    if celsius == POWER_ON_C:
        raise HardwareLost(f"{place}: was reset before it had measured; check its supply")
    return celsius


_READERS: Mapping[str, Callable[[Sysfs, Path, TemperaturePlace], float]] = {
    "hwmon": _hwmon,
    "thermal": _thermal,
    "iio": _iio,
    "w1": _w1,
}
