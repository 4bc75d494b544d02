"""The script that drives the outputs to idle without Python."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from hal.gpio import native_safe
from tests.unit.hal.gpio.desk import CONTACTOR, DISCONNECT, HEART, PILOT, Desk, line

GPIOSET = """#!/bin/sh
# Stands in for gpioset; version {version} refuses what the other one understands.
case "$1" in -t0) [ {version} = 2 ] || exit 1 ;; *) [ {version} = 1 ] || exit 1 ;; esac
echo "$@" >> "{log}"
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_board_that_was_opened_leaves_its_script_behind(runtime: Path) -> None:
    desk = Desk()
    board = desk.board(
        pilot=PILOT | {"disconnect": line(DISCONNECT, active_low=True)},
        contactor=CONTACTOR | {"monostable": line(HEART)},
    )
    board.close()
    assert (runtime / "make-safe").read_text().splitlines()[1:] == [
        (
            "gpioset -t0 -c /dev/gpiochip0 0=0 13=0 15=0 2>/dev/null"
            " || gpioset /dev/gpiochip0 0=0 13=0 15=0"
        ),
        "echo 0 > /sys/class/pwm/pwmchip0/pwm0/duty_cycle",
    ]


def test_an_output_that_idles_on_is_left_on() -> None:
    text = native_safe.script([("/dev/gpiochip0", {4: True, 2: False})], [])
    assert "2=0 4=1" in text


def test_without_a_service_manager_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    native_safe.leave_behind([], [])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_only_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/nonexistent/folder")
    native_safe.leave_behind([], [])
    assert "make-safe cannot be written" in caplog.text


@pytest.mark.parametrize("version", [1, 2])
def test_the_script_works_with_either_generation_of_gpioset(tmp_path: Path, version: int) -> None:
    log, tool = tmp_path / "log", tmp_path / "gpioset"
    tool.write_text(GPIOSET.format(version=version, log=log))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    duty, text = tmp_path / "duty_cycle", tmp_path / "make-safe"
    text.write_text(native_safe.script([("/dev/gpiochip0", {17: False})], [duty, None]))
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", text], env=environment, check=True)
    expected = "-t0 -c /dev/gpiochip0 17=0" if version == 2 else "/dev/gpiochip0 17=0"
    assert log.read_text().strip() == expected
    assert duty.read_text().strip() == "0"
