"""What the demo prints, line by line."""

from datetime import UTC, datetime
from itertools import count

import pytest

from agent.sim.csms_model import Fault, FrameRecord, Rule, Version
from agent.sim.demo_verdict import Check
from agent.sim.demo_view import DemoView, terminal
from agent.sim.frames import Direction, call_text, result_text
from tests.unit.sim.demo_world import csms_station

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def view(*, show_frames: bool = False) -> tuple[DemoView, list[str]]:
    lines: list[str] = []
    seconds = count()
    shown = DemoView(
        lambda line, _style: lines.append(line),
        show_frames=show_frames,
        clock=lambda: float(next(seconds)),
    )
    return shown, lines


def frame(direction: Direction, text: str) -> FrameRecord:
    return FrameRecord(direction, text, NOW)


def test_steps_are_numbered_and_both_sides_have_their_mark() -> None:
    shown, lines = view()
    station = csms_station()
    station.version = Version.V201
    shown.heading("The car is plugged in")
    shown.board("plug inserted")
    shown.frame(station, frame(Direction.FROM_STATION, call_text("1", "Heartbeat", {})))
    answer = result_text("1", {"currentTime": "2026-01-01T00:00:00Z"})
    shown.frame(station, frame(Direction.TO_STATION, answer))
    shown.heading("The car leaves")
    assert lines == [
        "",
        "1. The car is plugged in",
        "    1.00 == plug inserted",
        "    2.00 -> Heartbeat",
        "    3.00 <- Heartbeat: 2026-01-01T00:00:00Z",
        "",
        "2. The car leaves",
    ]


def test_raw_frames_are_shown_when_they_are_wanted_and_safe_for_a_terminal() -> None:
    shown, lines = view(show_frames=True)
    shown.frame(csms_station(), frame(Direction.FROM_STATION, '[2,"1","Heartbeat",{}]\x1b[2J'))
    assert lines[1] == '           [2,"1","Heartbeat",{}]\\x1b[2J'


def test_faults_are_shown_once_and_as_soon_as_the_csms_finds_them() -> None:
    shown, lines = view()
    station = csms_station()
    station.faults.append(Fault("DEMO01", Rule.SCHEMA, "no seqNo", "[]", NOW))
    shown.frame(station, frame(Direction.FROM_STATION, call_text("1", "Heartbeat", {})))
    shown.faults(station)
    assert [line for line in lines if "!!" in line] == ["    1.00 !! schema: no seqNo"]


def test_after_a_reconnect_an_old_call_is_not_taken_for_the_new_one() -> None:
    shown, lines = view()
    station = csms_station()
    shown.frame(station, frame(Direction.FROM_STATION, call_text("1", "Heartbeat", {})))
    station.connections += 1
    shown.frame(station, frame(Direction.TO_STATION, result_text("1", {})))
    assert lines[-1].endswith("<- answer to 1")


def test_a_failure_is_told_after_the_end_of_the_log() -> None:
    shown, lines = view()
    shown.failure("waited 10 s in vain for the contactor to close", ["ERROR welded", "bye\x1b"])
    assert lines == [
        "",
        "the end of the station's log:",
        "  ERROR welded",
        "  bye\\x1b",
        "FAILED: waited 10 s in vain for the contactor to close",
    ]


def test_the_verdict_passes_only_if_every_check_does() -> None:
    good, bad = Check("energies", "equal", passed=True), Check("signature", "bad", passed=False)
    shown, lines = view()
    assert shown.verdict([good, good])
    assert lines == ["  ok      energies  equal"] * 2 + ["", "everything agrees, after 1.0 s"]
    shown, lines = view()
    assert not shown.verdict([good, bad])
    assert lines[1:] == ["  FAILED  signature  bad", "", "FAILED: 1 of 2 checks, after 1.0 s"]


def test_lines_are_plain_and_whole_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = terminal()
    output("[bold]not markup[/bold] :smile: " + "x" * 300, "bold red")
    assert capsys.readouterr().out == "[bold]not markup[/bold] :smile: " + "x" * 300 + "\n"
