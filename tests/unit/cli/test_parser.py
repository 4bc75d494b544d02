"""The grammar of the command: what starts what, exit codes, help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.bench_operations import OPERATIONS
from agent.cli.options import OCPP_VERSIONS
from agent.cli.parser import COMMANDS, run_command
from agent.cli.programs import CsmsOptions, DemoOptions, Programs
from tests.unit.cli.conftest import Started


def config_file(folder: Path) -> Path:
    path = folder / "station.toml"
    path.write_text("")
    return path


def test_run_starts_the_station_with_its_configuration(started: Started, tmp_path: Path) -> None:
    path = config_file(tmp_path)
    assert started.run("run", "--config", str(path)) == 0
    assert started.run("run", "--config", str(path), "--with-guard") == 0
    assert started.calls == [("run", path, False), ("run", path, True)]


def test_run_takes_the_configuration_that_the_environment_names(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_file(tmp_path)
    monkeypatch.setenv("STATIOND_CONFIG", str(path))
    assert started.run("run") == 0
    assert started.calls == [("run", path, False)]


def test_run_without_a_configuration_names_the_usual_file_and_the_remedy(
    started: Started, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert started.run("run", "--config", str(tmp_path / "none.toml")) == 1
    assert started.calls == []
    complaint = capsys.readouterr().err
    assert "none.toml" in complaint
    assert "--config" in complaint


def test_the_exit_code_of_a_program_is_the_command_s(started: Started, tmp_path: Path) -> None:
    started.code = 1
    assert started.run("run", "--config", str(config_file(tmp_path))) == 1


@pytest.mark.parametrize(("name", "subprotocol"), OCPP_VERSIONS.items())
def test_the_demo_speaks_the_version_that_was_chosen(
    started: Started, name: str, subprotocol: str
) -> None:
    assert started.run("demo", "--ocpp", name, "--speed", "2.5", "--frames") == 0
    assert started.calls == [("demo", DemoOptions(subprotocol, 2.5, show_frames=True))]


def test_the_demo_needs_no_arguments(started: Started) -> None:
    assert started.run("demo") == 0
    assert started.calls == [("demo", DemoOptions("ocpp2.0.1", 1.0, show_frames=False))]


def test_the_csms_speaks_every_version_unless_some_are_chosen(started: Started) -> None:
    assert started.run("csms") == 0
    assert started.run("csms", "--port", "0", "--ocpp", "2.1", "--ocpp", "1.6") == 0
    assert started.calls == [
        ("csms", CsmsOptions("127.0.0.1", 9000, ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"))),
        ("csms", CsmsOptions("127.0.0.1", 0, ("ocpp1.6", "ocpp2.1"))),
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "COMMAND"),
        (["charge"], "charge"),
        (["--fast", "demo"], "--fast"),
        (["demo", "--ocpp", "2.2"], "2.2"),
        (["demo", "--speed", "0"], "from 0.1 to 100"),
        (["demo", "--speed", "fast"], "from 0.1 to 100"),
        (["demo", "--speed", "nan"], "from 0.1 to 100"),
        (["demo", "--frame"], "--frame"),
        (["csms", "--port", "65536"], "0 to 65535"),
        (["csms", "--port", "-1"], "0 to 65535"),
        (["bench"], "OPERATION"),
        (["bench", "explode"], "explode"),
        (["bench", "swipe"], "--token"),
        (["bench", "contract", "--emaid", "A", "--chain", "/no/such"], "cannot be read"),
        (["bench", "swipe", "--token", "A", "--evses", "one"], "whole numbers"),
        (["bench", "error", "--code", "gremlins"], "gremlins"),
        (["bench", "error", "--code", "rcd", "--on", "--off"], "--off"),
        (["bench", "net"], "--up"),
        (["bench", "meter", "--power-w", "much"], "numbers"),
        (["check-config"], "FILE"),
        (["status", "--yaml"], "--yaml"),
    ],
)
def test_wrong_usage_is_named_and_ends_with_2(
    started: Started, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert started.run(*arguments) == 2
    assert why in capsys.readouterr().err
    assert started.calls == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    started: Started, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert started.run(command, "--help") == 0
    shown = capsys.readouterr().out
    assert f"example: stationd {command}" in shown


@pytest.mark.parametrize("operation", [operation.name for operation in OPERATIONS])
def test_every_bench_operation_explains_itself_with_an_example(
    started: Started, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    assert started.run("bench", operation, "--help") == 0
    assert f"example: stationd bench {operation}" in capsys.readouterr().out


def test_the_help_lists_every_command(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    assert started.run("--help") == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


def test_the_version_is_that_of_the_distribution(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started.run("--version") == 0
    name, version = capsys.readouterr().out.split()
    assert name == "stationd"
    assert version[0].isdigit()


def test_an_interruption_is_a_failure_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    programs = Programs(
        run_station=lambda _file, _guard: 0,
        run_demo=interrupted,
        run_csms=interrupted,
        check_config=lambda _: (),
        check_hardware=lambda *_: iter(()),
    )
    assert run_command(["demo"], programs) == 1
    assert capsys.readouterr().err == "stationd: interrupted\n"


def test_the_daemon_s_start_loads_nothing_that_it_does_not_need() -> None:
    """Only the chosen command is loaded, and of the third parties none."""
    program = (
        "import sys; from agent.__main__ import main; main(['run', '--config', 'none.toml']);"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "agent.cli.run" in loaded
    slow = {"rich", "cryptography", "websockets", "asyncio", "ocpp", "importlib.metadata"}
    assert not loaded & slow
    others = {"agent.sim", "agent.cli.demo", "agent.cli.bench", "agent.cli.status", "agent.config"}
    assert not loaded & others


def test_the_service_s_command_line_is_read_without_the_parser(tmp_path: Path) -> None:
    """And yet it means the same: a wrong file is complained about in the same words."""
    file = tmp_path / "station.toml"
    file.write_text("[station]\n")
    program = (
        "import sys; from agent.__main__ import main; code = main(sys.argv[1:]);"
        "print(code, 'argparse' in sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program, "run", *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        for arguments in (["--config", str(file)], [f"--config={file}"])
    ]
    assert [run.stdout for run in runs] == ["1 False\n", "1 True\n"]
    assert runs[0].stderr == runs[1].stderr != ""


@pytest.mark.parametrize("arguments", [["--help"], ["check-config", "config/station.toml"]])
def test_a_reader_that_has_gone_is_no_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "agent", *arguments]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[3],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr == ""
