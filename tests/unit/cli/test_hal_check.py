"""What `stationd hal-check` prints, and when it fails."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.parser import run_command
from agent.cli.programs import HardwareFinding
from agent.config.problems import ConfigError, ConfigProblem
from tests.unit.cli.conftest import Started

WELL = HardwareFinding(1, "contactor", ok=True, message="its mirror contact says open")
BAD = HardwareFinding(None, "arming", ok=False, message="this kernel keeps outputs")


def test_every_device_gets_a_line_and_all_well_is_success(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started.findings = [WELL]
    assert started.run("hal-check") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "ok     EVSE 1  contactor: its mirror contact says open",
        "all 1 checks are well; no contactor was closed",
    ]


def test_one_device_that_is_not_well_is_failure(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started.findings = [WELL, BAD]
    assert started.run("hal-check") == 1
    shown = capsys.readouterr()
    assert "WRONG  station  arming: this kernel keeps outputs" in shown.out
    assert "1 of 2 checks found something wrong" in shown.err


def test_programs_read_the_same_as_json(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started.findings = [WELL, BAD]
    assert started.run("hal-check", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["findings"][1] == {
        "evse": None,
        "device": "arming",
        "ok": False,
        "message": "this kernel keeps outputs",
    }


def test_the_board_may_be_named_on_the_command_line(started: Started, tmp_path: Path) -> None:
    asked: list[tuple[Path, str | None]] = []

    def check(file: Path, board: str | None) -> Iterator[HardwareFinding]:
        asked.append((file, board))
        yield WELL

    programs = replace(started.programs(), check_hardware=check)
    file = str(tmp_path / "station.toml")
    assert run_command(["hal-check", "--config", file, "--board", "simulated"], programs) == 0
    assert run_command(["hal-check", "--config", file], programs) == 0
    assert asked == [(Path(file), "simulated"), (Path(file), None)]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_configuration_that_is_wrong_is_told_as_by_check_config(
    started: Started, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    problem = ConfigProblem(Path("station.toml"), "hardware.board", "there is no such board file")

    def refuse(_: Path, __: str | None) -> Iterator[HardwareFinding]:
        raise ConfigError([problem])

    programs = replace(started.programs(), check_hardware=refuse)
    assert run_command(["hal-check", *(["--json"] if as_json else [])], programs) == 1
    shown = capsys.readouterr()
    assert "no such board file" in (shown.out if as_json else shown.err)
