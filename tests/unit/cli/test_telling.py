"""`status`, `transactions`, `export` and `check-config`: what people and programs are told."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.parser import run_command
from agent.cli.programs import Programs
from agent.config.problems import ConfigError, ConfigProblem
from tests.unit.cli.conftest import Started
from tests.unit.cli.fake_station import EXPORT, STATUS, TRANSACTIONS, WHY, FakeStation, line

ASKING = ["status", "why", "transactions", "variables", "security-log", "export"]


def test_status_tells_csms_guard_and_every_evse(
    started: Started, station: FakeStation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started.run("status", "--socket", str(station.path)) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0].startswith("CS001: Example AC22, serial number 0001, firmware 0.1.0")
    assert lines[1] == "CSMS   ws://127.0.0.1:9000/ocpp: online, ocpp2.0.1"
    assert lines[2] == "guard  connected"
    for fact in ("Occupied Charging", "C 53.3%", "32 A", "closed", "11.01 kW", "1234.567 kWh"):
        assert fact in shown
    assert "T-1 since 2026-01-01T09:00:00.000Z, 10.500 kWh" in shown
    assert lines[-2] == "EVSE 2 has faults: rcd"
    assert lines[-1] == "EVSE 2 meter_lost: no answer on /dev/ttyUSB0"
    assert station.requests == [{"op": "status"}]


@pytest.mark.parametrize(
    ("csms", "words"),
    [
        ({"connected": False, "online": False, "version": None}, "not connected"),
        ({"connected": False, "queued_events": 1}, "not connected, 1 event waiting"),
        ({"online": False, "registration": "Pending"}, "connected, registration Pending"),
        ({"online": False, "registration": None}, "connected, registration unanswered"),
        ({"queued_events": 7}, "online, ocpp2.0.1, 7 events waiting"),
    ],
)
def test_status_tells_why_the_csms_hears_nothing(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    csms: dict[str, object],
    words: str,
) -> None:
    reply = STATUS | {"csms": STATUS["csms"] | csms}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("status", "--socket", str(station.path)) == 0
    assert f"ws://127.0.0.1:9000/ocpp: {words}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ({"connected": False, "real_time": False}, "NOT CONNECTED"),
        ({"connected": True, "real_time": False}, "connected, without real-time priority"),
    ],
)
def test_status_tells_what_is_wrong_with_the_guard(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    guard: dict[str, bool],
    words: str,
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line(STATUS | {"guard": guard})) as station:
        assert started.run("status", "--socket", str(station.path)) == 0
    assert f"guard  {words}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (
            {"request_id": 7, "stage": "Downloading", "percent": 40, "detail": ""},
            "update 7: Downloading 40 %",
        ),
        (
            {"request_id": None, "stage": "InstallationFailed", "percent": None, "detail": "why"},
            "update InstallationFailed (why)",
        ),
    ],
)
def test_status_tells_how_far_an_update_has_come(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    update: dict[str, object],
    words: str,
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line(STATUS | {"update": update})) as station:
        assert started.run("status", "--socket", str(station.path)) == 0
    assert f"{words}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("clock", "ending"),
    [
        ({}, ", 2026-01-01T10:00:00.000Z"),
        ({"local_time": "2026-01-01T10:00:00+00:00"}, ", 2026-01-01T10:00:00.000Z"),
        (
            {"local_time": "2026-01-01T11:00:00+01:00"},
            ", 2026-01-01T10:00:00.000Z (2026-01-01T11:00:00+01:00 local time)",
        ),
    ],
)
def test_status_tells_local_time_where_it_is_another_than_utc(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    clock: dict[str, str],
    ending: str,
) -> None:
    reply = STATUS | {"clock": STATUS["clock"] | clock}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("status", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(ending)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"cost": "1.005", "cost_told": {"state": "Charging", "cost_shown": "1.01"}}, "1.01 (Char"),
        ({"cost": "1.005", "cost_told": {"state": None}}, "1.005\n"),
    ],
)
def test_status_shows_a_cost_with_the_decimals_that_it_is_told_with(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    told: dict[str, object],
    shown: str,
) -> None:
    evse = STATUS["evses"][0]
    reply = STATUS | {"evses": [evse | {"transaction": evse["transaction"] | told}]}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("status", "--socket", str(station.path)) == 0
    assert f", cost {shown}" in capsys.readouterr().out


def test_variables_are_told_with_their_origin_and_no_secret(
    started: Started, station: FakeStation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started.run("variables", "--changed", "--socket", str(station.path)) == 0
    headings, heartbeat, password = capsys.readouterr().out.splitlines()
    assert headings.split()[:3] == ["variable", "value", "origin"]
    assert heartbeat.split() == [
        "OCPPCommCtrlr.HeartbeatInterval",
        "60",
        "CSMS",
        "ReadWrite",
        "300",
    ]
    assert password.split() == [
        *("SecurityCtrlr.BasicAuthPassword", "(secret)", "station.toml", "WriteOnly")
    ]
    assert station.requests == [{"op": "variables", "changed": True}]


def test_nothing_changed_is_said_in_words(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "variables": []})) as station:
        assert started.run("variables", "--changed", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out == "nothing was changed\n"


def test_transactions_are_listed_with_energy_and_signed_records(
    started: Started, station: FakeStation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started.run("transactions", "--socket", str(station.path)) == 0
    heading, running, past = capsys.readouterr().out.splitlines()
    assert " ".join(heading.split()) == "transaction EVSE started ended energy reason signed"
    assert " ".join(running.split()) == "T-2 1 2026-01-01T10:00:00.000Z running 0.013 kWh - -"
    assert past.strip().endswith("10.500 kWh  Local   2 records")


def test_the_security_log_is_listed_with_what_the_csms_is_told(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = {"at": "2026-01-01T10:00:00.000Z", "digest": "00"}
    entries = [
        {**common, "number": 7, "type": "StartupOfTheDevice", "critical": True, "info": "PowerUp"},
        {**common, "number": 8, "type": "InvalidMessages", "critical": False, "info": ""},
    ]
    reply = {"ok": True, "security_log": entries}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("security-log", "--socket", str(station.path)) == 0
    _, told, logged = (" ".join(row.split()) for row in capsys.readouterr().out.splitlines())
    assert told == "7 2026-01-01T10:00:00.000Z StartupOfTheDevice to the CSMS PowerUp"
    assert logged == "8 2026-01-01T10:00:00.000Z InvalidMessages logged only -"


def test_an_empty_security_log_says_so(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "security_log": []})) as station:
        assert started.run("security-log", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out == "the security log is empty\n"


def test_a_station_without_transactions_says_so(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "transactions": []})) as station:
        assert started.run("transactions", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out == "no transactions yet\n"


@pytest.mark.parametrize(
    ("command", "reply"),
    [("status", STATUS), ("why", WHY), ("transactions", TRANSACTIONS), ("export", EXPORT)],
)
def test_programs_get_the_reply_as_it_is(
    started: Started,
    station: FakeStation,
    capsys: pytest.CaptureFixture[str],
    command: str,
    reply: dict[str, object],
) -> None:
    assert started.run(command, "--json", "--socket", str(station.path)) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert json.loads(told) == reply


@pytest.mark.parametrize("command", ASKING)
def test_a_station_that_does_not_run_is_a_failure_with_socket_and_remedy(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = tmp_path / "api.sock"
    assert started.run(command, "--socket", str(path)) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"no station answers on {path}" in told.err
    assert "stationd run" in told.err
    assert started.run(command, "--json", "--socket", str(path)) == 1
    reply = json.loads(capsys.readouterr().out)
    assert reply["ok"] is False
    assert str(path) in reply["error"]


@pytest.mark.parametrize("command", ["status", "transactions"])
def test_an_answer_of_another_version_is_told_with_the_remedy(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "evse": []})) as station:
        assert started.run(command, "--socket", str(station.path)) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "another version of stationd" in told.err


def test_an_export_is_a_json_document_without_the_protocol_s_own_field(
    started: Started, station: FakeStation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started.run("export", "--socket", str(station.path)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {key: value for key, value in EXPORT.items() if key != "ok"}


def test_an_export_that_nobody_reads_to_its_end_is_no_traceback(tmp_path: Path) -> None:
    long = EXPORT | {"variables": {str(number): "x" * 100 for number in range(5000)}}
    reading, writing = os.pipe()
    os.close(reading)
    with FakeStation(tmp_path / "s", lambda _: line(long)) as station, os.fdopen(writing, "wb"):
        done = subprocess.run(
            [sys.executable, "-m", "agent", "export", "--socket", str(station.path)],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_an_exported_file_is_whole_and_for_its_owner_only(
    started: Started, station: FakeStation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "station.json"
    out.write_text("an older export")
    assert started.run("export", "--out", str(out), "--socket", str(station.path)) == 0
    assert capsys.readouterr().out == f"wrote 2 transactions to {out}\n"
    assert json.loads(out.read_text()) | {"ok": True} == EXPORT
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"station.json", "api.sock"}
    assert started.run("export", "--out", str(out), "--json", "--socket", str(station.path)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "file": str(out),
        "transactions": 2,
    }


def test_an_export_that_cannot_be_written_is_a_failure(
    started: Started, station: FakeStation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "no folder" / "station.json"
    assert started.run("export", "--out", str(out), "--socket", str(station.path)) == 1
    told = capsys.readouterr()
    assert f"cannot write {out}" in told.err
    assert started.run("export", "--out", str(tmp_path), "--socket", str(station.path)) == 1
    assert not list(tmp_path.parent.glob(".*.new"))


def test_a_valid_configuration_is_told_with_the_settings_in_force(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started.run("check-config", "station.toml") == 0
    assert capsys.readouterr().out.splitlines() == [
        "station.toml is valid; the settings in force are",
        "  checked = station.toml",
    ]
    assert started.run("check-config", "station.toml", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "file": "station.toml",
        "settings": ["checked = station.toml"],
    }


def test_every_problem_of_a_configuration_is_told_with_file_key_and_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    problems = [
        ConfigProblem(Path("station.toml"), "csms.url", "is missing"),
        ConfigProblem(Path("station.toml"), "evse", "is missing"),
    ]

    def refuse(_: Path) -> tuple[str, ...]:
        raise ConfigError(problems)

    programs = Programs(
        run_station=lambda _file, _guard: 0,
        run_demo=lambda _: 0,
        run_csms=lambda _: 0,
        check_config=refuse,
        check_hardware=lambda *_: iter(()),
    )
    assert run_command(["check-config", "station.toml"], programs) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "stationd: station.toml: csms.url: is missing",
        "stationd: station.toml: evse: is missing",
    ]
    assert run_command(["check-config", "station.toml", "--json"], programs) == 1
    reply = json.loads(capsys.readouterr().out)
    assert reply["ok"] is False
    assert reply["problems"][0] == {
        "file": "station.toml",
        "key": "csms.url",
        "reason": "is missing",
    }


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [([], {"op": "why"}), (["--evse", "1"], {"op": "why", "evse": 1})],
)
def test_why_tells_one_sentence_and_the_causes_behind_it(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    request_: dict[str, object],
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line(WHY)) as station:
        assert started.run("why", "--socket", str(station.path), *arguments) == 0
        assert station.requests == [request_]
    assert capsys.readouterr().out.splitlines() == [
        "EVSE 1 does not charge: the meter does not answer.",
        "  ! The meter does not answer.",
        "      Check the bus.",
        "  - At most 32 A: the EVSE is built for no more.",
    ]
