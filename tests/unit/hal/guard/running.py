"""A loop around a station in memory, in a thread of its own."""

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hal.guard import endpoint
from hal.guard.evse import EvseSetup
from hal.guard.link import ServicesLink
from hal.guard.loop import Loop, Timing
from hal.guard.notify import ServiceManager
from hal.guard.station import Station
from tests.unit.hal.guard.board import MemoryBoard


class Running:
    """A loop in a thread of its own."""

    def __init__(self, path: Path, timing: Timing) -> None:
        self.path = path
        self.board = MemoryBoard()
        started_s = time.monotonic()
        self.station = Station((EvseSetup(1, 32.0),), self.board.open, started_s)
        poll = select.poll()
        self.link = ServicesLink(endpoint.listen(path), poll, self.station.evses, None, started_s)
        self.manager = ServiceManager()
        self.loop = Loop(self.station, self.link, poll, self.manager, timing)
        self.thread = threading.Thread(target=self.loop.run)

    def close(self) -> None:
        self.loop.stop()
        self.thread.join(10.0)
        assert not self.thread.is_alive()
        self.link.close()
        self.station.close()
        self.board.dispose()
        self.manager.close()


@contextmanager
def running(path: Path, timing: Timing) -> Iterator[Running]:
    guard = Running(path, timing)
    guard.thread.start()
    try:
        yield guard
    finally:
        guard.close()


def eventually(true: Callable[[], bool], limit_s: float = 3.0) -> float:
    start_s = time.monotonic()
    while not true():
        assert time.monotonic() - start_s < limit_s, "it never happened"
        time.sleep(0.001)
    return time.monotonic() - start_s
