"""`stationd setup`: what it asks, what it writes, and what it leaves alone."""

import errno
import io
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.__main__ import main
from hal.board_file import known_boards
from tests.throw_away_ca import issue

GIVEN = {
    "vendor": "Maker",
    "model": "AC11",
    "serial_number": "77",
    "profile": "1",
    "url": "ws://csms.example:9000/ocpp",
    "identity": "CS077",
    "password": "sixteen-chars-ok!",
    "board": "simulated",
    "evses": "2",
    "connector_type": "cType2",
    "max_current_a": "32",
    "phases": "1",
}


REAL = {
    **dict(list(GIVEN.items())[:7]),
    "board": "raspberry-pi-5",
    "meter": "eastron_sdm630",
    "meter_port": "/dev/serial/by-id/usb-1",
    "meter_address": "7",
    "reader": "pn532",
    "reader_port": "/dev/ttyAMA0",
    "evses": "1",
    "connector_type": "sType2",
    "max_current_a": "32",
    "phases": "3",
}


class Site:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.config = folder, folder / "station.toml"
        self._patch = monkeypatch

    def setup(self, lines: Sequence[str] = (), *more: str) -> int:
        self._patch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return main(["setup", "--config", str(self.config), *more])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def test_the_answers_become_a_configuration_that_is_valid(site: Site) -> None:
    assert site.setup(list(GIVEN.values())) == 0
    written = tomllib.loads(site.config.read_text())
    assert written["station"]["model"] == "AC11"
    assert written["csms"]["security_profile"] == 1
    assert [evse["id"] for evse in written["evse"]] == [1, 2]
    assert main(["check-config", str(site.config)]) == 0
    assert site.config.stat().st_mode & 0o777 == 0o644
    password = site.folder / "password"
    assert password.read_text() == "sixteen-chars-ok!\n"
    assert password.stat().st_mode & 0o777 == 0o600
    assert "sixteen" not in site.config.read_text()


