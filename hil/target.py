"""The bench that is under test: its drivers, found by the role that a test needs."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from hil.bench_file import BenchFile
from hil.csms import CsmsDriver
from hil.drivers import Driver, DriverFailed
from hil.resources import CsmsHost, Resource

D = TypeVar("D")

Drivers = Mapping[type[Resource], type[Driver]]
"""What a package below `hil` has in its `drivers.DRIVERS`."""


class NotOnBench(Exception):
    """The bench does not have what a test needs; the test is skipped with this reason."""


class Target:
    """All drivers of one bench. `begin` and `finish` enclose each test, `close` the session."""

    def __init__(self, bench: BenchFile) -> None:
        self.bench = bench
        self._drivers = [_driver_of(resource, self) for resource in bench.resources.values()]

    def driver(self, role: type[D]) -> D:
        """Return the first driver that has a role; raises `NotOnBench`."""
        for driver in self.drivers(role):
            return driver
        raise NotOnBench(f"bench '{self.bench.name}' has no {role.__name__}")

    def drivers(self, role: type[D]) -> list[D]:
        """Return every driver that has a role, in the order of the bench file."""
        return [driver for driver in self._drivers if isinstance(driver, role)]

    def named(self, name: str, role: type[D]) -> D:
        """Return the driver of a resource that another one names; raises `DriverFailed`."""
        for driver in self._drivers:
            if driver.name == name and isinstance(driver, role):
                return driver
        names = ", ".join(d.name for d in self._drivers if isinstance(d, role)) or "none"
        raise DriverFailed(
            f"{self.bench.path}: '{name}' is no resource with a {role.__name__}; there is {names}"
        )

    async def begin(self, folder: Path) -> None:
        """Get every driver ready for one test."""
        for driver in self._drivers:
            await driver.begin(folder)

    async def finish(self) -> None:
        """Bring everything back, in the opposite order; then raise the first failure, if any."""
        failures = []
        for driver in reversed(self._drivers):
            try:
                await driver.finish()
            except Exception as error:  # noqa: BLE001 - raised below, after the others had their turn
                failures.append(error)
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Let go of everything."""
        for driver in reversed(self._drivers):
            driver.close()


def _driver_of(resource: Resource, target: Target) -> Driver:
    if isinstance(resource, CsmsHost):
        return CsmsDriver(resource, target)
    package = type(resource).__module__.rpartition(".")[0]
    known: Drivers = importlib.import_module(f"{package}.drivers").DRIVERS
    return known[type(resource)](resource, target)
