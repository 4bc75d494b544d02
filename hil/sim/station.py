"""The station as processes of this computer: a guard, a daemon, and who starts them."""

import asyncio
import contextlib
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from asyncio.subprocess import Process as Child
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hal.guard.spawn import is_alive
from hil.drivers import DriverFailed, PowerDriver, Process, StationDriver, StationPlan
from hil.sim.board import BoardDriver
from hil.sim.process import spawn
from hil.sim.resources import LocalStation
from hil.station_file import Place, station_toml, wired

if TYPE_CHECKING:
    from hil.target import Target

START_S = 20.0
STOP_S = 10.0
ANSWER_S = 5.0
LONGEST_ANSWER = 1 << 24
_POLL_S = 0.02


class LocalStationDriver(StationDriver, PowerDriver):
    """Runs the two processes of a station in the folder of the test, and feels its mains."""

    def __init__(self, resource: LocalStation, target: "Target") -> None:
        super().__init__(resource, target)
        self._children: dict[Process, Child] = {}
        self._wanted = False

    async def begin(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "station.toml"
        self._wanted = False

    async def finish(self) -> None:
        await self._end_all()

    # --- StationDriver.

    @property
    def is_running(self) -> bool:
        return self._wanted

    async def configure(self, plan: StationPlan) -> None:
        self._config.write_text(station_toml(plan, self._place(plan)), encoding="utf-8")

    async def start(self) -> None:
        self._wanted = True
        config = str(self._config)
        await self._run(Process.GUARD, "hal.guard", "run", "--config", config)
        await self._until(lambda: asyncio.to_thread(is_alive, self._folder / "guard.sock"))
        await self._run(Process.DAEMON, "agent", "run", "--config", config)
        await self._until(self._answers)

    async def stop(self) -> None:
        self._wanted = False
        daemon = self._children[Process.DAEMON]
        if daemon.returncode is None:
            daemon.terminate()
        try:
            async with asyncio.timeout(STOP_S * self.target.bench.patience):
                await daemon.wait()
        except TimeoutError as error:
            raise DriverFailed(f"the daemon does not stop; {self._folder} has its log") from error

    async def kill(self, process: Process) -> None:
        self._wanted = self._wanted and process is not Process.DAEMON
        child = self._children[process]
        child.kill()
        await child.wait()

    async def freeze(self, process: Process) -> None:
        self._children[process].send_signal(signal.SIGSTOP)

    async def thaw(self, process: Process) -> None:
        self._children[process].send_signal(signal.SIGCONT)

    async def ask(self, op: str) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_S * self.target.bench.patience):
                return await self._converse(op)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"the daemon does not answer '{op}': {error}") from error

    async def command(self, *words: str) -> tuple[int, str]:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent", *words, "--config", str(self._config)),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await program.communicate()
        return program.returncode or 0, said.decode()

    async def log(self) -> str:
        files = (self._folder / f"{process}.log" for process in Process)
        return "".join(file.read_text("utf-8", "replace") for file in files if file.exists())

    # --- PowerDriver.

    async def off(self) -> None:
        self._wanted = False
        self.target.driver(BoardDriver).ask("bench", {"op": "power_fail"})
        await self._end_all()

    async def on(self) -> None:
        self.target.driver(BoardDriver).ask("bench", {"op": "power_on"})

    # --- Inside.

    def _place(self, plan: StationPlan) -> Place:
        return Place(
            state_dir="state",
            evses=wired(self.target, plan),
            min_closing_interval_s=self.target.bench.min_closing_interval_s,
            bench={"socket": "bench.sock", "real_instruments": True},
            guard={"socket": "guard.sock"},
            local_api={"socket": "api.sock"},
        )

    async def _end_all(self) -> None:
        while self._children:
            _, child = self._children.popitem()
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _run(self, process: Process, module: str, *arguments: str) -> None:
        known = self._children.get(process)
        if known is None or known.returncode is not None:
            log = self._folder / f"{process}.log"
            command = (sys.executable, "-m", module, *arguments)
            self._children[process] = await spawn(log, *command)

    async def _until(self, holds: Any) -> None:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + START_S * self.target.bench.patience
        while not await holds():
            ended = [p for p, child in self._children.items() if child.returncode is not None]
            if ended or loop.time() > give_up_s:
                what = f"the {ended[0]} ended" if ended else "the station does not answer"
                raise DriverFailed(f"{what}: {(await self.log())[-2000:]}")
            await asyncio.sleep(_POLL_S)

    async def _answers(self) -> bool:
        try:
            await self.ask("status")
        except ConnectionError:
            return False
        return True

    async def _converse(self, op: str) -> Mapping[str, Any]:
        socket = self._folder / "api.sock"
        reader, writer = await asyncio.open_unix_connection(socket, limit=LONGEST_ANSWER)
        try:
            writer.write(json.dumps({"op": op}).encode() + b"\n")
            answer: Mapping[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        return answer
