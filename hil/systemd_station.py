"""A station under systemd on another machine: its two units, its files and its commands.

Whoever derives from it says how to run a command there and how to put a file there.
"""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.drivers import DriverFailed, Process, StationDriver, StationPlan
from hil.station_file import Place, station_toml, wired

CONFIG = "/etc/stationd/station.toml"
STATE_DIR = "/var/lib/stationd"
UNITS: Mapping[Process, str] = {
    Process.GUARD: "stationd-guard.service",
    Process.DAEMON: "stationd.service",
}
START_S = 30.0
_POLL_S = 0.2


class SystemdStationDriver(StationDriver):
    """Drives the units `stationd-guard` and `stationd`; each test begins with an empty station."""

    _wanted = False

    @abstractmethod
    async def run(self, *words: str) -> tuple[int, str]:
        """Run a command as root on the station; return its exit code and what it printed."""

    @abstractmethod
    async def put(self, path: str, text: str) -> None:
        """Write a file on the station."""

    @property
    def board(self) -> str:
        """The board file that the station is configured with."""
        return ""

    async def begin(self, folder: Path) -> None:
        del folder
        await self._systemctl("stop", UNITS[Process.DAEMON], UNITS[Process.GUARD])
        await self._must("find", STATE_DIR, "-mindepth", "1", "-delete")

    async def finish(self) -> None:
        self._wanted = False
        await self.run("systemctl", "stop", *UNITS.values())

    @property
    def is_running(self) -> bool:
        return self._wanted

    async def configure(self, plan: StationPlan) -> None:
        place = Place(
            state_dir=STATE_DIR,
            evses=wired(self.target, plan),
            min_closing_interval_s=self.target.bench.min_closing_interval_s,
            guard={"socket": "/run/stationd-guard/guard.sock", "group": "stationd-guard"},
            local_api={"socket": "/run/stationd/api.sock"},
            hardware={"board": self.board} if self.board else None,
        )
        await self.put(CONFIG, station_toml(plan, place))

    async def start(self) -> None:
        self._wanted = True
        await self._systemctl("start", UNITS[Process.GUARD], UNITS[Process.DAEMON])
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + START_S * self.target.bench.patience
        while not await self._answers():
            if loop.time() > give_up_s:
                raise DriverFailed(f"the station does not answer: {(await self.log())[-2000:]}")
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        self._wanted = False
        await self._systemctl("stop", UNITS[Process.DAEMON])

    async def kill(self, process: Process) -> None:
        """Kill the unit's main process; systemd starts it again after 100 ms."""
        await self._signal(process, "KILL")

    async def freeze(self, process: Process) -> None:
        await self._signal(process, "STOP")

    async def thaw(self, process: Process) -> None:
        await self._signal(process, "CONT")

    async def ask(self, op: str) -> Mapping[str, Any]:
        code, said = await self.command(op.replace("_", "-"), "--json")
        if code:
            raise ConnectionError(f"the daemon does not answer '{op}': {said}")
        answer: Mapping[str, Any] = json.loads(said)
        return answer

    async def command(self, *words: str) -> tuple[int, str]:
        return await self.run("stationd", *words, "--config", CONFIG)

    async def log(self) -> str:
        units = [word for unit in UNITS.values() for word in ("-u", unit)]
        _, said = await self.run("journalctl", "--no-pager", "-b", "-n", "400", *units)
        return said

    async def _answers(self) -> bool:
        try:
            await self.ask("status")
        except ConnectionError:
            return False
        return True

    async def _signal(self, process: Process, name: str) -> None:
        await self._systemctl("kill", f"--signal={name}", "--kill-whom=main", UNITS[process])

    async def _systemctl(self, *words: str) -> None:
        await self._must("systemctl", *words)

    async def _must(self, *words: str) -> None:
        code, said = await self.run(*words)
        if code:
            raise DriverFailed(f"{self.name}: `{' '.join(words)}` failed on the station: {said}")
