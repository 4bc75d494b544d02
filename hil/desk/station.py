"""The station of a desk, reached by ssh."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import TYPE_CHECKING

from hil.desk.resources import SshStation
from hil.drivers import DriverFailed
from hil.systemd_station import SystemdStationDriver

if TYPE_CHECKING:
    from hil.target import Target

OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=5")
REACHED_S = 60.0
NOT_REACHED = 255
"""What ssh itself ends with."""


class SshStationDriver(SystemdStationDriver):
    """Runs commands on the station by ssh; waits for it after its power came back."""

    def __init__(self, resource: SshStation, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource

    @property
    def board(self) -> str:
        return self._resource.board

    async def begin(self, folder: Path) -> None:
        if not self._resource.wipe_state:
            raise DriverFailed(
                f"{self.target.bench.path}: resources.{self.name}.wipe_state is not true, and each"
                f" test deletes what {self._resource.host} has stored; set it if that is meant"
            )
        await self._is_reached()
        await super().begin(folder)

    async def start(self) -> None:
        await self._is_reached()
        await super().start()

    async def run(self, *words: str) -> tuple[int, str]:
        return await self._ssh(shlex.join(words), b"")

    async def put(self, path: str, text: str) -> None:
        code, said = await self._ssh(shlex.join(["tee", path]), text.encode())
        if code:
            raise DriverFailed(f"{path} cannot be written on {self._resource.host}: {said}")

    async def _is_reached(self) -> None:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + REACHED_S * self.target.bench.patience
        while (said := await self.run("true"))[0]:
            if loop.time() > give_up_s:
                raise DriverFailed(
                    f"`ssh {self._resource.host}` does not work: {said[1].strip()}; is the station"
                    " switched on, and is your key among its authorized keys?"
                )
            await asyncio.sleep(1.0)

    async def _ssh(self, command: str, given: bytes) -> tuple[int, str]:
        program = await asyncio.create_subprocess_exec(
            *("ssh", *OPTIONS, self._resource.host, command),
            stdin=PIPE if given else DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        said, _ = await program.communicate(given or None)
        return program.returncode or 0, said.decode("utf-8", "replace")
