"""What an agent that was taken over may try in its own folder, and what root does about it."""

import asyncio
import datetime as dt
import os
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.ports import InstallationFailed
from agent.update import installer
from agent.update.application_slots import ApplicationSlots
from agent.update.requests import Answer, Order, Outcome
from agent.update.slot_tree import read_mark
from tests.unit.update.station_rig import Station

MIB = 1 << 20


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def asked(station: Station) -> Answer:
    """Install what lies there, see that nothing came of it, and return what the agent is told."""
    before = station.old_slot(), station.state
    answer = station.ask(Order.INSTALL, image="image")
    assert (station.old_slot(), station.state) == before
    assert read_mark(station.layout.slots / "b") is None
    assert not station.layout.incoming.exists()
    assert station.starts() == "1.0.0"
    return answer


# --- What root reads.


def test_what_root_copies_is_for_nobody_else_to_read(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent chooses the file, by a link in its path or a hard link, and root may read all."""
    modes: list[int] = []
    original = installer.open_signed

    def look(path: Path, makers: Path, now: dt.datetime) -> object:
        modes.append(path.stat().st_mode & 0o777)
        return original(path, makers, now)

    monkeypatch.setattr(installer, "open_signed", look)
    station.install()
    assert modes == [0o600]


def test_a_link_in_place_of_the_folder_is_not_followed(station: Station) -> None:
    station.bundle()
    station.layout.outbox.rename(station.root / "elsewhere")
    station.layout.outbox.symlink_to(station.root / "elsewhere")
    assert asked(station).outcome is Outcome.REFUSED


@pytest.mark.parametrize("kind", ["folder", "link to itself", "device", "socket"])
def test_only_a_plain_file_is_an_image(
    station: Station, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    image = station.layout.outbox / "image"
    match kind:
        case "folder":
            image.mkdir()
        case "link to itself":
            image.symlink_to(image)
        case "device":
            image.symlink_to("/dev/zero")
        case _:
            monkeypatch.chdir(image.parent)
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(image.name)
    assert asked(station).outcome is Outcome.REFUSED


def test_a_file_of_a_terabyte_without_content_is_not_copied(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = station.layout.outbox / "image"
    image.touch()
    os.truncate(image, 1 << 40)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
    answer = installer.install(station.layout, "image", "0" * 32, dt.datetime.now(dt.UTC))
    assert answer.outcome is Outcome.REFUSED


def on_reading(
    monkeypatch: pytest.MonkeyPatch, station: Station, happens: Callable[[], object]
) -> None:
    """Have something happen after each piece of an image that root has read."""
    read, image = os.read, str(station.layout.outbox / "image")

    def reading(descriptor: int, length: int) -> bytes:
        chunk = read(descriptor, length)
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(image):
            happens()
        return chunk

    monkeypatch.setattr(os, "read", reading)


def test_a_file_that_grows_while_it_is_read_is_left_in_the_end(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = station.bundle()
    monkeypatch.setattr(installer, "MOST_BUNDLE_BYTES", 3 * MIB)

    def grow() -> None:
        with image.open("ab") as file:
            file.write(bytes(MIB))

    on_reading(monkeypatch, station, grow)
    answer = asked(station)
    assert answer.outcome is Outcome.REFUSED
    assert "grows" in answer.message


def test_a_file_that_is_exchanged_while_it_is_read_is_the_one_that_was_opened(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = station.bundle()
    evil = station.root / "evil"
    evil.write_bytes(b"evil" * 100_000)
    on_reading(monkeypatch, station, lambda: evil.exists() and evil.replace(image))
    assert station.ask(Order.INSTALL, image="image").outcome is Outcome.DONE
    assert not evil.exists()


def test_a_file_that_changes_while_it_is_read_is_verified_as_it_was_read(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = station.bundle()
    good = image.read_bytes()
    image.write_bytes(good + bytes(2 * MIB))

    def restore() -> None:
        """Be genuine whenever somebody looks again."""
        image.write_bytes(good)

    on_reading(monkeypatch, station, restore)
    assert asked(station).outcome is Outcome.REFUSED


@pytest.mark.parametrize("target", ["there", "missing"])
def test_nothing_is_learned_of_other_files_by_a_link_that_cancels(
    station: Station, target: str
) -> None:
    station.bundle()
    (station.root / "there").touch()
    station.layout.cancel.symlink_to(station.root / target)
    assert asked(station).message == "cancelled"


# --- The disk.


@pytest.fixture
def no_file_beyond(station: Station) -> Iterator[Callable[[int], None]]:
    """Let no file of this process become larger: the kernel refuses the write, as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 4096, 65_536, 1_500_000])
