"""Energy meters that are played on a real serial port: its own baud rate paces what is said."""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.rigs.modbus_meter import MeterLine, SimulatedMeter

if TYPE_CHECKING:
    import serial

TURN_S = 0.005
"""A meter thinks before it answers; Modbus wants 3.5 characters of silence, 3.6 ms at 9600 baud."""


class MeterOnPort(MeterLine):
    """A line with meters on it, at an adapter that somebody has opened and will close."""

    def __init__(self, adapter: "serial.SerialBase") -> None:
        super().__init__(Path(str(adapter.port)))
        self._adapter = adapter

    def attach(self, meter: SimulatedMeter) -> SimulatedMeter:
        """Put a meter on the line."""
        meter.think_s = max(meter.think_s, TURN_S)
        return super().attach(meter)

    def plug_in(self) -> None:
        """Answer from now on; what was asked before nobody waits for any more."""
        self._adapter.reset_input_buffer()
        self.listen(self._adapter.fileno())

    def unplug(self) -> None:
        """Fall silent."""
        self.deafen()
