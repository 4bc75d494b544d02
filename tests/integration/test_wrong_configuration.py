"""Wrong configuration files against the real command: file, key and reason, and no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.integration.station_process import StationProcess
from tests.patience import PATIENT_S

WRONG = {
    "missing key": ('model = "AC22"', "", "station.model: is missing"),
    "unknown key": ('model = "AC22"', 'model = "AC22"\nmodle = "x"', "station.modle: unknown key"),
    "unknown table": ("[guard]", "[gaurd]", 'gaurd: unknown key, did you mean "guard"'),
    "wrong type": ("id = 1\n", 'id = "1"\n', "evse[1].id: must be an integer"),
    "out of range": ("max_current_a = 32", "max_current_a = 320", "evse[1].max_current_a: "),
    "two phases": ("phases = 3", "phases = 2", "evse[1].phases: must be 1 or 3"),
    "two EVSEs of one number": ("[bench]", "{evse}\n[bench]", "evse"),
    "address without scheme": ('url = "ws://', 'url = "', "csms.url: "),
    "password in the address": ("ws://", "ws://me:password@", "csms.url: "),
    "insecure without consent": ("allow_insecure = true", "", "allow_insecure"),
    "unknown version": ('["ocpp2.0.1"]', '["ocpp9"]', "csms.versions: "),
    "TLS without address of TLS": ("security_profile = 0", "security_profile = 2", "csms.url"),
    "unknown variable": ("[variables]", '[variables]\n"No.Such" = 1', 'variables."No.Such"'),
    "value below its minimum": (
        "[variables]",
        '[variables]\n"OCPPCommCtrlr.HeartbeatInterval" = -5',
        'variables."OCPPCommCtrlr.HeartbeatInterval": below the minimum',
    ),
    "wrong key of 1.6": (
        "[variables]",
        "[ocpp16_keys]\nNoKey = 1\n[variables]",
        "ocpp16_keys.NoKey",
    ),
    "table twice": ("[log]", "[guard]\n[log]", "is not TOML"),
    "half a file": ("[bench]\n", "[bench", "is not TOML"),
    "unknown log level": ('level = "info"', 'level = "loud"', "log.level: "),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return StationProcess(tmp_path, "ws://127.0.0.1:1/ocpp", ("ocpp2.0.1",)).configure()


def run(*words: str) -> tuple[int, str]:
    """Run the command; return its exit code and everything that it said."""
    command = [sys.executable, "-m", "agent", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENT_S, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def complains(command: str, file: Path, words: str) -> None:
    arguments = ("--config", str(file)) if command == "run" else (str(file),)
    names_the_reason(run(command, *arguments), file, words)


def names_the_reason(ended: tuple[int, str], file: Path, words: str) -> None:
    code, said = ended
    assert code == 1, said
    assert any(str(file) in line and words in line for line in said.splitlines()), said
    assert "Traceback" not in said


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_named_with_file_key_and_reason(
    fault: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = file.read_text()
    old, new, words = WRONG[fault]
    evse = text[text.index("[[evse]]") : text.index("[bench]")]
    assert old in text
    file.write_text(text.replace(old, new.replace("{evse}", evse), 1))
    # The check leaves nothing behind in a process; that of the daemon is one of its own.
    code = main(["check-config", str(file)])
    names_the_reason((code, "".join(capsys.readouterr())), file, words)
    complains("run", file, words)


@pytest.mark.parametrize("content", [b"", b"\x00\x01\xff" * 100, b"hello"])
def test_a_file_that_is_no_configuration_is_named(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    complains("check-config", file, ": ")
    complains("run", file, ": ")


def test_a_password_file_that_others_may_read_is_named(file: Path) -> None:
    password = file.with_name("password")
    password.write_text("a-password-of-16-characters\n")
    password.chmod(0o644)
    text = file.read_text().replace("security_profile = 0", "security_profile = 1")
    file.write_text(text.replace("[guard]", f'password_file = "{password}"\n[guard]'))
    complains("run", file, "csms.password_file: ")
    assert "a-password-of-16" not in run("check-config", str(file))[1]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    complains("run", tmp_path / "none.toml", "no such file")
    complains("check-config", tmp_path / "none.toml", "")


@pytest.mark.parametrize(
    "words", [["run", "--fast"], ["check-config"], ["fly"], ["run", "--config"], []]
)
def test_wrong_usage_has_its_own_exit_code(words: list[str]) -> None:
    code, said = run(*words)
    assert code == 2
    assert "usage: " in said
    assert "Traceback" not in said