def test_where_the_copy_breaks_off_its_room_is_given_back(
    station: Station, no_file_beyond: Callable[[int], None], room: int
) -> None:
    image = station.layout.outbox / "image"
    image.write_bytes(os.urandom(2 * MIB))
    no_file_beyond(room)
    answer = installer.install(station.layout, "image", "0" * 32, dt.datetime.now(dt.UTC))
    no_file_beyond(resource.RLIM_INFINITY)
    assert answer.outcome is Outcome.FAILED
    assert not station.layout.incoming.exists()
    assert station.starts() == "1.0.0"


@pytest.mark.parametrize("room", [0, 100, 70_000, 200_000])
def test_where_a_file_of_the_slot_breaks_off_the_room_of_all_is_given_back(
    station: Station, no_file_beyond: Callable[[int], None], room: int
) -> None:
    station.bundle(tree={"one": b"1" * 50, "two": b"2" * 150_000, "three": os.urandom(250_000)})
    copied = installer.take_over

    def copy(image: Path, incoming: Path) -> None:
        copied(image, incoming)
        no_file_beyond(room)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installer, "take_over", copy)
        answer = installer.install(station.layout, "image", "0" * 32, dt.datetime.now(dt.UTC))
    no_file_beyond(resource.RLIM_INFINITY)
    assert answer.outcome is Outcome.FAILED
    assert not station.layout.incoming.exists()
    assert not (station.layout.slots / "b").exists()
    assert station.starts() == "1.0.0"


def test_the_copy_does_not_take_the_last_room_of_everybody(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transactions are stored on the same disk."""
    station.bundle()
    statvfs = os.statvfs

    def nearly_full(path: Any) -> os.statvfs_result:
        found = list(statvfs(path))
        found[4] = MIB // found[1]  # f_bavail, in units of f_frsize
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", nearly_full)
    monkeypatch.setattr(installer, "open_signed", lambda *_: pytest.fail("it was copied"))
    answer = asked(station)
    assert answer.outcome is Outcome.FAILED
    assert "free" in answer.message


# --- An update on site is laid out by root, in the agent's folder.


async def test_root_lays_an_image_out_through_no_link(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, image = station.root / "victim", station.root / "image"
    victim.write_bytes(b"precious")
    image.write_bytes(b"image")

    def too_late(link: Path, _target: Path) -> None:
        """Another name is not possible between two disks, and the agent uses the moment."""
        link.symlink_to(victim)
        raise OSError("cross-device")

    monkeypatch.setattr(Path, "hardlink_to", too_late)
    with pytest.raises(InstallationFailed):
        await ApplicationSlots(station.layout.root).install(image, lambda _: None)
    assert victim.read_bytes() == b"precious"


async def test_root_cancels_through_no_link(station: Station) -> None:
    image = station.root / "image"
    image.write_bytes(b"image")
    slots = ApplicationSlots(station.layout.root)
    asked_for = asyncio.create_task(slots.install(image, lambda _: None))
    while not station.layout.request.exists():  # noqa: ASYNC110 - a file gives no event
        await asyncio.sleep(0.01)
    station.layout.cancel.symlink_to(station.root / "made-by-root")
    asked_for.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked_for
    assert not (station.root / "made-by-root").exists()
