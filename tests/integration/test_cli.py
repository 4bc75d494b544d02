"""The commands against a real daemon with guard and mock board."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import main
from agent.sim.csms import Csms
from agent.sim.csms_station import Station
from agent.sim.demo_station import _STATION_TOML, IDENTITY, DemoStation, StationNotStarted
from tests.patience import PATIENT_S

ROOT = Path(__file__).parents[2]
VERSION = "ocpp2.0.1"


@dataclass(slots=True)
class Running:
    """A station that runs, its record at the CSMS, and the commands' output."""

    processes: DemoStation
    station: Station
    capture: pytest.CaptureFixture[str]

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command against the station; return its exit code and what it printed."""
        socket = self.processes.api_socket
        if arguments[0] == "bench":
            socket = self.processes.bench_socket
        self.capture.readouterr()
        code = await asyncio.to_thread(main, [*arguments, "--socket", str(socket)])
        told = self.capture.readouterr()
        return code, told.out + told.err

    async def facts(self, *arguments: str) -> dict[str, Any]:
        """Run a command with --json and return what it told."""
        code, told = await self.command(*arguments, "--json")
        assert code == 0, told
        facts: dict[str, Any] = json.loads(told)
        return facts

    async def with_guard(self) -> dict[str, Any]:
        """Return the status as soon as the daemon has found its guard."""
        for _ in range(200):
            facts = await self.facts("status")
            if facts["guard"]["connected"]:
                return facts
            await asyncio.sleep(0.02)
        raise AssertionError("the guard was never found")

    async def ended_transaction(self) -> dict[str, Any]:
        """Return the only transaction as soon as the daemon lists it as ended."""
        for _ in range(200):
            (found, *_) = (await self.facts("transactions"))["transactions"] or [{}]
            if found.get("ended_at"):
                return dict(found)
            await asyncio.sleep(0.02)
        raise AssertionError("the transaction was never listed as ended")

    async def bench(self, *arguments: str) -> None:
        """Carry out a bench operation."""
        code, told = await self.command("bench", *arguments)
        assert code == 0, told


@pytest.fixture
async def running(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Running]:
    async with (
        Csms(versions=[VERSION], ping_interval_s=None) as csms,
        DemoStation(csms.url, VERSION) as processes,
    ):
        await processes.start()
        try:
            bench = await processes.connect(processes.bench_socket, 10)
        except StationNotStarted as error:
            pytest.fail("\n".join([str(error), *processes.log_tail()]))
        async with bench:
            pass
        yield Running(processes, await csms.wait_for_station(IDENTITY), capsys)


async def test_a_session_driven_by_commands_is_told_by_commands(running: Running) -> None:
    await running.station.wait_for(lambda s: s.statuses.get((1, 1)) == "Available")
    idle = await running.with_guard()
    assert idle["station"]["identity"] == IDENTITY
    assert idle["csms"]["online"] is True
    assert idle["evses"][0]["transaction"] is None

    await running.bench("vehicle", "--max-a", "16", "--phases", "3")
    await running.bench("plug_in")
    await running.bench("swipe", "--token", "DEADBEEF")
    await running.station.wait_for(lambda s: s.last_transaction)
    await running.station.wait_for(
        lambda s: (
            any(e.charging_state == "Charging" for e in s.last_transaction.events)
            if s.last_transaction
            else False
        )
    )
    code, told = await running.command("status")
    assert code == 0
    assert "Occupied Charging" in told
    assert "closed" in told
    (charging,) = (await running.facts("bench", "state"))["evses"]
    assert charging["pilot_state"] == "C"
    assert charging["contactor_closed"] is True
    (running_one,) = (await running.facts("transactions"))["transactions"]
    assert running_one["ended_at"] is None

    await running.bench("swipe", "--token", "DEADBEEF")
    await running.station.wait_for(
        lambda s: s.last_transaction is not None and s.last_transaction.ended
    )
    ended = await running.ended_transaction()
    assert ended["id"] == next(iter(running.station.transactions))
    assert len(ended["records"]) == 2
    code, told = await running.command("transactions")
    assert code == 0
    assert "2 records" in told


async def test_faults_and_the_network_are_switched_by_commands(running: Running) -> None:
    await running.bench("error", "--code", "rcd", "--on")
    await running.station.wait_for(lambda s: s.statuses.get((1, 1)) == "Faulted")
    assert (await running.facts("status"))["evses"][0]["faults"] == ["rcd"]
    await running.bench("net", "--down")
    await running.station.wait_for(lambda s: not s.connected)
    offline = (await running.facts("status"))["csms"]
    assert (offline["online"], offline["connected"]) == (False, False)
    await running.bench("net", "--up")


async def test_an_export_is_a_whole_document_without_secrets(
    running: Running, tmp_path: Path
) -> None:
    out = tmp_path / "export.json"
    code, told = await running.command("export", "--out", str(out))
    assert code == 0, told
    document = json.loads(out.read_text())
    assert document["transactions"] == []
    variables = document["variables"]
    assert variables["SampledDataCtrlr.TxUpdatedInterval"] == "2"
    assert not [name for name in variables if "Password" in name]


async def test_what_the_bench_refuses_is_a_failure_with_its_reason(running: Running) -> None:
    code, told = await running.command("bench", "plug_in", "--evse", "9")
    assert code == 1
    assert "there is no EVSE 9" in told


def stationd(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENT_S,
    )


def test_the_example_configuration_is_valid() -> None:
    done = stationd("check-config", "config/station.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'csms.identity = "CS001"' in done.stdout


BROKEN = {
    "unknown key": ("max_current_a", "max_currant_a", "max_currant_a"),
    "unknown variable": ("TxUpdatedInterval", "TxUpdatedIntervall", "TxUpdatedInterval"),
    "value out of range": ('TxUpdatedInterval" = 2', 'TxUpdatedInterval" = -1', "variables"),
    "unknown backend": ('meter = { backend = "mock" }', 'meter = { backend = "mokc" }', "mokc"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_configuration_is_refused_with_file_key_and_reason(
    tmp_path: Path, case: str
) -> None:
    right, wrong, named = BROKEN[case]
    text = _STATION_TOML.format(csms_url="ws://127.0.0.1:1/o", identity="CS1", version=VERSION)
    file = tmp_path / "station.toml"
    assert text.count(right)
    file.write_text(text.replace(right, wrong))
    done = stationd("check-config", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(file) in done.stderr
    assert named in done.stderr
    done = stationd("check-config", str(file), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"][0]["file"] == str(file)


def test_the_daemon_refuses_a_broken_configuration_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("[station]\n")
    done = stationd("run", "--config", str(file))
    assert done.returncode == 1
    assert "csms.url" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_told_with_the_remedy() -> None:
    async def try_twice() -> subprocess.CompletedProcess[str]:
        async with Csms() as first:
            return await asyncio.to_thread(stationd, "csms", "--port", str(first.port))

    done = asyncio.run(try_twice())
    assert done.returncode == 1
    assert "choose another --port" in done.stdout
