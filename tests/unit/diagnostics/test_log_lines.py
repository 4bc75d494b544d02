import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.core.log_upload import GetLog, LogType
from agent.diagnostics.log_lines import (
    KEPT_LINES,
    LONGEST_LINE,
    JournalLines,
    RecentLines,
    log_lines,
)

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


def window(**ends: datetime) -> GetLog:
    return GetLog(type=LogType.DIAGNOSTICS, location="https://logs.example/", **ends)


async def told(source: RecentLines | JournalLines, order: GetLog) -> list[str]:
    return [line async for line in source.newest_first(order)]


async def test_the_newest_lines_are_kept_while_somebody_listens() -> None:
    recent = RecentLines(lambda: NOW)
    log = logging.getLogger("tests.log_lines")
    log.warning("before")
    with recent.listening():
        for number in range(KEPT_LINES + 5):
            log.warning("line %d %s", number, "x" * 5000)
    log.warning("afterwards")
    lines = await told(recent, window())
    assert len(lines) == KEPT_LINES
    assert f"line {KEPT_LINES + 4} " in lines[0]
    assert "line 5 " in lines[-1]
    assert max(map(len, lines)) <= LONGEST_LINE + 40
    assert lines[0].startswith("2026-03-02T0"), "it is dated by the station's clock"


async def test_lines_outside_the_window_are_left_out() -> None:
    recent = RecentLines(lambda: NOW)
    with recent.listening():
        logging.getLogger("tests.log_lines").warning("now")
    minute = timedelta(minutes=1)
    assert len(await told(recent, window(oldest=NOW - minute, latest=NOW + minute))) == 1
    assert await told(recent, window(oldest=NOW + minute)) == []
    assert await told(recent, window(latest=NOW - minute)) == []


async def test_the_journal_is_asked_by_fixed_words_and_read_line_by_line(tmp_path: Path) -> None:
    program = tmp_path / "journalctl"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "print('\\n'.join(sys.argv[1:]))\nprint('long ' * 5000)\nprint('last')\n"
    )
    program.chmod(0o700)
    ends = {"oldest": NOW, "latest": NOW + timedelta(hours=1)}
    lines = await told(JournalLines(str(program)), window(**ends))
    assert "--unit=stationd" in lines
    assert "--since=2026-03-02 07:00:00 UTC" in lines
    assert "--until=2026-03-02 08:00:00 UTC" in lines
    assert lines[-1] == "last"


async def test_a_reader_that_has_enough_ends_the_program(tmp_path: Path) -> None:
    program = tmp_path / "journalctl"
    program.write_text(f"#!{sys.executable}\nwhile True: print('again', flush=True)\n")
    program.chmod(0o700)
    source = JournalLines(str(program)).newest_first(window())
    assert await anext(source) == "again"
    await source.aclose()


def test_without_systemd_the_lines_are_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert isinstance(log_lines(lambda: NOW), RecentLines)


async def test_under_systemd_the_journal_is_read_with_the_first_program_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, mode in (
        ("folder", None),
        ("no_program", 0o600),
        ("first", 0o700),
        ("next", 0o700),
    ):
        program = tmp_path / folder / "journalctl"
        program.parent.mkdir()
        if mode is None:
            program.mkdir()
            continue
        program.write_text(f"#!{sys.executable}\nprint({folder!r})\n")
        program.chmod(mode)
    folders = ("none", "folder", "no_program", "first", "next")
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in folders))
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    source = log_lines(lambda: NOW)
    assert isinstance(source, JournalLines)
    assert await told(source, window()) == ["first"]


def test_under_systemd_without_the_program_the_lines_are_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert isinstance(log_lines(lambda: NOW), RecentLines)
