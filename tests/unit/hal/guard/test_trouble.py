"""What the guard complains of, left for whoever explains the station to people."""

import asyncio
import logging
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hal.api import Fault, GuardGone, GuardStatus, HardwareError
from hal.guard import process, trouble
from hal.guard.client import GuardClient
from hal.guard.loop import Timing
from hal.guard.settings import load
from hal.guard.trouble import LONGEST_BYTES, TroubleNote
from tests.unit.hal.guard.running import Running
from tests.unit.hal.guard.test_settings import EVSE, STATION

QUICK = Timing(tick_s=0.005)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "guard.sock"


def test_nothing_is_wrong_where_nobody_has_complained(socket: Path) -> None:
    assert trouble.read(socket) == ""
    TroubleNote(socket).forget()


def test_a_complaint_stays_until_it_is_taken_away(socket: Path) -> None:
    note = TroubleNote(socket)
    note.tell("line 17 is held by fan")
    assert trouble.read(socket) == "line 17 is held by fan"
    note.tell("the chip is gone")
    assert trouble.read(socket) == "the chip is gone"
    TroubleNote(socket).forget()
    assert trouble.read(socket) == ""


def test_only_those_who_may_connect_may_read_it(socket: Path) -> None:
    note = TroubleNote(socket)
    note.tell("x")
    file = socket.with_name("guard.sock.trouble")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    TroubleNote(socket, os.getgid()).tell("y")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_whatever_stands_in_the_file_is_one_short_line(socket: Path) -> None:
    file = socket.with_name("guard.sock.trouble")
    file.write_bytes(b"one\n\x1b[31mtwo\x00\xff" + b"x" * 5000)
    told = trouble.read(socket)
    assert told.startswith("one [31mtwo")
    assert told.isprintable()
    assert len(told) <= LONGEST_BYTES


def test_a_folder_that_takes_no_files_is_told_and_hurts_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    note = TroubleNote(tmp_path / "absent" / "guard.sock")
    note.tell("x")
    assert "cannot be written" in caplog.text


async def following(
    events: AsyncIterator[GuardStatus | GuardGone], words: str
) -> GuardStatus | GuardGone:
    """Return the first event that says something."""
    while True:
        event = await asyncio.wait_for(anext(events), 5.0)
        said = event.reason if isinstance(event, GuardGone) else event.trouble
        if words in said:
            return event


async def test_services_hear_why_the_lines_are_lost(socket: Path) -> None:
    guard = Running(socket, QUICK)
    guard.station._note = TroubleNote(socket)
    guard.thread.start()
    try:
        async with GuardClient(socket) as client:
            events = client.statuses()
            guard.board.lost = True
            event = await following(events, "the board is unplugged")
            assert isinstance(event, GuardStatus)
            assert event.faults == {Fault.LINES_LOST}
            guard.board.lost = False
            while not (isinstance(event, GuardStatus) and not event.faults):
                event = await asyncio.wait_for(anext(events), 5.0)
            assert event.trouble == ""
    finally:
        await asyncio.to_thread(guard.close)


async def test_services_hear_why_no_guard_begins(socket: Path) -> None:
    async with GuardClient(socket) as client:
        events = client.statuses()
        await following(events, "No such file")
        TroubleNote(socket).tell("EVSE 1: outputs stay")
        event = await following(events, "EVSE 1: outputs stay")
        assert event == GuardGone("it said: EVSE 1: outputs stay")


def test_a_guard_that_may_not_begin_leaves_word(tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text(STATION + EVSE)
    settings = load(config)
    process.leave_word(settings, HardwareError("EVSE 1: outputs stay"))
    assert trouble.read(settings.socket) == "EVSE 1: outputs stay"
    with process._single_instance(settings.socket):
        process.leave_word(settings, HardwareError("another guard's lines are busy"))
    assert trouble.read(settings.socket) == "EVSE 1: outputs stay"
