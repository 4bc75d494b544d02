"""The product in the machine: its units, as on a device, and the mains that feed the machine."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hil.drivers import PowerDriver, StationPlan
from hil.sim.board import BoardDriver
from hil.systemd_station import STATE_DIR, SystemdStationDriver
from hil.virtual.machine import CSMS_ADDRESS, CSMS_PORT
from hil.virtual.machine_driver import MachineDriver
from hil.virtual.resources import VirtualStation

if TYPE_CHECKING:
    from hil.target import Target

BOARD = "/etc/stationd/board.toml"
API = "/run/stationd/api.sock"


class VirtualStationDriver(SystemdStationDriver, PowerDriver):
    """Runs the units in the machine; the CSMS on this computer is behind an address of its own."""

    forgets_unwritten = True

    def __init__(self, resource: VirtualStation, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource

    async def begin(self, folder: Path) -> None:
        await self.run("mkdir", "--parents", STATE_DIR)  # which the units' first start makes
        await super().begin(folder)

    async def run(self, *words: str) -> tuple[int, str]:
        done = await self._on.run(*words)
        return done.code, done.out + done.err

    async def put(self, path: str, text: str) -> None:
        await self._on.write(path, text)

    @property
    def board(self) -> str:
        return BOARD

    async def configure(self, plan: StationPlan) -> None:
        url = urlsplit(plan.csms_url)
        self._on.machine.relay_file.write_text(str(url.port), "ascii")
        seen = url._replace(netloc=f"{CSMS_ADDRESS}:{CSMS_PORT}").geturl()
        await self.put(BOARD, self._resource.board.read_text("utf-8"))
        await super().configure(replace(plan, csms_url=seen))

    async def ask(self, op: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = json.loads(await self._on.ask(API, json.dumps({"op": op})))
        return answer

    # --- PowerDriver.

    async def off(self) -> None:
        """Stop the machine between two instructions; what it drove falls."""
        self._wanted = False
        self._boots = len(self._on.machine.control.boots)
        await asyncio.to_thread(self._on.machine.qmp.execute, "stop")
        self._on.card.reset()
        self.target.driver(BoardDriver).ask("bench", {"op": "power_fail"})

    async def on(self) -> None:
        """Let the machine boot from its disk."""
        self.target.driver(BoardDriver).ask("bench", {"op": "power_on"})
        await asyncio.to_thread(self._on.machine.reset)
        await asyncio.to_thread(self._on.machine.qmp.execute, "cont")
        await self._on.is_up_again(self._boots + 1)

    @property
    def _on(self) -> MachineDriver:
        return self.target.named(self._resource.machine, MachineDriver)
