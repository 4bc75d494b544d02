"""What is started: always something that works, whatever is found."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.update import slot_tree
from agent.update.base import RESTART_TRIES_IT
from agent.update.layout import Layout
from agent.update.requests import Order, Outcome
from agent.update.selector import NoSlot, ensure_link, select
from agent.update.slot_keeper import EXPIRED
from agent.update.slot_link import linked_slot
from agent.update.slot_state import TRIES, UNCONFIRMED
from agent.update.slot_tree import empty
from deb.__main__ import BASE_MODULES, lay_out_base
from tests.unit.update.station_rig import HERE, NEW_TREE, SITE, Station, unsealed
from tests.unit.update.trees import plant


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def test_a_version_that_is_never_confirmed_gets_its_tries_and_no_more(station: Station) -> None:
    station.try_new()
    started = [station.starts() for _ in range(TRIES + 2)]
    assert started == ["1.1.0"] * TRIES + ["1.0.0"] * 2
    assert (station.state.failed, station.state.failure) == ("b", UNCONFIRMED)


def test_a_trial_is_watched_and_the_guard_is_told_of_every_move(station: Station) -> None:
    station.try_new()
    station.ran.clear()
    station.starts()
    assert ("/usr/bin/systemctl", "--no-block", "start", "stationd-trial.timer") in station.ran
    assert station.ran[-1][2:] == (
        *("kill", "--kill-who=main", "--signal=HUP", "stationd-guard.service"),
    )
    station.ran.clear()
    station.ask(Order.CONFIRM)
    station.starts()
    assert station.ran[-1] == ("/usr/bin/systemctl", "--no-block", "stop", "stationd-trial.timer")


def test_a_trial_that_takes_too_long_ends(station: Station) -> None:
    station.try_new()
    station.starts()
    station.keeper.expire()
    assert station.state.failure == EXPIRED
    assert station.starts() == "1.0.0"
    before = station.state
    station.keeper.expire()
    assert station.state == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda layout: (layout.slots / "b/slot.json").unlink(),
        lambda layout: (layout.slots / "b/slot.json").write_text("{"),
        lambda layout: (layout.slots / "b/bin/python").unlink(),
        lambda layout: empty(layout.slots / "b"),
    ],
)
def test_a_torn_slot_is_not_tried(station: Station, damage: Callable[[Layout], object]) -> None:
    station.try_new()
    for folder in (station.layout.slots / "b", station.layout.slots / "b/bin"):
        folder.chmod(0o755)
    (station.layout.slots / "b/slot.json").chmod(0o644)
    damage(station.layout)
    assert station.starts() == "1.0.0"
    assert station.state.failed == "b"


def test_a_confirmed_slot_that_is_gone_is_replaced_by_the_other(station: Station) -> None:
    station.try_new()
    station.starts()
    station.ask(Order.CONFIRM)
    empty(station.layout.slots / "b")
    assert station.starts() == "1.0.0"


def test_without_any_slot_nothing_is_started(station: Station) -> None:
    empty(station.layout.slots / "a")
    with pytest.raises(NoSlot, match="install the package again"):
        select(station.layout)


def test_with_a_lost_state_the_slot_of_the_last_start_goes_on(station: Station) -> None:
    station.try_new()
    station.starts()
    station.ask(Order.CONFIRM)
    for file in station.layout.state.parent.glob("state.json*"):
        file.write_text("noise")
    assert station.starts() == "1.1.0"
    station.layout.current.unlink()
    assert station.starts() == "1.0.0"
    station.bundle()
    assert station.ask(Order.INSTALL, image="image").outcome is Outcome.FAILED


def test_the_guard_s_start_counts_nothing_and_makes_the_link_if_it_is_missing(
    station: Station,
) -> None:
    station.try_new()
    before = station.state
    assert ensure_link(station.layout) == "a"
    station.layout.current.unlink()
    assert ensure_link(station.layout) == "a"
    assert linked_slot(station.layout) == "a"
    assert station.state == before


# --- A disk without room.


@contextmanager
def small_disk(folder: Path, mib: float) -> Iterator[None]:
    size = f"size={int(mib * 1024)}k"
    command = ["/usr/bin/mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["/usr/bin/umount", str(folder)], check=True)


@pytest.mark.parametrize("mib", [0.5, 2, 4.5, 5, 5.5, 6, 9])
def test_a_disk_that_gets_full_leaves_the_old_version_and_room_for_another_try(
    station: Station, mib: float
) -> None:
    """Many tiny files take more room than they have bytes, so that the room ends in the middle."""
    layout = station.layout
    tree = {**NEW_TREE, **{f"tiny/{n}": b"x" for n in range(1500)}}
    bundle = station.bundle(tree=tree)
    kept = station.root / "kept"
    shutil.copytree(layout.slots / "a", kept, symlinks=True)
    with small_disk(layout.slots, mib):
        shutil.copytree(kept, layout.slots / "a", symlinks=True)
        before = station.old_slot()
        answer = station.ask(Order.INSTALL, image=bundle.name)
        if answer.outcome is not Outcome.DONE:
            assert answer.outcome is Outcome.FAILED
            assert "free" in answer.message or "No space" in answer.message
            assert ("free" if mib < 4.5 else "No space") in answer.message
            assert not (layout.slots / "b").exists()
            assert station.state.ready is None
        assert station.old_slot() == before
        assert station.starts() == "1.0.0"


@pytest.mark.parametrize("spare_kib", [-40, 0, 4, 8, 12, 16, 40])
def test_a_disk_that_is_full_beside_the_slots_leaves_the_old_version(
    station: Station, monkeypatch: pytest.MonkeyPatch, spare_kib: int
) -> None:
    """The copy of the image does not fit, or one of the states on the way to the new slot.

    There was room when it was looked for, and others have taken it meanwhile.
    """
    monkeypatch.setattr(slot_tree, "_ROOM_FLOOR_BYTES", -(1 << 30))
    noise = {"noise": os.urandom(200 << 10)}
    layout, bundle = station.layout, station.bundle(tree={**NEW_TREE, **noise})
    folder = layout.state.parent
    kept, before = layout.state.read_bytes(), station.old_slot()
    copy_kib = -(-bundle.stat().st_size // 4096) * 4
    with small_disk(folder, (copy_kib + 8 + spare_kib) / 1024):
        layout.state.write_bytes(kept)
        answer = station.ask(Order.INSTALL, image=bundle.name)
        if answer.outcome is not Outcome.DONE:
            assert answer.outcome is Outcome.FAILED
            assert "No space" in answer.message
            assert station.state.ready is None
        assert not layout.incoming.exists()
        assert spare_kib < 40 or answer.outcome is Outcome.DONE
        assert spare_kib >= 0 or answer.outcome is Outcome.FAILED
        assert station.old_slot() == before
        assert station.starts() == "1.0.0"


def test_a_state_that_cannot_be_written_begins_no_trial(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that is not counted would be one without end."""
    station.try_new()
    folder = station.layout.state.parent

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(os, "write", full)
    assert select(station.layout).slot == "a"
    monkeypatch.undo()
    assert station.starts() == "1.1.0"


