"""`stationd limit` and `stationd priority`: what people on site may order."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Started
from tests.unit.cli.fake_station import FakeStation, line

LIMIT: dict[str, Any] = {"op": "limit", "evse": 0, "source": "Other", "generation": False}
PRIORITY: dict[str, Any] = {"op": "priority", "evse": 1, "on": True}


@pytest.mark.parametrize(
    ("arguments", "request_line"),
    [
        ("limit 16", {**LIMIT, "amps": 16.0, "grid_critical": False}),
        ("limit --evse 2 0", {**LIMIT, "evse": 2, "amps": 0.0, "grid_critical": False}),
        ("limit", {"op": "limits"}),
        ("limit clear", {**LIMIT, "clear": True}),
        (
            "limit --watts --source SO --grid-critical 4200",
            {**LIMIT, "watts": 4200.0, "source": "SO", "grid_critical": True},
        ),
        (
            "limit --generation 6.5",
            {**LIMIT, "generation": True, "amps": 6.5, "grid_critical": False},
        ),
        ("priority on", PRIORITY),
        ("priority off --evse 3", {**PRIORITY, "evse": 3, "on": False}),
    ],
)
def test_an_order_becomes_a_request(
    started: Started, tmp_path: Path, arguments: str, request_line: dict[str, Any]
) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True})) as station:
        assert started.run(*arguments.split(), "--socket", str(station.path)) == 0
    assert station.requests == [request_line]


def test_it_is_said_when_a_limit_will_hold(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for in_s, words in ((0, "done\n"), (420, "will be done in 420 s")):
        reply = line({"ok": True, "in_s": in_s})
        with FakeStation(tmp_path / f"s{in_s}", lambda _, reply=reply: reply) as station:
            assert started.run("limit", "16", "--socket", str(station.path)) == 0
        assert capsys.readouterr().out.startswith(words)


def test_limits_and_receivers_are_shown_with_what_is_wrong(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    since = "2026-03-02T08:00:00+00:00"
    sun = {"evse": 0, "source": "EMS", "generation": True, "amps": 6.5, "since": since}
    grid = {"evse": 2, "source": "SO", "generation": False, "watts": 4200.0, "since": since}
    receiver = {"id": "grid", "evse": 2, "sentence": "cannot be read: torn", "failed": True}
    reply = {"ok": True, "obeyed": False, "limits": [sun, grid], "receivers": [receiver]}
    with FakeStation(tmp_path / "s", lambda _: line(reply)) as station:
        assert started.run("limit", "--socket", str(station.path)) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"EMS generates at the station: 6.5 A, since {since}",
        f"SO limits EVSE 2: 4200 W, since {since}",
        "the variables of SmartChargingCtrlr do not let limits from outside hold",
        "! receiver grid for EVSE 2: cannot be read: torn",
    ]


def test_what_the_station_refuses_is_an_error_in_its_words(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = line({"ok": False, "error": "limit: there is no EVSE 7"})
    with FakeStation(tmp_path / "s", lambda _: reply) as station:
        assert started.run("limit", "--evse", "7", "16", "--socket", str(station.path)) == 1
    assert "there is no EVSE 7" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ["limit much", "priority", "priority maybe"])
def test_an_order_that_makes_no_sense_is_wrong_usage(started: Started, arguments: str) -> None:
    assert started.run(*arguments.split()) == 2
