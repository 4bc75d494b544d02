"""`[hardware] board`: a station that names its board needs few tables of its own."""

from pathlib import Path

import pytest

from agent.app.hardware import backend_problems
from agent.config.load import load
from agent.config.model import HardwareRole
from agent.config.problems import ConfigError
from hal.guard.settings import SettingsError
from hal.guard.settings import load as load_guard_settings

STATION = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
state_dir = "state"
[hardware]
board = "BOARD"
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
"""
METER = 'meter = { backend = "modbus", profile = "sdm630", port = "/dev/ttyUSB0", address = 1 }\n'


def write(folder: Path, board: str, more: str = "") -> Path:
    file = folder / "station.toml"
    file.write_text(STATION.replace("BOARD", board) + more)
    return file


def test_a_simulated_station_is_a_board_and_an_evse(tmp_path: Path) -> None:
    config = load(write(tmp_path, "simulated"), check_backend=backend_problems)
    assert config.is_mock
    assert config.hardware.board == "simulated"
    assert HardwareRole.READER in config.evses[0].hardware


@pytest.mark.parametrize("board", ["raspberry-pi-4", "raspberry-pi-5"])
def test_agent_and_guard_read_the_same_lines_from_a_board(tmp_path: Path, board: str) -> None:
    file = write(tmp_path, board, METER)
    hardware = load(file).evses[0].hardware
    tables = load_guard_settings(file).evse_tables[1]
    assert hardware[HardwareRole.CONTACTOR].backend == tables["contactor"]["backend"] == "gpio"
    assert tables["contactor"]["coil"] == dict(hardware[HardwareRole.CONTACTOR].options)["coil"]
    assert HardwareRole.LOCK in hardware
    assert "lock" in tables


def test_the_tables_of_a_board_pass_the_checks_of_their_backends(tmp_path: Path) -> None:
    file = write(tmp_path, "raspberry-pi-5", METER)

    def judged(role: HardwareRole, backend: object) -> object:
        return () if role is HardwareRole.METER else backend_problems(role, backend)  # type: ignore[arg-type]

    load(file, check_backend=judged)  # type: ignore[arg-type]


def test_a_table_of_the_station_wins(tmp_path: Path) -> None:
    own = (
        METER
        + 'tamper = { backend = "none" }\nemergency_stop = { backend = "gpio", line = "lid" }\n'
    )
    file = write(tmp_path, "raspberry-pi-5", own)
    hardware = load(file).evses[0].hardware
    assert HardwareRole.TAMPER not in hardware
    assert hardware[HardwareRole.EMERGENCY_STOP].options["line"] == 5
    assert load_guard_settings(file).evse_tables[1]["emergency_stop"]["line"] == 5


def test_an_unknown_board_is_one_problem_for_both(tmp_path: Path) -> None:
    file = write(tmp_path, "raspberry-pi-9", METER)
    with pytest.raises(ConfigError) as refusal:
        load(file)
    (problem,) = refusal.value.problems
    assert problem.key == "hardware.board"
    assert "there is generic-libgpiod, raspberry-pi-4" in problem.reason
    with pytest.raises(SettingsError, match=r"raspberry-pi-9.toml: there is no such board file"):
        load_guard_settings(file)


def test_every_mistake_of_a_board_file_is_a_problem_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('schema = 1\ncolour = "red"\n')
    with pytest.raises(ConfigError) as refusal:
        load(write(tmp_path, "mine.toml", METER))
    assert [problem.key for problem in refusal.value.problems] == ["hardware.board"] * 3
    assert all("mine.toml: " in problem.reason for problem in refusal.value.problems)


def test_unknown_keys_of_the_section_are_mistakes(tmp_path: Path) -> None:
    file = write(tmp_path, 'simulated"\nbored = "', METER)
    with pytest.raises(ConfigError, match=r"hardware.bored: unknown key, did you mean \"board\"\?"):
        load(file)


def test_another_board_may_be_tried_without_editing_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, "raspberry-pi-5"), board="simulated")
    assert config.is_mock
