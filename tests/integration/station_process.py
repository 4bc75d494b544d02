"""A real `stationd run --with-guard` on the simulated board, driven over its bench socket."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.ocpp.endpoint import SecurityProfile
from hal.mock.backends import BoardControl
from tests.patience import PATIENT_S

CONFIG = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
state_dir = "{folder}/state"
[csms]
url = "{url}"
identity = "CS001"
versions = {versions}
security_profile = {profile:d}
allow_insecure = true
{csms}
[guard]
min_closing_interval_s = 0.0
grace_s = {grace_s}
[[evse]]
id = 1
connector_type = "{connector_type}"
max_current_a = 32
phases = 3
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
meter = {{ backend = "mock" }}
reader = {reader}
{outlet}
[bench]
socket = "{folder}/bench.sock"
real_instruments = true
[log]
level = "{log_level}"
[variables]
"SampledDataCtrlr.TxUpdatedInterval" = 1
"OCPPCommCtrlr.RetryBackOffWaitMinimum" = 1
"OCPPCommCtrlr.RetryBackOffRandomRange" = 0
"OCPPCommCtrlr.MessageTimeout[Default]" = {message_timeout_s}
{variables}
"""


TOKEN = "DEADBEEF"


async def until_true(condition: Callable[[], object], within_s: float = PATIENT_S) -> None:
    """Wait until something holds; fails when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while loop.time() < deadline:
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"did not come true within {within_s} s")


@dataclass
class StationProcess:
    """Starts, kills and drives a station whose state is in `folder`."""

    folder: Path
    url: str
    versions: tuple[str, ...]
    process: asyncio.subprocess.Process | None = None
    grace_s: float = 60.0
    profile: SecurityProfile = SecurityProfile.NONE
    csms: str = ""
    log_level: str = "info"
    message_timeout_s: int = 5
    variables: str = ""
    connector_type: str = "cType2"
    outlet: str = ""
    reader: str = '{ backend = "mock" }'
    tree: Path | None = None
    """The source tree of another version of the product to be run; None runs this one."""

    def configure(self, versions: tuple[str, ...] | None = None) -> Path:
        """Write the configuration file."""
        self.versions = versions or self.versions
        text = CONFIG.format(
            folder=self.folder,
            url=self.url,
            versions=json.dumps(self.versions),
            profile=self.profile,
            csms=self.csms,
            log_level=self.log_level,
            message_timeout_s=self.message_timeout_s,
            variables=self.variables,
            grace_s=self.grace_s,
            connector_type=self.connector_type,
            outlet=self.outlet,
            reader=self.reader,
        )
        file = self.folder / "station.toml"
        file.write_text(text)
        return file

    async def start(self) -> None:
        """Start the daemon and wait until its bench answers."""
        file = self.configure()
        with (self.folder / "station.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "agent", "run", "--config", str(file), "--with-guard"),
                stdout=log,
                stderr=log,
                cwd=self.tree,
            )
        await self.until(lambda: True, PATIENT_S)

    async def kill(self) -> None:
        """Kill the daemon without warning; guard and board live on."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Stop the daemon as a service manager would."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENT_S)

    async def dispose(self) -> None:
        """End everything that was started: daemon, guard and board."""
        if self.process is not None:
            await self.kill()
        for pid in self.helpers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    @property
    def log(self) -> str:
        """What the daemon has logged so far."""
        return (self.folder / "station.log").read_text("utf-8", "replace")

    @property
    def rss_kib(self) -> int:
        """The daemon's memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    async def says(self, words: str, within_s: float = PATIENT_S) -> None:
        """Wait until the daemon has logged something."""
        await until_true(lambda: words in self.log, within_s)

    async def charge(self, token: str = TOKEN) -> str:
        """Plug in, swipe, and return the transaction once energy flows."""
        await self.bench("plug_in")
        await self.until(lambda e: e["plugged_in"] and e["limit_a"] > 0)
        await self.bench("swipe", token=token)
        evse = await self.until(lambda e: e["contactor_closed"] and e["meter"]["power_w"] > 4000)
        transaction: str = evse["transaction"]["id"]
        return transaction

    def board(self) -> BoardControl:
        """Return the bench of the board itself, which works while the daemon is dead."""
        return BoardControl(self.folder / "state")

    def helpers(self) -> list[int]:
        """Return the processes of guard and board, by the folder in their command lines."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = entry.read_bytes().split(b"\0")
                ours = any(str(self.folder).encode() in word for word in words)
                if ours and {b"hal.guard", b"hal.mock"} & set(words):
                    found.append(int(entry.parent.name))
        return found

    async def bench(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Carry out one bench operation; raises ConnectionError while the daemon is down."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "bench.sock")
        try:
            writer.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            line = await asyncio.wait_for(reader.readline(), PATIENT_S)
        finally:
            writer.close()
        if not line:
            raise ConnectionResetError("the daemon went away")
        answer: dict[str, Any] = json.loads(line)
        assert answer["ok"], answer
        return answer

    async def security_log(self) -> list[str]:
        """Return the types of the events in the security log, oldest first."""
        answer = await self.local("security_log")
        return [entry["type"] for entry in answer["security_log"]]

    async def local(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Ask or order something on site, as the commands of `stationd` do."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "state" / "api.sock")
        try:
            writer.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(
                await asyncio.wait_for(reader.readline(), PATIENT_S)
            )
        finally:
            writer.close()
        return answer

    async def evse(self) -> dict[str, Any]:
        """Return what can be measured and what the station thinks of EVSE 1."""
        evse: dict[str, Any] = (await self.bench("state"))["evses"][0]
        return evse

    async def until(self, holds: Any, timeout_s: float = PATIENT_S) -> dict[str, Any]:
        """Wait until something holds of EVSE 1, or of nothing at all: then until it answers."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        last: Any = "no answer"
        while loop.time() < deadline:
            with contextlib.suppress(OSError):
                last = await self.evse()
                if holds.__code__.co_argcount == 0 or holds(last):
                    return dict(last)
            await asyncio.sleep(0.02)
        log = (self.folder / "station.log").read_text()[-3000:]
        raise AssertionError(f"did not come true within {timeout_s} s; last: {last}\n{log}")
