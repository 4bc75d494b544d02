"""Starts and drives `csms.js`; the library that it needs is installed once, when first needed."""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import PATIENT_S

Payload = dict[str, Any]

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "foreign_csms"
INSTALL_LIMIT_S = 60


class NotInstallable(Exception):
    """This machine cannot run the foreign CSMS; the message says why."""


class Refused(AssertionError):
    """The station answered a CALL with a CALLERROR, or not at all."""


def installed_modules() -> Path:
    """Return the folder of the library, installed once for all; raises NotInstallable."""
    if shutil.which("node") is None or (npm := shutil.which("npm")) is None:
        raise NotInstallable("node and npm are not installed")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _install(npm, folder)
    return folder / "node_modules"


def _install(npm: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise NotInstallable(f"npm ci did not end within {INSTALL_LIMIT_S} s") from late
    if done.returncode != 0:
        words = next(iter(done.stderr.splitlines()), "without a word")
        raise NotInstallable(f"npm ci failed: {words}")
    (folder / "complete").touch()


@dataclass
class Line:
    """One message of the station."""

    action: str
    payload: Payload


@dataclass
class ForeignCsms:
    """The other end of the CSMS's pipes: what it received, what it found wrong, what to order."""

    process: asyncio.subprocess.Process
    port: int = 0
    calls: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    _replies: dict[int, asyncio.Future[Payload]] = field(default_factory=dict)
    _orders: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def call(self, action: str, payload: Payload | None = None) -> Payload:
        """Send a CALL; return the answer, raise Refused if there is none."""
        answer = await self._order(op="call", action=action, payload=payload or {})
        if "error" in answer:
            raise Refused(f"{action}: {answer['error']} {answer['words']}")
        return dict(answer["payload"])

    async def status(self, action: str, payload: Payload | None = None) -> str:
        """Send a CALL; return the status of the answer."""
        return str((await self.call(action, payload))["status"])

    async def refusal(self, action: str, payload: Payload | None = None) -> str:
        """Send a CALL that the station refuses; return the error code."""
        return str((await self._order(op="call", action=action, payload=payload or {}))["error"])

    async def answers(self, action: str, payload: Payload | None) -> None:
        """Answer an action so from now on; None answers as ever."""
        await self._order(op="answers", action=action, payload=payload)

    def received(self, action: str, since: int = 0) -> list[Payload]:
        """Return the payloads of an action's CALLs since a mark, in their order."""
        return [line.payload for line in self.calls[since:] if line.action == action]

    def mark(self) -> int:
        """Return a mark of now, for `received` and `sees`."""
        return len(self.calls)

    async def sees(
        self,
        action: str,
        where: Callable[[Payload], object] = lambda _: True,
        since: int = 0,
        within_s: float = PATIENT_S,
    ) -> Payload:
        """Wait for a CALL of the station; return its payload."""

        def found() -> list[Payload]:
            return [payload for payload in self.received(action, since) if where(payload)]

        await self.until(found, f"{action}, got {self.received(action, since)[-5:]}", within_s)
        return found()[0]

    async def until(
        self, condition: Callable[[], object], what: str, within_s: float = PATIENT_S
    ) -> None:
        """Wait for something that the CSMS knows."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"waited {within_s} s in vain for {what}; {self.faults}") from None

    async def _order(self, **order: object) -> Payload:
        self._orders += 1
        number = self._orders
        self._replies[number] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, **order}).encode() + b"\n")
        return await self._replies[number]

    async def listen(self) -> None:
        """Take in what the CSMS tells until it ends."""
        assert self.process.stdout is not None
        async for text in self.process.stdout:
            self._take(json.loads(text))
            self._news.set()
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the foreign CSMS ended"))

    def _take(self, line: Payload) -> None:
        match line.pop("kind"):
            case "listening":
                self.port = line["port"]
            case "connected":
                self.connections.append(line["version"])
            case "call":
                self.calls.append(Line(**line))
            case "reply":
                self._replies.pop(line["id"]).set_result(line)
            case "fault":
                self.faults.append(f"{line['what']}\n  {line['frame'][:500]}")


@asynccontextmanager
async def foreign_csms(modules: Path, log: Path) -> AsyncIterator[ForeignCsms]:
    """Run the CSMS; nobody may have broken a rule in the end."""
    spec = importlib.util.find_spec("ocpp")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    schemas = Path(spec.submodule_search_locations[0]) / "v21" / "schemas"
    with log.open("wb") as words:
        process = await asyncio.create_subprocess_exec(
            *("node", str(HERE / "csms.js"), str(schemas)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=words,
            limit=4 * 1024 * 1024,
            env={**os.environ, "NODE_PATH": str(modules)},
        )
    csms = ForeignCsms(process)
    listening = asyncio.create_task(csms.listen())
    try:
        await csms.until(lambda: csms.port, f"node to listen; see {log}")
        yield csms
        assert csms.faults == []
    finally:
        listening.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
