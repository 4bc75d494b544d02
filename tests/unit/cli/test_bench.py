"""`stationd bench`: options become requests, replies become lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.cli.bench_operations import FAULTS
from hal.mock.operations import BENCH_FAULTS
from tests.unit.cli.conftest import Started
from tests.unit.cli.fake_station import FakeStation, line

CASES: list[tuple[str, dict[str, Any]]] = [
    ("plug_in", {"op": "plug_in", "evse": 1}),
    ("plug_in --evse 2", {"op": "plug_in", "evse": 2}),
    ("plug_out", {"op": "plug_out", "evse": 1}),
    ("pause", {"op": "pause", "evse": 1}),
    ("resume", {"op": "resume", "evse": 1}),
    ("swipe --token DEADBEEF", {"op": "swipe", "token": "DEADBEEF"}),
    (
        "swipe --token 1234 --type KeyCode --evses 1,2",
        {"op": "swipe", "token": "1234", "type": "KeyCode", "evses": [1, 2]},
    ),
    ("error --code rcd", {"op": "error", "evse": 1, "code": "rcd", "on": True}),
    ("error --code rcd --on", {"op": "error", "evse": 1, "code": "rcd", "on": True}),
    (
        "error --evse 2 --code estop --off",
        {"op": "error", "evse": 2, "code": "estop", "on": False},
    ),
    (
        "error --code contactor_welded --phase 2",
        {"op": "error", "evse": 1, "code": "contactor_welded", "on": True, "phase": 2},
    ),
    ("net --down", {"op": "net", "up": False}),
    ("net --up", {"op": "net", "up": True}),
    ("meter --energy-wh 5000", {"op": "meter", "evse": 1, "energy_wh": 5000.0}),
    (
        "meter --power-w 0 --voltage-v 230 --current-a 1,2,3.5",
        {
            "op": "meter",
            "evse": 1,
            "power_w": 0.0,
            "voltage_v": 230.0,
            "current_a": [1.0, 2.0, 3.5],
        },
    ),
    (
        "meter --power-w auto --current-a auto",
        {"op": "meter", "evse": 1, "power_w": None, "current_a": None},
    ),
    (
        "vehicle --max-a 16 --phases 3",
        {"op": "vehicle", "evse": 1, "max_a": 16.0, "phases": 3},
    ),
    ("vehicle --cable-a 20", {"op": "vehicle", "evse": 1, "cable_a": 20}),
    (
        "needs --energy-wh 20000 --max-a 16 --leaves-in-s 3600 --choice 1",
        {
            "op": "needs",
            "evse": 1,
            "energy_wh": 20_000,
            "max_a": 16,
            "leaves_in_s": 3600,
            "choice": 1,
        },
    ),
    (
        "certificate_installation --exi gJgC --action Update --max-chains 2 --answer-within-s 5",
        {
            "op": "certificate_installation",
            "evse": 1,
            "exi": "gJgC",
            "action": "Update",
            "max_chains": 2,
            "answer_within_s": 5.0,
        },
    ),
    ("limit --amps 16", {"op": "limit", "amps": 16.0}),
    (
        "limit --evse 2 --watts 4200 --source SO --grid-critical",
        {"op": "limit", "evse": 2, "watts": 4200.0, "source": "SO", "grid_critical": True},
    ),
    ("limit --clear --generation", {"op": "limit", "clear": True, "generation": True}),
    ("power_fail", {"op": "power_fail"}),
    ("power_on", {"op": "power_on"}),
    ("state", {"op": "state"}),
    ("state --evse 1", {"op": "state", "evse": 1}),
]


@pytest.mark.parametrize(("arguments", "request_line"), CASES)
def test_an_operation_is_sent_as_the_bench_protocol_says(
    started: Started, tmp_path: Path, arguments: str, request_line: dict[str, Any]
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True})) as station:
        assert started.run("bench", *arguments.split(), "--socket", str(station.path)) == 0
    assert station.requests == [request_line]


def test_the_bench_knows_every_fault_that_can_be_chosen() -> None:
    assert set(FAULTS) == set(BENCH_FAULTS)


def test_what_was_done_is_told_with_its_facts(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "heard_by": 1})) as station:
        assert started.run("bench", "swipe", "--token", "A", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out == "done · heard_by = 1\n"


def test_the_state_is_told_fact_by_fact(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: dict[str, Any] = {
        "evse": 1,
        "duty": None,
        "contactor_closed": False,
        "meter": {"energy_wh": 1.5, "current_a": [0.0, 16.0]},
        "faults": [],
        "note": "\x1b[31m",
    }
    reply = {"ok": True, "mains": True, "evses": [facts]}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("bench", "state", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mains = yes",
        "evse = 1",
        "duty = -",
        "contactor_closed = no",
        "meter.energy_wh = 1.5",
        "meter.current_a = 0.0, 16.0",
        "faults = none",
        "note = \\x1b[31m",
    ]


def test_the_reply_is_printed_as_it_is_for_programs(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = {"ok": True, "mains": True, "evses": []}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("bench", "state", "--json", "--socket", str(station.path)) == 0
    assert json.loads(capsys.readouterr().out) == reply


def test_a_refusal_is_a_failure_with_the_bench_s_reason(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = {"ok": False, "error": "there is no EVSE 9; the board has 1"}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        arguments = ("bench", "plug_in", "--evse", "9", "--socket", str(station.path))
        assert started.run(*arguments) == 1
        told = capsys.readouterr()
        assert (told.out, told.err) == ("", "stationd: there is no EVSE 9; the board has 1\n")
        assert started.run(*arguments, "--json") == 1
        assert json.loads(capsys.readouterr().out) == reply
