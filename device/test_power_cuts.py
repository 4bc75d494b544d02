"""The power is cut in the middle of updates, on a disk that loses what was not flushed.

The station's own programs fetch an image and write to a file system of the kernel's. What its disk
holds after a cut at some moment is then made and mounted: it must start a slot that works, must not
have lost what was said to be done, and must take an update. `--cuts N` tries so many moments.
"""

import asyncio
import contextlib
import os
import random
import sqlite3
import ssl
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from agent.transfer.addresses import AddressRules
from agent.update.download import DownloadLimits, HttpDownload
from agent.update.requests import Order, Outcome
from agent.update.selector import select
from agent.update.slot_state import TRIES
from agent.update.slot_tree import read_mark
from device import cut_lab
from device.cut_disk import CutDisk, Cuts, Event, Mark, Write
from device.cut_lab import Laboratory
from tests.integration.file_server import FileServer
from tests.unit.update.station_rig import NEW_TREE, Station

pytestmark = [
    pytest.mark.quick,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(cut_lab.obstacle()), reason=cut_lab.obstacle() or "there is one"),
]


NOISE_BYTES = 10 << 20
"""So large that a download is flushed on its way."""


@pytest.fixture(scope="module")
def mountable() -> None:
    if reason := cut_lab.trial():
        pytest.skip(reason)


@pytest.fixture
def laboratory(mountable: None) -> Iterator[Laboratory]:  # noqa: ARG001 - it skips
    with cut_lab.laboratory() as lab:
        yield lab


def database(station: Station) -> sqlite3.Connection:
    """The state directory's database, opened as the store opens it."""
    connection = sqlite3.connect(station.layout.outbox.parent / "events.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, body TEXT)")
    return connection


def fetch(station: Station, server: FileServer) -> Path:
    """Fetch the image as the agent does, going on with what has come before."""
    rules = AddressRules(schemes=frozenset({"http"}), ports=frozenset({server.port}), private=True)
    download = HttpDownload(rules, DownloadLimits(), ssl.create_default_context)
    image = station.layout.outbox / "image"
    asyncio.run(download.fetch(server.url(), image, lambda _: None))
    return image


class Day:
    """An update while the station does its work, each step told to the disk once it is done."""

    def __init__(self, station: Station, disk: CutDisk, server: FileServer) -> None:
        self._station, self._disk, self._server = station, disk, server
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
        fetch(self._station, self._server)
        self._disk.mark("fetched")
        self.work()
        self.ask(Order.INSTALL, image="image")
        self.ask(Order.ACTIVATE)
        assert self.start() == "1.1.0"
        self.ask(Order.CONFIRM)
        assert self.start() == "1.1.0"

    def close(self) -> None:
        self._database.close()


def record(lab: Laboratory, server: FileServer) -> CutDisk:
    with lab.prepared() as place:
        station = Station(place)
        image = station.bundle(tree={**NEW_TREE, "noise": os.urandom(NOISE_BYTES)})
        server.content = image.read_bytes()
        image.unlink()
        database(station).close()
    with (
        lab.recording() as disk,
        contextlib.closing(Day(attached(lab.live), disk, server)) as day,
    ):
        day.run()
    return disk


def attached(place: Path) -> Station:
    station = Station.__new__(Station)
    station.guard_runs = True
    station.root, station.ran = place, []
    station.attach()
    return station


def check(place: Path, said: list[str], server: FileServer) -> None:
    """What must hold after any cut."""
    station = attached(place)
    events = max((int(text.split()[1]) for text in said if text.startswith("event ")), default=0)
    with database(station) as found:
        (stored,) = found.execute("SELECT count(*) FROM event").fetchone()
    found.close()
    assert stored >= events
    if "fetched" in said and "install" not in said:
        assert (station.layout.outbox / "image").read_bytes() == server.content
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
        assert fetch(station, server).read_bytes() == server.content
        assert station.ask(Order.INSTALL, image="image").outcome is Outcome.DONE
        assert station.ask(Order.ACTIVATE).outcome is Outcome.DONE
        assert station.starts() == "1.1.0"


@pytest.mark.parametrize("torn", [512, 4096])
def test_wherever_the_power_is_cut_the_station_starts_and_has_lost_nothing(
    laboratory: Laboratory,
    request: pytest.FixtureRequest,
    torn: int,
    evidence: Path,
    record_property: Callable[[str, object], None],
) -> None:
    with FileServer().serving() as server:
        disk, base = record(laboratory, server), laboratory.base
        server.requests.clear()
        seed = random.randrange(2**32)  # noqa: S311 - printed, so that it can be repeated
        print(f"seed {seed}, {len(disk.log)} things happened to the disk")
        cuts, begun = Cuts(base, disk.log, seed), Counter[str]()
        for place in places_of_cuts(disk, request.config.getoption("cuts"), seed):
            content = cuts.at(place, torn)
            begun[next((said for said in reversed(cuts.said) if "event" not in said), "")] += 1
            try:
                with laboratory.after_a_cut(content) as found:
                    check(found, cuts.said, server)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                (evidence / "disk").write_bytes(content)
                error.add_note(f"cut at {place}, after {cuts.said[-1:]}; see {evidence / 'disk'}")
                raise
        gone_on = sum("Range" in asked for asked in server.requests)
        record_property("cut after", dict(begun))
        print(f"cut after {dict(begun)}; {gone_on} downloads were gone on with")


def places_of_cuts(disk: CutDisk, wanted: int, seed: int) -> list[int]:
    """Take moments at random, from each part of the day as many: a download has few writes."""
    marks = [place for place, event in enumerate(disk.log) if is_step(event)]
    parts = [range(*ends) for ends in pairwise([0, *marks, len(disk.log) + 1])]
    dice = random.Random(seed)  # noqa: S311 - moments are no secret
    each = -(-wanted // len(parts))
    return sorted(
        place for part in parts for place in dice.sample(part, min(each, len(part)))
    )  # fmt: skip


def is_step(event: Event) -> bool:
    return isinstance(event, Mark) and not event.text.startswith("event ")


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
