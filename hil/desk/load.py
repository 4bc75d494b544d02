"""What flows at an outlet whose contactor has an auxiliary contact: a load while that is closed."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hil.drivers import DriverFailed

if TYPE_CHECKING:
    import serial

CONTACT_LINES = ("cts", "dsr", "cd", "ri")
MAINS_V = 230.0
LOOK_S = 0.01
"""How often somebody has to look at the contact; a relay takes about as long to move."""
MILLI_WH_PER_WS = 1000 / 3600


class Load:
    """Counts the energy of a load of `load_a` on each of `phases` while a contact is closed.

    It is the register of the meter at that outlet (`hil.sim.plant_meter.Register`). The contact has
    moved at the moment when it is looked at.
    """

    def __init__(
        self,
        is_closed: Callable[[], bool],
        *,
        load_a: float,
        phases: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_closed = is_closed
        self._load_a, self._phases = load_a, phases
        self._monotonic_s = monotonic_s
        self._looked_at_s = monotonic_s()
        self._closed = is_closed()
        self._milli_wh = 0.0

    def look(self) -> None:
        """Look at the contact, and count what has flowed since the last look."""
        now_s, closed = self._monotonic_s(), self._is_closed()
        if self._closed:
            power_w = MAINS_V * self._load_a * self._phases
            self._milli_wh += power_w * (now_s - self._looked_at_s) * MILLI_WH_PER_WS
        self._looked_at_s, self._closed = now_s, closed

    def read(self) -> dict[str, Any]:
        """Return what flows now."""
        self.look()
        flowing = self._phases if self._closed else 0
        idle = 3 - flowing
        return {
            "closed": self._closed,
            "milli_wh": int(self._milli_wh),
            "current_a": [self._load_a] * flowing + [0.0] * idle,
            "voltage_v": [MAINS_V] * self._phases,
        }

    def close(self) -> None:
        """Leave the contact to whoever has opened it."""


def open_port(name: str, port: str, baudrate: int = 9600, **settings: Any) -> "serial.SerialBase":
    """Open a serial adapter of the desk for nobody else; raises `DriverFailed` with the remedy."""
    import serial  # noqa: PLC0415 - only a desk has such an adapter

    try:
        return serial.serial_for_url(port, baudrate, exclusive=True, timeout=0, **settings)
    except (serial.SerialException, ValueError) as error:
        raise DriverFailed(
            f"{name}: {port} cannot be opened: {error}; is the adapter plugged in, and may you use"
            " the port (group dialout)?"
        ) from error


def contact_at(adapter: "serial.SerialBase", line: str) -> Callable[[], bool]:
    """Return how to see a contact between a control line and RTS, which feeds it."""
    adapter.rts = True
    return lambda: bool(getattr(adapter, line))
