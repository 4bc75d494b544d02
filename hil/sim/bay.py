"""`python -m hil.sim.bay`: a process that plays the serial devices of a bench.

A real device does not wait for the processor of the station, so these have a process of their own,
with real-time priority where that is allowed. Requests come as JSON lines on the standard input:
`{"do": "reader" | "line" | "meter" | "clear" | ..., ...}`; each is answered with `{"ok": true,
"value": ...}` or `{"ok": false, "error": ...}`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hal.modbus.profile_file import load_profile
from hil.sim.plant_meter import BoardRegister, PlantMeter, Register
from tests.rigs import modbus_meter
from tests.rigs.modbus_meter import MeterLine, Misbehaviour
from tests.rigs.token_readers import LineReader, Pn532, Rdm6300, SimulatedReader, StrongLink, Twn4
from tests.rigs.token_readers import Misbehaviour as ReaderTrouble

PRIORITY = 30
READERS: Mapping[str, Callable[..., SimulatedReader]] = {
    "rdm6300": Rdm6300,
    "pn532": Pn532,
    "twn4": Twn4,
    "stronglink": StrongLink,
    "lines": LineReader,
}
_METER_TROUBLE: Mapping[str, Callable[..., Misbehaviour]] = {
    "silent": modbus_meter.silent,
    "late": modbus_meter.late,
    "garbage": modbus_meter.only_garbage,
    "bit_error": modbus_meter.bit_error,
    "wrong_count": modbus_meter.wrong_count,
    "wrong_device": modbus_meter.wrong_device,
    "busy": modbus_meter.exception,
}


class Bay:
    """The devices by name; those of one test go with `clear`."""

    def __init__(self) -> None:
        self._readers: dict[str, SimulatedReader] = {}
        self._lines: dict[str, MeterLine] = {}
        self._meters: dict[str, PlantMeter] = {}
        self._orders: dict[str, Callable[..., object]] = {
            "reader": self._add_reader,
            "line": self._add_line,
            "meter": self._add_meter,
            "clear": self.clear,
            "plug_in": lambda name: self._wired(name).plug_in(),
            "unplug": lambda name: self._wired(name).unplug(),
            "hold_card": lambda name, card: self._readers[name].hold_card(card),
            "remove_card": lambda name: self._readers[name].remove_card(),
            "looks": lambda name: len(self._readers[name].heard),
            "reader_trouble": self._trouble_reader,
            "meter_trouble": self._trouble_meter,
            "disturb_meter": self._disturb_meter,
            "swap_meter": lambda name, serial_number: self._meters[name].swap(serial_number),
        }

    def obey(self, request: Mapping[str, Any]) -> dict[str, object]:
        """Carry out one request and return its answer."""
        order = self._orders[request["do"]]
        arguments = {key: value for key, value in request.items() if key != "do"}
        return {"ok": True, "value": order(**arguments)}

    def _add_reader(self, name: str, port: str, protocol: str, baudrate: int) -> None:
        reader = READERS[protocol](Path(port), baudrate=baudrate)
        self._readers[name] = reader.__enter__()

    def _add_line(self, name: str, port: str, baudrate: int) -> None:
        self._lines[name] = MeterLine(Path(port), baudrate)
        self._lines[name].plug_in()

    def _add_meter(self, name: str, line: str, at: Mapping[str, Any], board: str) -> None:
        """Attach a meter; `at` is its profile, address, serial number and EVSE."""
        self._attach(name, self._lines[line], at, BoardRegister(Path(board), at["evse"]))

    def _attach(
        self, name: str, line: MeterLine, at: Mapping[str, Any], register: Register
    ) -> None:
        meter = PlantMeter(
            load_profile(at["profile"]),
            register,
            address=at["address"],
            serial_number=at["serial_number"],
        )
        line.attach(meter)
        self._meters[name] = meter

    def clear(self) -> None:
        """Take everything away."""
        for reader in self._readers.values():
            reader.close()
        for line in self._lines.values():
            line.unplug()
        for meter in self._meters.values():
            meter.register.close()
        self._readers, self._lines, self._meters = {}, {}, {}

    def _wired(self, name: str) -> SimulatedReader | MeterLine:
        return self._readers.get(name) or self._lines[name]

    def _trouble_reader(self, name: str, trouble: str) -> None:
        self._readers[name].misbehave(ReaderTrouble(trouble))

    def _disturb_meter(self, name: str, late_s: float) -> None:
        """Let the next answer be late, or have a bit turned over."""
        wrong = modbus_meter.late(late_s) if late_s else modbus_meter.bit_error()
        self._meters[name].misbehave(wrong, always=None)

    def _trouble_meter(self, name: str, trouble: str, **details: Any) -> None:
        """Let every answer go wrong, or none any more."""
        wrong = None if trouble == "none" else _METER_TROUBLE[trouble](**details)
        self._meters[name].misbehave(always=wrong)


async def _serve(bay: Bay) -> None:
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    while line := await requests.readline():
        try:
            answer = bay.obey(json.loads(line))
        except Exception as error:  # noqa: BLE001 - the test that asked for it hears of it
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    bay.clear()


def serve(new_bay: Callable[[], Bay]) -> None:
    """Serve until the standard input ends."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        sys.stderr.write("the devices of the bench run without real time and may be late\n")
    asyncio.run(_serve(new_bay()))


if __name__ == "__main__":
    serve(Bay)