# --- What stands outside the slots, and packages.


def test_what_stands_outside_the_slots_runs_by_itself(tmp_path: Path) -> None:
    """With the standard library alone, wherever it lies, and without the repository."""
    lay_out_base(tmp_path / "base")
    command = [sys.executable, "-I", "-S", str(tmp_path / "base"), "nonsense"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "adopt BUNDLE" in done.stderr
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(tmp_path / "base"), "nonsense"],
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    lines = [line for line in loaded.splitlines() if line.startswith("import time:")]
    ours = {line.split("|")[-1].strip() for line in lines if "agent" in line}
    assert "agent.update.slot_keeper" in ours
    names = {"agent." + m.removesuffix("/__init__").replace("/", ".") for m in BASE_MODULES}
    assert ours <= {*names, "agent", "agent.__init__"}


def test_a_newer_package_is_tried_and_the_same_one_changes_nothing(station: Station) -> None:
    newer = unsealed(station.root / "newer", HERE, plant(station.root / "t", NEW_TREE))
    assert station.keeper.adopt(newer)
    assert station.starts() == "1.1.0"
    assert station.state.trial == "b"
    station.ask(Order.CONFIRM)
    before = station.state
    assert not station.keeper.adopt(newer)
    assert station.state == before


def test_a_package_over_removed_slots_starts_anew_and_keeps_the_rollback_index(
    station: Station,
) -> None:
    station.try_new()
    station.starts()
    station.ask(Order.CONFIRM)
    for slot in "ab":
        empty(station.layout.slots / slot)
    old = dataclasses.replace(HERE, version="1.0.5", rollback_index=0)
    package = unsealed(station.root / "again", old, plant(station.root / "t2", NEW_TREE))
    assert not station.keeper.adopt(package)
    assert station.state.active == "a"
    assert station.state.rollback_index == 3
    assert (station.layout.slots / "a" / SITE).is_dir()
    assert RESTART_TRIES_IT == 3
