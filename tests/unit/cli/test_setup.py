"""`stationd setup`: what it asks, what it writes, and what it leaves alone."""

import io
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.__main__ import main
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
    lines = ["", "", "1", "0", "ws://localhost/ocpp", "CS1", "", "", "", "", ""]
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


def test_an_input_that_ends_writes_nothing(site: Site) -> None:
    assert site.setup(["Maker", "AC11"]) == 1
    assert not site.config.exists()


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
