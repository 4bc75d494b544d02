"""`python -m hil.desk.bay`: a process that plays the meter of a desk and looks at the contactor.

It knows the requests of `hil.sim.bay`, and `load` and `meter` on the computer's own adapters.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hal.modbus.profile_file import load_profile
from hil.desk.load import LOOK_S, Load, contact_at, open_port
from hil.sim.bay import Bay, serve
from tests.rigs.meter_on_port import MeterOnPort

if TYPE_CHECKING:
    import serial


class DeskBay(Bay):
    """The devices of a desk by name; those of one test go with `clear`."""

    def __init__(self) -> None:
        super().__init__()
        self._loads: dict[str, Load] = {}
        self._ports: list[serial.SerialBase] = []
        self._looking: asyncio.Task[None] | None = None
        self._orders |= {
            "load": self._add_load,
            "flow": lambda name: json.dumps(self._loads[name].read()),
            "meter": self._add_desk_meter,
        }

    def _add_load(self, name: str, port: str, line: str, load_a: float, phases: int) -> None:
        """Look at the contact between RTS and `line` of an adapter from now on."""
        adapter = self._open(name, port)
        self._loads[name] = Load(contact_at(adapter, line), load_a=load_a, phases=phases)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def _add_desk_meter(self, name: str, line: Mapping[str, Any], at: Mapping[str, Any]) -> None:
        """Play a meter; `line` is its port, its baud rate and the load that it measures."""
        settings = replace(load_profile(at["profile"]).serial, baudrate=line["baudrate"])
        adapter = self._open(
            name,
            line["port"],
            settings.baudrate,
            parity=settings.parity,
            stopbits=settings.stopbits,
        )
        self._lines[name] = MeterOnPort(adapter)
        self._lines[name].plug_in()
        self._attach(name, self._lines[name], at, self._loads[line["load"]])

    async def _look(self) -> None:
        while True:
            for load in self._loads.values():
                load.look()
            await asyncio.sleep(LOOK_S)

    def clear(self) -> None:
        super().clear()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for port in self._ports:
            port.close()
        self._loads, self._ports = {}, []

    def _open(
        self, name: str, port: str, baudrate: int = 9600, **settings: Any
    ) -> "serial.SerialBase":
        adapter = open_port(name, port, baudrate, **settings)
        self._ports.append(adapter)
        return adapter


if __name__ == "__main__":
    serve(DeskBay)
