"""A USB relay board with the LCUS protocol, and what hangs on its relays alone.

A frame is `A0`, the relay's number, 1 to close or 0 to open, and the sum of the three. The boards
answer nothing, so a command that was lost is not noticed: each is sent twice.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from hil.drivers import Driver, DriverFailed, FaultDriver, PowerDriver

if TYPE_CHECKING:
    import serial

    from hil.desk.resources import RelayBoard, RelayFaults, RelayPower
    from hil.target import Target

BAUDRATE = 9600
START = 0xA0
REPEATS = 2


def frame(relay: int, *, closed: bool) -> bytes:
    """Return the command for one relay, numbered from 1; raises `ValueError`."""
    if not 1 <= relay <= 0xFF:
        raise ValueError(f"relay {relay}: relays are numbered from 1 to 255")
    body = bytes([START, relay, closed])
    return body + bytes([sum(body) & 0xFF])


class RelayBoardDriver(Driver):
    """Closes and opens relays; every relay is open at the end of a test and of the session."""

    def __init__(self, resource: "RelayBoard", target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource
        self._port: serial.Serial | None = None
        self.held: set[int] = set()

    async def begin(self, folder: Path) -> None:
        del folder
        self._open_all()

    async def finish(self) -> None:
        self._open_all()

    def close(self) -> None:
        if self._port is not None:
            self.held.clear()
            self._open_all()
            self._port.close()

    def switch(self, relay: int, *, closed: bool) -> None:
        """Close or open a relay; raises `DriverFailed`."""
        if relay > self._resource.relays:
            raise DriverFailed(
                f"{self.name}: there is no relay {relay}, the board has {self._resource.relays}"
            )
        port = self._port or self._connect()
        for _ in range(REPEATS):
            port.write(frame(relay, closed=closed))
        port.flush()

    def _open_all(self) -> None:
        """Open every relay but those that have to stay closed between tests."""
        for relay in range(1, self._resource.relays + 1):
            self.switch(relay, closed=relay in self.held)

    def _connect(self) -> "serial.Serial":
        import serial  # noqa: PLC0415 - only a desk has a relay board

        try:
            self._port = serial.Serial(self._resource.port, BAUDRATE, exclusive=True)
        except serial.SerialException as error:
            raise DriverFailed(
                f"{self.name}: {self._resource.port} cannot be opened: {error}; is the relay board"
                " plugged in, and may you use the port (group dialout)?"
            ) from error
        return self._port


class RelayFaultDriver(FaultDriver):
    """Breaks what relays can break: a trip contact, an emergency stop."""

    def __init__(self, resource: "RelayFaults", target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource
        self._relays = dict(zip(resource.faults, resource.relays, strict=True))

    @property
    def faults(self) -> frozenset[str]:
        return frozenset(self._relays)

    async def set_fault(self, evse: int, fault: str, *, on: bool) -> None:
        if evse != self._resource.evse:
            raise DriverFailed(f"{self.name} is wired to EVSE {self._resource.evse}, not {evse}")
        board = self.target.named(self._resource.relay_board, RelayBoardDriver)
        board.switch(self._relays[fault], closed=on)


class RelayPowerDriver(PowerDriver):
    """The supply of the station's computer; it stays on between tests."""

    def __init__(self, resource: "RelayPower", target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource

    async def begin(self, folder: Path) -> None:
        del folder
        await self.on()

    async def off(self) -> None:
        self._switch(closed=False)

    async def on(self) -> None:
        self._switch(closed=True)

    def _switch(self, *, closed: bool) -> None:
        board = self.target.named(self._resource.relay_board, RelayBoardDriver)
        relay = self._resource.relay
        board.held = board.held | {relay} if closed else board.held - {relay}
        board.switch(relay, closed=closed)
