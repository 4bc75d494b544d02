"""`stationd hal-check` on a real simulated board, and the guard's own look before it begins."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.__main__ import main
from hal import registry
from hal.guard import spawn
from hal.guard.__main__ import main as guard_main
from hal.guard.exit_codes import FAILED
from hal.mock.backends import BoardControl

CONFIG = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
state_dir = "state"
[hardware]
board = "simulated"
[csms]
url = "ws://127.0.0.1:9000/ocpp"
identity = "CS001"
security_profile = 0
allow_insecure = true
[[evse]]
id = 1
connector_type = "sType2"
max_current_a = 32
phases = 3
[[smart_charging.receiver]]
id = "grid"
fail_safe_a = 6
relays.k1 = { backend = "mock" }
states = [{ on = [] }, { on = ["k1"], limit_a = 6 }]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "station.toml"
    file.write_text(CONFIG)
    return file


async def test_a_simulated_board_is_checked_and_its_faults_are_found(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = BoardControl(config.parent / "state")
    await bench.operate({"op": "error", "evse": 1, "code": "contactor_welded", "on": True})
    await bench.operate({"op": "error", "evse": 1, "code": "estop", "on": True})
    checked = await asyncio.to_thread(main, ["hal-check", "--config", str(config), "--json"])
    told = json.loads(capsys.readouterr().out)
    await bench.close()
    assert checked == 1
    devices = {finding["device"]: finding for finding in told["findings"]}
    assert {"pilot +12 V", "rcm", "lock", "proximity", "meter", "reader"} <= devices.keys()
    wrong = {device for device, finding in devices.items() if not finding["ok"]}
    assert wrong == {"contactor", "input estop"}
    assert devices["relay grid.k1"]["message"].startswith("is off now")
    assert "nothing drives coil_3ph" in devices["contactor"]["message"]


def test_while_a_guard_runs_the_lines_are_left_to_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = subprocess.Popen([sys.executable, "-m", "hal.guard", "run", "--config", config])
    try:
        while not spawn.is_alive(config.parent / "state" / "guard.sock"):
            time.sleep(0.01)
        assert main(["hal-check", "--config", str(config)]) == 1
    finally:
        guard.kill()
        guard.wait(10)
    told = capsys.readouterr().out
    assert "WRONG  station  guard: a guard is running and owns the lines" in told
    assert "systemctl stop stationd-guard" in told
    assert "ok     EVSE 1  meter" in told
    assert "contactor" not in told


def test_a_board_that_does_not_exist_is_a_mistake_of_the_configuration(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hal-check", "--config", str(config), "--board", "raspberry"]) == 1
    assert "there is no such board file; there is generic-libgpiod" in capsys.readouterr().err


def test_a_guard_does_not_begin_where_its_death_would_leave_contactors_closed(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hal.guard.__main__.log_to_standard_error", lambda: None)
    monkeypatch.setitem(registry._ARMINGS, "mock", lambda _: ("EVSE 1: outputs stay; do this",))
    assert guard_main(["run", "--config", str(config)]) == FAILED
    assert "stationd-guard: EVSE 1: outputs stay; do this" in capsys.readouterr().err
    assert guard_main(["safe", "--config", str(config)]) == 0
