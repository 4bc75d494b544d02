"""A reader played by a serial adapter that is wired to the station's reader port."""

from pathlib import Path
from typing import TYPE_CHECKING

from hil.desk.resources import SerialCard
from hil.drivers import CardDriver, DriverFailed, Tables

if TYPE_CHECKING:
    import serial

    from hil.target import Target


class SerialCardDriver(CardDriver):
    """Prints a token and a line end, as many readers do."""

    def __init__(self, resource: SerialCard, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource
        self._port: serial.Serial | None = None

    async def begin(self, folder: Path) -> None:
        import serial  # noqa: PLC0415 - only a desk has such an adapter

        del folder
        if self._port is not None:
            return
        try:
            self._port = serial.Serial(self._resource.port, self._resource.baudrate, exclusive=True)
        except serial.SerialException as error:
            raise DriverFailed(
                f"{self.name}: {self._resource.port} cannot be opened: {error}; is the adapter"
                " plugged in, and may you use the port (group dialout)?"
            ) from error

    def close(self) -> None:
        if self._port is not None:
            self._port.close()

    @property
    def evses(self) -> tuple[int, ...]:
        return self._resource.evses

    def tables(self, evse: int) -> Tables:
        if evse not in self._resource.evses:
            return {}
        return {
            "reader": {
                "backend": "serial",
                "protocol": "lines",
                "port": self._resource.station_port,
                "baudrate": self._resource.baudrate,
            }
        }

    async def present(self, token: str) -> None:
        if self._port is None:
            raise DriverFailed(f"{self.name}: the test has not begun")
        self._port.write(f"{token}\r\n".encode())
        self._port.flush()