def test_a_wrong_answer_is_asked_again(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(GIVEN.values())
    lines[3:4] = ["9", "one", "1"]
    lines[-2:-1] = ["5", "32"]
    assert site.setup(lines) == 0
    assert capsys.readouterr().out.count("please") == 3


def test_enter_takes_the_default(site: Site) -> None:
    lines = ["", "", "1", "0", "ws://localhost/ocpp", "CS1", "simulated", "", "", "", ""]
    assert site.setup(lines) == 0
    written = tomllib.loads(site.config.read_text())
    assert written["station"]["vendor"] == "Example"
    assert "password_file" not in written["csms"]


def test_a_configuration_that_is_there_is_only_replaced_on_demand_and_then_kept(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.config.write_text("mine")
    assert site.setup(list(GIVEN.values())) == 1
    assert site.config.read_text() == "mine"
    assert "--replace" in capsys.readouterr().err
    assert site.setup(list(GIVEN.values()), "--replace") == 0
    assert (site.folder / "station.toml.replaced").read_text() == "mine"


def test_an_input_that_ends_writes_nothing(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.setup(["Maker", "AC11"]) == 1
    assert capsys.readouterr().err == (
        "stationd: the input ended before the last answer; nothing was written\n"
    )
    assert list(site.folder.iterdir()) == []


def test_answers_that_make_no_valid_configuration_are_asked_again_and_kept(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each problem is told on a line of its own; Enter takes what was right."""
    lines = {**GIVEN, "identity": "CS/1", "serial_number": "7"}
    again = {**dict.fromkeys(GIVEN, ""), "identity": "CS1"}
    assert site.setup([*lines.values(), *again.values()]) == 0
    problems = capsys.readouterr().err.splitlines()
    assert any("csms.identity" in line for line in problems)
    assert all(".check" not in line for line in problems)
    written = tomllib.loads(site.config.read_text())
    assert written["csms"]["identity"] == "CS1"
    assert written["station"]["model"] == "AC11"
    assert (site.folder / "password").read_text() == "sixteen-chars-ok!\n"
    assert sorted(path.name for path in site.folder.iterdir()) == ["password", "station.toml"]


def test_answers_that_are_given_up_leave_password_and_configuration_of_before(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    password = site.folder / "password"
    password.write_text("the password of before\n")
    site.config.write_text("mine")
    lines = {**REAL, "board": "raspbery-pi-5"}
    assert site.setup(list(lines.values()), "--replace") == 1
    assert "raspberry-pi-5" in capsys.readouterr().err
    assert password.read_text() == "the password of before\n"
    assert site.config.read_text() == "mine"
    assert sorted(path.name for path in site.folder.iterdir()) == ["password", "station.toml"]


def test_the_url_must_suit_the_security_profile(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = list(GIVEN.values())
    lines[4:5] = ["wss://csms.example/ocpp", "ws://csms.exämple/ocpp", "ws://csms.example/ocpp"]
    assert site.setup(lines) == 0
    assert capsys.readouterr().out.count("begins with ws://, please") == 2


def test_input_in_another_encoding_is_told_and_writes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"M\xfcller\n"), "utf-8"))
    assert main(["setup", "--config", str(site.config)]) == 1
    assert "not UTF-8 text; nothing was written" in capsys.readouterr().err


def test_bytes_that_no_character_stands_for_are_no_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a terminal of another encoding sends in the locale C."""
    lines = list(GIVEN.values())
    lines[4:5] = ["ws://h\udcfc/ocpp", lines[4]]
    assert site.setup(lines) == 0
    assert "please" in capsys.readouterr().out


def test_a_file_is_checked_where_it_will_lie(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*list(GIVEN.values())[:3], "2", "wss://csms.example/ocpp", "CS1", "p" * 16, "ca.pem"]
    lines += list(GIVEN.values())[-5:]
    assert site.setup(lines) == 1
    assert "ca.pem" in capsys.readouterr().err
    assert not site.config.exists()
    (site.folder / "ca.pem").write_text(issue("CSMS Root").pem)
    assert site.setup(lines) == 0


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("missing.toml", "station.toml", "missing.toml: No such file or directory"),
        (".", "station.toml", "Is a directory"),
        ("latin1.toml", "station.toml", "is not UTF-8 text"),
        ("good.toml", "missing/station.toml", "name another one with --config"),
        ("good.toml", ".", "name another one with --config"),
    ],
)
def test_a_file_that_cannot_be_read_or_written_is_told_without_a_wrong_remedy(
    site: Site, source: str, target: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.folder / "good.toml").write_text(Path("config/station.toml").read_text())
    (site.folder / "latin1.toml").write_bytes(b"# \xfc\n")
    before = sorted(site.folder.iterdir())
    words = ["--config", str(site.folder / target), "--from", str(site.folder / source)]
    assert main(["setup", "--replace", *words]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert "sudo" not in said
    assert sorted(site.folder.iterdir()) == before


def test_a_full_disk_is_told_by_its_name_and_leaves_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("agent.update.durable.os.write", full)
    assert site.setup(list(GIVEN.values())) == 1
    assert f"{site.config}: No space left on device" in capsys.readouterr().err
    assert not site.config.exists()


def test_a_simulated_board_is_set_up_for_one_user_and_told_how_to_start(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.setup(list(GIVEN.values())) == 0
    said = capsys.readouterr()
    assert "run --with-guard" in said.out
    assert "systemctl start" not in said.out
    written = tomllib.loads(site.config.read_text())
    assert written["bench"]["socket"] == "/var/lib/stationd/bench.sock"
    assert "guard" not in written


def test_a_real_board_is_set_up_for_the_services(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.setup(list(REAL.values())) == 0
    said = capsys.readouterr()
    assert "systemctl start stationd-guard stationd" in said.out
    assert "the services need" not in said.err
    written = tomllib.loads(site.config.read_text())
    assert written["guard"]["group"] == "stationd-guard"
    assert "bench" not in written
    assert written["evse"][0]["meter"] == {
        "backend": "modbus",
        "profile": "eastron_sdm630",
        "port": "/dev/serial/by-id/usb-1",
        "address": 7,
    }
    assert written["evse"][0]["reader"]["protocol"] == "pn532"


@pytest.mark.parametrize("board", known_boards())
def test_every_board_that_ships_can_be_answered_with(site: Site, board: str) -> None:
    given = {**REAL, "board": board, "connector_type": "cType2"}
    asked = GIVEN if board == "simulated" else REAL
    assert site.setup([given[key] for key in asked]) == 0


def test_a_file_that_the_services_cannot_work_with_is_told_key_by_key(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Valid it is: other services, or none, may be meant."""
    assert site.setup(list(REAL.values())) == 0
    text = site.config.read_text().replace('group = "stationd-guard"\n', "")
    source = tmp_path / "given.toml"
    source.write_text(text.replace("/run/stationd-guard/guard.sock", "/srv/guard.sock"))
    capsys.readouterr()
    assert site.setup([], "--from", str(source), "--replace") == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in told if "the services need" in line] == [
        "guard.socket",
        "guard.group",
    ]


def test_a_given_file_is_installed_if_it_is_valid(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "given.toml"
    source.write_text(Path("config/station.toml").read_text() + "\n[surprise]\n")
    assert site.setup([], "--from", str(source)) == 1
    assert f"{source}: surprise" in capsys.readouterr().err
    assert not site.config.exists()
    assert [path.name for path in site.folder.iterdir()] == ["given.toml"]
    source.write_text(Path("config/station.toml").read_text())
    assert site.setup([], "--from", str(source)) == 0
    assert site.config.read_text() == source.read_text()


def test_text_with_quotes_survives(site: Site) -> None:
    lines = ['Ma"ker\\', *list(GIVEN.values())[1:]]
    assert site.setup(lines) == 0
    assert tomllib.loads(site.config.read_text())["station"]["vendor"] == 'Ma"ker\\'
