"""The program outside the slots: whoever writes slots is alone."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.update.base import RESTART_TRIES_IT, main
from agent.update.requests import Order, Request, write_request
from agent.update.slot_tree import read_mark
from tests.patience import PATIENT_S
from tests.unit.update.station_rig import HERE, TREE, Station, unsealed
from tests.unit.update.trees import plant


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


@pytest.fixture
def held(station: Station) -> Iterator[int]:
    """The lock of whoever writes slots, as another program holds it."""
    station.layout.lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(station.layout.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


def somebody_waits(lock: Path) -> bool:
    """Tell whether the kernel knows of a program that waits for the lock."""
    inode = f":{lock.stat().st_ino} "
    lines = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and inode in line for line in lines)


def started(station: Station, *words: str) -> threading.Thread:
    """Start the program; return when it waits."""
    thread = threading.Thread(target=main, args=(words, station.layout))
    thread.start()
    ends = time.monotonic() + PATIENT_S
    while thread.is_alive() and not somebody_waits(station.layout.lock):
        assert time.monotonic() < ends, "it neither ends nor waits"
        time.sleep(0.01)
    return thread


def test_a_package_waits_for_the_end_of_an_update(station: Station, held: int) -> None:
    tree = plant(station.root / "next", {**TREE, "more": b"x"})
    package = unsealed(station.root / "package.bundle", HERE, tree)
    adopting = started(station, "adopt", str(package))
    assert adopting.is_alive()
    assert read_mark(station.layout.slots / "b") is None
    fcntl.flock(held, fcntl.LOCK_UN)
    adopting.join(PATIENT_S)
    mark = read_mark(station.layout.slots / "b")
    assert mark is not None
    assert mark.version == HERE.version


def test_a_request_of_the_agent_waits_for_the_end_of_a_package_s_installation(
    station: Station, held: int
) -> None:
    write_request(station.layout.request, Request(order=Order.GIVE_UP, number="0" * 32))
    serving = started(station, "serve")
    assert serving.is_alive()
    assert station.layout.request.exists()
    assert not station.layout.answer.exists()
    fcntl.flock(held, fcntl.LOCK_UN)
    serving.join(PATIENT_S)
    assert station.layout.answer.exists()


def test_a_start_of_the_agent_waits_for_nobody(station: Station, held: int) -> None:
    del held
    assert main(["select"], station.layout) == 0


def test_a_package_that_is_configured_again_in_its_trial_changes_nothing(station: Station) -> None:
    tree = plant(station.root / "next", {**TREE, "more": b"x"})
    package = unsealed(station.root / "package.bundle", HERE, tree)
    assert main(["adopt", str(package)], station.layout) == RESTART_TRIES_IT
    before = station.layout.state.read_bytes()
    assert main(["adopt", str(package)], station.layout) == 0
    assert station.layout.state.read_bytes() == before
