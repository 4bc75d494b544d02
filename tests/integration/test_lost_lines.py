"""A real guard and daemon on lines that this machine does not have: `stationd why` names them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.__main__ import main

CONFIG = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
state_dir = "state"
[csms]
url = "ws://127.0.0.1:9/ocpp"
identity = "CS001"
security_profile = 0
allow_insecure = true
[[evse]]
id = 1
connector_type = "cType2"
max_current_a = 32
phases = 3
meter = { backend = "modbus", profile = "eastron_sdm630", port = "/dev/serial/by-id/absent" }
[evse.pilot]
backend = "gpio"
pwm = { device = "no-such.pwm" }
adc = { kind = "iio", device = "none", channel = 0, calibration = [[0, -12], [3, 12]] }
[evse.contactor]
backend = "gpio"
coil = { chip = "no-such-chip", line = 1 }
mirror = { chip = "no-such-chip", line = 2 }
monostable = { chip = "no-such-chip", line = 3 }
"""


@asynccontextmanager
async def running(folder: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of the two programs, and end it."""
    with (folder / f"{words[0]}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *words, "run", "--config", str(folder / "station.toml")),
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def why(folder: Path, words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Wait until `stationd why` says something; return all that it says."""
    told = ""
    for _ in range(150):
        await asyncio.to_thread(main, ["why", "--config", str(folder / "station.toml")])
        told = capsys.readouterr().out
        if words in told:
            return told
        await asyncio.sleep(0.1)
    raise AssertionError(f"never said {words!r}:\n{told}")


async def test_lines_that_are_not_there_are_named_to_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(CONFIG)
    async with running(tmp_path, "hal.guard") as guard, running(tmp_path, "agent"):
        told = await why(tmp_path, "there is no GPIO chip 'no-such-chip'", capsys)
        lost = "the station has lost its electronics: try another outlet (there is no GPIO chip"
        assert f"EVSE 1 does not charge: {lost}" in told
        await why(tmp_path, "/dev/serial/by-id/absent does not exist; plug the adapter in", capsys)
        guard.terminate()
        await guard.wait()
        told = await why(tmp_path, "safety guard is not running", capsys)
        assert "no-such-chip" not in told


async def test_a_guard_that_refuses_its_board_is_quoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = CONFIG.replace("line = 2 }", "line = 1 }")
    (tmp_path / "station.toml").write_text(without)
    async with running(tmp_path, "hal.guard") as guard, running(tmp_path, "agent"):
        told = await why(tmp_path, "it said: ", capsys)
        assert "line 1 of no-such-chip is both an input and an output" in told
        assert "safety guard is not running" in told
        assert await guard.wait() == 1
