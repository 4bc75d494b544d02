"""A simulated energy meter that shows what an outlet really delivers, as the bench knows it."""

import json
import socket
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from hal.api import HardwareLost
from hal.mock import wire
from hal.mock.client import try_connect
from hal.modbus.profile import IdentityField, MeterProfile
from hil.drivers import DriverFailed
from tests.rigs.modbus_meter import Exchange, SimulatedMeter

STALE_S = 0.6
ANSWER_S = 1.0


class Register(Protocol):
    """Somebody who knows what one outlet delivers."""

    def read(self) -> dict[str, Any]:
        """Return `milli_wh`, `current_a` and `voltage_v` by phase; raises `DriverFailed`."""

    def close(self) -> None:
        """Let go of it."""


class BoardRegister:
    """The register of one EVSE of the simulated board, asked for over its socket."""

    def __init__(self, state_dir: Path, evse: int) -> None:
        self._state_dir = state_dir
        self._evse = evse
        self._connection: socket.socket | None = None

    def read(self) -> dict[str, Any]:
        """Return `milli_wh`, `current_a` and `voltage_v`; raises `DriverFailed`."""
        try:
            connection = self._connection or self._connect()
            connection.send(json.dumps({"id": 1, "ask": "meter", "body": self._evse}).encode())
            answer: dict[str, Any] = json.loads(connection.recv(wire.MAX_DATAGRAM))
        except (OSError, HardwareLost, ValueError) as error:
            self.close()
            raise DriverFailed(f"the board tells no register of EVSE {self._evse}: {error}") from (
                error
            )
        return answer

    def close(self) -> None:
        """Let go of the board."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> socket.socket:
        connection = try_connect(self._state_dir)
        if connection is None:
            raise DriverFailed(f"no board runs in {self._state_dir}")
        connection.settimeout(ANSWER_S)
        self._connection = connection
        return connection


class PlantMeter(SimulatedMeter):
    """Takes over the register before it answers.

    Like a real meter it takes all its quantities at one instant and shows them until the next: when
    its first block is asked for, and else when they have become old.
    """

    def __init__(
        self, profile: MeterProfile, register: Register, *, address: int, serial_number: str
    ) -> None:
        super().__init__(profile, address=address, serial_number=serial_number)
        self.register = register
        self._taken_at_s = float("-inf")
        self._first = (profile.blocks[0].function, profile.blocks[0].start)

    def answer(self, function: int, start: int, count: int, written: tuple[int, ...]) -> Exchange:
        """Answer with what flows now."""
        is_old = time.monotonic() > self._taken_at_s + STALE_S
        if is_old or (function, start) == self._first:
            self._take()
        return super().answer(function, start, count, written)

    def swap(self, serial_number: str) -> None:
        """Become another meter of the same kind."""
        self.identify(IdentityField.SERIAL_NUMBER, serial_number)

    def _take(self) -> None:
        shown = self.register.read()
        self._taken_at_s = time.monotonic()
        self.load(
            energy_wh=Decimal(shown["milli_wh"]) / 1000,
            currents_a=shown["current_a"],
            voltage_v=max(shown["voltage_v"], default=0.0),
        )
