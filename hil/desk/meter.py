"""The meter of a desk: played by this computer on an adapter that is wired to the station's."""

from pathlib import Path
from typing import TYPE_CHECKING

from hil.desk.car import RelayCarDriver
from hil.desk.resources import SerialMeter
from hil.drivers import DriverFailed
from hil.sim.instruments import BayDriver, PlayedMeterDriver
from hil.target import NotOnBench

if TYPE_CHECKING:
    from hil.target import Target


class DeskBayDriver(BayDriver):
    """Runs the process that plays the devices of a desk."""

    module = "hil.desk.bay"


class SerialMeterDriver(PlayedMeterDriver):
    """A meter that counts what the car of its EVSE takes; `port` is the station's name for it."""

    def __init__(self, resource: SerialMeter, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource
        self.port = Path(resource.station_port)

    async def begin(self, folder: Path) -> None:
        del folder
        line = {
            "port": self._resource.port,
            "baudrate": self._resource.baudrate,
            "load": self._car().name,
        }
        self._bay.order("meter", name=self.name, line=line, at=self._at())

    @property
    def baudrate(self) -> int:
        return self._resource.baudrate

    async def unplug(self) -> None:
        raise NotOnBench(f"nobody can pull {self.port} out of the station on this bench")

    async def plug(self) -> None:
        raise NotOnBench(f"nobody can plug {self.port} into the station on this bench")

    async def vanish(self, *, on: bool) -> None:
        await self.mute(on=on)

    def _car(self) -> RelayCarDriver:
        for car in self.target.drivers(RelayCarDriver):
            if car.evse == self.evse:
                return car
        raise DriverFailed(f"{self.name}: no car of the bench is at EVSE {self.evse}")
