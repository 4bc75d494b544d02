"""The simulated board's process, its cars and faults, and the instruments at its outlets."""

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from hal.api import PilotState
from hal.mock import wire
from hal.mock.client import try_connect
from hal.mock.operations import BENCH_FAULTS
from hil.drivers import (
    CardDriver,
    CarDriver,
    DriverFailed,
    FaultDriver,
    MeterDriver,
    OutletDriver,
    OutletFacts,
    Tables,
)
from hil.sim.process import spawn
from hil.sim.resources import BoardMeter, BoardReader

LINES = ("pilot", "contactor", "proximity", "lock", "rcm", "emergency_stop", "fault_inputs")
ANSWER_S = 2.0
START_S = 10.0
_MOCK: Mapping[str, object] = {"backend": "mock"}
_OF_WIRES = frozenset({"meter_lost", "reader_lost"})


class BoardDriver(CarDriver, FaultDriver, OutletDriver):
    """Runs the board for one test, and talks to it as a client that wants its answer at once."""

    state_dir: Path
    _process: asyncio.subprocess.Process
    _connection: socket.socket

    async def begin(self, folder: Path) -> None:
        self.state_dir = folder / "state"
        self.state_dir.mkdir(mode=0o700)
        self._number = 0
        command = (sys.executable, "-m", "hal.mock", "--state-dir", str(self.state_dir))
        self._process = await spawn(folder / "board.log", *command, "--linger-s", "600")
        self._connection = await self._connect()
        self.ask("open", list(range(1, self.target.bench.evses + 1)))

    async def finish(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()
        if hasattr(self, "_process"):
            self._process.terminate()
            await self._process.wait()

    def tables(self, evse: int) -> Tables:
        del evse
        return dict.fromkeys(LINES, _MOCK)

    # --- Talking to the board.

    def operate(self, op: str, evse: int, **request: object) -> Mapping[str, Any]:
        """Carry out a bench operation of the board; raises `DriverFailed`."""
        return self.ask("bench", {"op": op, "evse": evse, **request})

    def ask(self, what: str, body: object) -> Mapping[str, Any]:
        """Ask the board; raises `DriverFailed`."""
        self._number += 1
        question = {"id": self._number, "ask": what, "body": body}
        try:
            self._connection.send(json.dumps(question).encode())
            answer = json.loads(self._connection.recv(wire.MAX_DATAGRAM))
        except OSError as error:
            raise DriverFailed(f"the simulated board does not answer: {error}") from error
        if answer.get("ok") is not True:
            raise DriverFailed(f"the simulated board refused {body}: {answer.get('error')}")
        told: Mapping[str, Any] = answer
        return told

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + START_S * self.target.bench.patience
        while (connection := try_connect(self.state_dir)) is None:
            if loop.time() > give_up_s or self._process.returncode is not None:
                raise DriverFailed(f"no board came up in {self.state_dir}; see board.log beside it")
            await asyncio.sleep(0.02)
        connection.settimeout(ANSWER_S)
        return connection

    # --- CarDriver.

    async def plug_in(self, evse: int) -> None:
        self.operate("plug_in", evse)

    async def unplug(self, evse: int) -> None:
        self.operate("plug_out", evse)

    async def want(self, evse: int, *, energy: bool) -> None:
        self.operate("resume" if energy else "pause", evse)

    async def fit(self, evse: int, *, max_a: float, phases: int) -> None:
        self.operate("vehicle", evse, max_a=max_a, phases=phases)

    # --- FaultDriver.

    @property
    def faults(self) -> frozenset[str]:
        return frozenset(BENCH_FAULTS) - _OF_WIRES

    async def set_fault(self, evse: int, fault: str, *, on: bool) -> None:
        self.operate("error", evse, code=fault, on=on)

    # --- OutletDriver.

    def facts(self, evse: int) -> OutletFacts:
        state = self.operate("state", evse)["evses"][0]
        return OutletFacts(
            contactor_closed=state["contactor_closed"],
            pilot_state=PilotState(state["pilot_state"]),
            duty=state["duty"],
            current_a=max(state["meter"]["current_a"]),
            delivered_wh=Decimal(str(state["delivered_wh"])),
            coil=state["coil"],
            closings=state["closings"],
            lock_engaged=state["lock_engaged"],
            cable_inserted=state["cable_a"] is not None,
            plugged=state["plugged"],
            fault_to_open_ms=state["last_fault_to_open_ms"],
            leave_to_open_ms=state["last_leave_to_open_ms"],
        )


class BoardMeterDriver(MeterDriver):
    """The board's own meter."""

    def __init__(self, resource: BoardMeter, target: Any) -> None:
        super().__init__(resource, target)
        self._evse = resource.evse

    @property
    def evse(self) -> int:
        return self._evse

    def tables(self, evse: int) -> Tables:
        return {"meter": _MOCK} if evse == self._evse else {}


class BoardReaderDriver(CardDriver):
    """The board's own reader."""

    def __init__(self, resource: BoardReader, target: Any) -> None:
        super().__init__(resource, target)
        self._evses = resource.evses

    @property
    def evses(self) -> tuple[int, ...]:
        return self._evses

    def tables(self, evse: int) -> Tables:
        return {"reader": _MOCK} if evse in self._evses else {}

    async def present(self, token: str) -> None:
        body = {"op": "swipe", "token": token, "evses": list(self._evses)}
        self.target.driver(BoardDriver).ask("bench", body)
