"""The power is cut in the middle of updates, on a disk that loses what was not flushed.

The station's own programs write to a file system of the kernel's. What its disk holds after a cut
at some moment is then made and mounted: it must start a slot that works, must not have lost what
was said to be done, and must take an update. `--cuts N` tries so many moments.
"""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.update.requests import Order, Outcome
from agent.update.selector import select
from agent.update.slot_state import TRIES
from agent.update.slot_tree import read_mark
from device import cut_lab
from device.cut_disk import CutDisk, Cuts, Write
from device.cut_lab import Laboratory
from tests.unit.update.station_rig import Station

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(cut_lab.obstacle()), reason=cut_lab.obstacle() or "there is one"),
]


@pytest.fixture
def laboratory() -> Iterator[Laboratory]:
    with cut_lab.laboratory() as lab:
        yield lab


def database(station: Station) -> sqlite3.Connection:
    """The state directory's database, opened as the store opens it."""
    connection = sqlite3.connect(station.layout.outbox.parent / "events.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, body TEXT)")
    return connection


class Day:
    """An update while the station does its work, each step told to the disk once it is done."""

    def __init__(self, station: Station, disk: CutDisk) -> None:
        self._station, self._disk = station, disk
        self._events = 0
        self._database = database(station)

    def work(self) -> None:
        for _ in range(3):
            self._events += 1
            self._database.execute("INSERT INTO event VALUES (?, ?)", (self._events, "x" * 300))
            self._disk.mark(f"event {self._events}")

    def ask(self, order: Order, **more: str) -> None:
        assert self._station.ask(order, **more).outcome is Outcome.DONE
        self._disk.mark(order.value)
        self.work()

    def start(self) -> str:
        version = self._station.starts()
        self._disk.mark(f"started {version}")
        self.work()
        return version

    def run(self) -> None:
        self.work()
        self.ask(Order.INSTALL, image="image")
        self.ask(Order.ACTIVATE)
        assert self.start() == "1.1.0"
        self.ask(Order.CONFIRM)
        assert self.start() == "1.1.0"
        self._database.close()


def record(lab: Laboratory) -> CutDisk:
    with lab.prepared() as place:
        station = Station(place)
        station.bundle()
        database(station).close()
    with lab.recording() as disk:
        Day(attached(lab.live), disk).run()
    return disk


def attached(place: Path) -> Station:
    station = Station.__new__(Station)
    station.guard_runs = True
    station.root, station.ran = place, []
    station.attach()
    return station


def check(place: Path, said: list[str]) -> None:
    """What must hold after any cut."""
    station = attached(place)
    events = max((int(text.split()[1]) for text in said if text.startswith("event ")), default=0)
    with database(station) as found:
        (stored,) = found.execute("SELECT count(*) FROM event").fetchone()
    found.close()
    assert stored >= events
    selection = select(station.layout)
    mark = read_mark(station.layout.slots / selection.slot)
    assert mark is not None
    assert station.starts() in ("1.0.0", "1.1.0")
    if "confirm" in said:
        assert station.state.active == "b"
        assert station.state.rollback_index == 3
    for _ in range(TRIES + 1):
        version = station.starts()
    assert version == ("1.1.0" if station.state.active == "b" else "1.0.0")
    if station.state.active == "a":
        station.bundle(name="again")
        assert station.ask(Order.INSTALL, image="again").outcome is Outcome.DONE
        assert station.ask(Order.ACTIVATE).outcome is Outcome.DONE
        assert station.starts() == "1.1.0"


@pytest.mark.parametrize("torn", [512, 4096])
def test_wherever_the_power_is_cut_the_station_starts_and_has_lost_nothing(
    laboratory: Laboratory, request: pytest.FixtureRequest, torn: int
) -> None:
    disk, base = record(laboratory), laboratory.base
    seed = random.randrange(2**32)  # noqa: S311 - printed, so that it can be repeated
    print(f"seed {seed}, {len(disk.log)} things happened to the disk")
    places = random.Random(seed).sample(  # noqa: S311
        range(len(disk.log) + 1), min(request.config.getoption("cuts"), len(disk.log) + 1)
    )
    cuts = Cuts(base, disk.log, seed)
    for place in sorted(places):
        with laboratory.after_a_cut(cuts.at(place, torn)) as found:
            check(found, cuts.said)


def test_the_laboratory_sees_what_is_not_flushed(laboratory: Laboratory) -> None:
    """Without this the test above might see nothing at all."""
    with laboratory.prepared():
        pass
    with laboratory.recording() as disk:
        (laboratory.live / "careless").write_text("x" * 1000)
        disk.mark("written")
        said = len(disk.log)
    assert any(isinstance(event, Write) for event in disk.log[said:])
    with laboratory.after_a_cut(Cuts(laboratory.base, disk.log, 1).at(said)) as found:
        assert not (found / "careless").exists()
