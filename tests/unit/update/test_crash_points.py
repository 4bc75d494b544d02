"""The power may go at any moment of an update: each step that touches the disk is stopped at.

A child process does the update and ends, without any clean-up, just before its n-th such step; for
every n. What it left must start, fall back, and take the update again. What a disk may lose on top
of that is tried on a real file system by the bench of power cuts.
"""

import errno
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.update.requests import Order, Outcome, Request, read_answer, write_request
from agent.update.slot_state import TRIES
from tests.unit.update.station_rig import Station

STEPS = (
    *("open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir"),
    *("symlink", "chmod", "link"),
)


class Counter:
    """Counts the steps of this process and ends it before the last one that it may not do."""

    def __init__(self, end_before: int | None) -> None:
        self.done = 0
        self._end_before = end_before
        for name in STEPS:
            setattr(os, name, self._counting(getattr(os, name)))

    def _counting(self, step: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(step)
        def counted(*words: Any, **more: Any) -> Any:
            if self.done == self._end_before:
                os._exit(1)
            self.done += 1
            return step(*words, **more)

        return counted


def update(station: Station) -> None:
    """The whole way of an update, as far as the privileged side goes it."""
    assert station.ask(Order.INSTALL, image="image").outcome is Outcome.DONE
    assert station.ask(Order.ACTIVATE).outcome is Outcome.DONE
    assert station.starts() == "1.1.0"
    assert station.ask(Order.CONFIRM).outcome is Outcome.DONE


def give_up(station: Station) -> None:
    """The way of an update that is not healthy."""
    station.install()
    station.ask(Order.ACTIVATE)
    assert station.starts() == "1.1.0"
    assert station.ask(Order.GIVE_UP, reason="no guard").outcome is Outcome.DONE
    assert station.starts() == "1.0.0"


def in_child(station: Station, way: Callable[[Station], None], end_before: int | None) -> int:
    """Go a way in a process of its own; return its count of steps, -1 if it was ended before."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            counter = Counter(end_before)
            way(station)
            os.set_inheritable(writer, True)
            getattr(os.write, "__wrapped__")(writer, str(counter.done).encode())  # noqa: B009
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as told:
        count = told.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (0 if count else 1)
    return int(count or -1)


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of flushes of a real disk prove no more."""
    parent = Path("/dev/shm")  # noqa: S108 - a folder of our own is made below it
    with tempfile.TemporaryDirectory(dir=parent if parent.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def template(memory: Path) -> Station:
    station = Station(memory / "template")
    station.bundle()
    return station


def copy(template: Station, folder: Path) -> Station:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template.root, folder, symlinks=True)
    station = Station.__new__(Station)
    station.guard_runs = True
    station.root, station.ran = folder, []
    station.attach()
    return station


def check_whole(station: Station, old: dict[str, bytes]) -> None:
    """Whatever was left: it starts, an unconfirmed version is gone in time, and an update works."""
    assert station.state.rollback_index in (2, 3)
    first = station.starts()
    was_confirmed = station.state.active == "b"
    if not was_confirmed:
        assert station.old_slot() == old
    for _ in range(TRIES + 1):
        last = station.starts()
    assert last == ("1.1.0" if was_confirmed else "1.0.0")
    if first == "1.1.0" and not was_confirmed:
        assert station.state.failed == "b"
    if not was_confirmed:
        station.bundle()
        update(station)
        assert station.starts() == "1.1.0"


@pytest.mark.parametrize("way", [update, give_up])
def test_wherever_an_update_is_cut_the_station_starts_and_can_be_updated(
    template: Station, memory: Path, way: Callable[[Station], None]
) -> None:
    old = template.old_slot()
    steps = in_child(copy(template, memory / "count"), way, None)
    assert steps > 100
    for end_before in range(steps):
        station = copy(template, memory / "cut")
        assert in_child(station, way, end_before) == -1
        check_whole(station, old)


class FullDisk:
    """Lets no step any more that needs room, from the n-th on; /run is in memory and has room."""

    NEEDS_ROOM = ("write", "mkdir", "symlink", "link")

    def __init__(self, patch: pytest.MonkeyPatch, station: Station, first: int | None) -> None:
        self.asked = 0
        self._first = first
        self._in_memory = str(station.layout.answer.parent)
        for name in self.NEEDS_ROOM:
            patch.setattr(os, name, self._refusing(getattr(os, name)))

    def _refusing(self, step: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(step)
        def refused(*words: Any, **more: Any) -> Any:
            if not self._place(*words).startswith(self._in_memory):
                if self._first is not None and self.asked >= self._first:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self.asked += 1
            return step(*words, **more)

        return refused

    @staticmethod
    def _place(*words: Any) -> str:
        """Return the path of what is written to, or of what is made."""
        if isinstance(words[0], int):
            return str(Path(f"/proc/self/fd/{words[0]}").readlink())
        return str([word for word in words if isinstance(word, (str, os.PathLike))][-1])


def serve_on_full_disk(station: Station, first: int | None) -> int:
    """Have an image installed while room ends; return how many steps needed some."""
    write_request(
        station.layout.request, Request(order=Order.INSTALL, number="1" * 32, image="image")
    )
    with pytest.MonkeyPatch.context() as patch:
        disk = FullDisk(patch, station, first)
        station.keeper.serve()
        assert station.starts() == "1.0.0"
    return disk.asked


def test_wherever_the_disk_gets_full_the_old_version_stays_and_the_next_update_works(
    template: Station, memory: Path
) -> None:
    old = template.old_slot()
    steps = serve_on_full_disk(copy(template, memory / "count"), None)
    assert steps > 20
    for first in range(steps):
        station = copy(template, memory / "full")
        serve_on_full_disk(station, first)
        assert station.old_slot() == old
        answer = read_answer(station.layout.answer)
        assert answer is not None
        assert answer.outcome is Outcome.FAILED
        assert "No space" in answer.message
        assert station.state.ready is None
        check_whole(station, old)
