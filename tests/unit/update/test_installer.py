"""An image is installed if it is genuine and for this station; anything else leaves it as it is."""

import datetime as dt
import os
import random
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pki.code_signing import sign
from agent.update.bundle import MAGIC, seal
from agent.update.installer import install, later_of
from agent.update.manifest import BundledFile
from agent.update.requests import Answer, Order, Outcome
from agent.update.slot_tree import read_mark
from tests.throw_away_ca import DAY, Issued, Recipe, issue, revocation_list
from tests.unit.update.station_rig import HERE, NEW_TREE, SITE, Station, unsealed
from tests.unit.update.trees import ROOT, SIGNER, plant

CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def signed_by(signer: Issued, station: Station, chain: str | None = None) -> Path:
    image = station.bundle()
    content = image.read_bytes()
    chain_bytes, signature_bytes, _ = struct.unpack(">IH16s", content[-22:])
    image.write_bytes(content[: len(content) - 22 - signature_bytes - chain_bytes])
    seal(image, signer.pem if chain is None else chain, lambda digest: sign(signer.key_pem, digest))
    return image


def refused(station: Station) -> str:
    """Install, see that nothing came of it, and return what the agent is told."""
    before = station.old_slot(), station.state
    answer = station.ask(Order.INSTALL, image="image")
    assert answer.outcome is Outcome.REFUSED
    assert (station.old_slot(), station.state) == before
    assert read_mark(station.layout.slots / "b") is None
    assert not station.layout.incoming.exists()
    assert station.starts() == "1.0.0"
    return answer.message


def test_a_genuine_image_is_written_into_the_other_slot_and_tried_only_when_asked_for(
    station: Station,
) -> None:
    before = station.old_slot()
    station.install()
    assert station.old_slot() == before
    assert station.starts() == "1.0.0"
    station.ask(Order.ACTIVATE)
    assert station.starts() == "1.1.0"


def test_a_slot_is_a_virtual_environment_that_is_compiled_and_read_only(station: Station) -> None:
    station.install()
    slot = station.layout.slots / "b"
    for path in slot.rglob("*"):
        if not path.is_symlink():
            assert not path.stat().st_mode & 0o222, path
    assert list((slot / SITE / "agent/__pycache__").glob("__init__.*.pyc"))
    run = [str(slot / "bin/python"), "-I", "-c", "import more; exit(more.x + 6)"]
    assert subprocess.run(run, check=False).returncode == 7


def test_progress_is_told_while_it_is_installed(station: Station) -> None:
    station.bundle()
    told: list[int] = []

    def listen(_: object, answer: Answer) -> None:
        told.append(answer.percent)

    import agent.update.installer as module

    original = module.write_answer
    module.write_answer = listen  # type: ignore[assignment]
    try:
        install(station.layout, "image", "0" * 32, dt.datetime.now(dt.UTC))
    finally:
        module.write_answer = original
    assert told == sorted(told)
    assert told[-1] == 100


# --- Who signed it.


def test_an_unsigned_image_is_refused(station: Station) -> None:
    unsealed(station.layout.outbox / "image", HERE, plant(station.root / "t", NEW_TREE))
    assert "no readable X.509 certificate" in refused(station)


def test_an_image_of_somebody_else_s_is_refused(station: Station) -> None:
    other_root = issue("Maker Root")
    signed_by(issue("Maker", other_root, Recipe(usages=CODE)), station)
    assert "does not end at an installed root" in refused(station)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(usages=CODE, start=dt.datetime.now(dt.UTC) - 9 * DAY, days=3), "expired"),
        (Recipe(usages=CODE, start=dt.datetime.now(dt.UTC) + 9 * DAY), "not valid yet"),
        (Recipe(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), "not for code signing"),
        (Recipe(), "not for code signing"),
        (Recipe(usages=CODE, may_sign=False), "may not sign"),
    ],
)
def test_a_signer_that_may_not_sign_is_refused(station: Station, recipe: Recipe, said: str) -> None:
    signed_by(issue("Maker", ROOT, recipe), station)
    assert said in refused(station)


def test_a_revoked_signer_is_refused(station: Station) -> None:
    revoked = revocation_list(ROOT, SIGNER).public_bytes(Encoding.PEM)
    (station.layout.makers / "maker.crl").write_bytes(revoked)
    station.bundle()
    assert "RevokedCertificate" in refused(station)


@pytest.mark.parametrize("name", ["maker.pem", "maker.crl"])
def test_with_an_unreadable_root_or_revocation_list_nothing_is_installed(
    station: Station, name: str
) -> None:
    (station.layout.makers / name).write_text("noise")
    station.bundle()
    assert "has an unreadable file" in refused(station)


def test_without_a_maker_s_root_nothing_is_installed(station: Station) -> None:
    (station.layout.makers / "maker.pem").unlink()
    station.bundle()
    assert "no root certificate" in refused(station)


def test_the_signature_of_another_image_is_refused(station: Station) -> None:
    one = station.bundle().read_bytes()
    other = station.bundle(tree={**NEW_TREE, "extra": b"x"}).read_bytes()
    size = struct.unpack(">IH16s", one[-22:])[1]
    assert struct.unpack(">IH16s", other[-22:])[1] - size in range(-4, 5)
    (station.layout.outbox / "image").write_bytes(other[: -22 - size] + one[-22 - size :])
    refused(station)


# --- Whether it is for this station.


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"product": "other"}, "product other"),
        ({"hardware": ("DC50", "AC11")}, "not for AC22"),
        ({"machine": "riscv64"}, "riscv64"),
        ({"python": "3.9"}, "Python 3.9"),
        ({"version": "0.9.9"}, "older than 1.0.0"),
        ({"rollback_index": 1}, "rollback index 1"),
        ({"minimum_version": "1.0.1"}, "at least version 1.0.1"),
        ({"base_version": "0.9.0"}, "changes to version 0.9.0"),
    ],
)
def test_an_image_for_something_else_is_refused(
    station: Station, change: dict[str, object], said: str
) -> None:
    station.bundle(replace(HERE, **change))  # type: ignore[arg-type]
    assert said in refused(station)


def test_what_was_confirmed_once_cannot_be_undercut(station: Station) -> None:
    station.try_new()
    station.starts()
    station.ask(Order.CONFIRM)
    assert station.state.rollback_index == 3
    station.bundle(replace(HERE, version="1.2.0", rollback_index=2))
    station.layout.slots.joinpath("a").chmod(0o755)
    answer = station.keeper, install(station.layout, "image", "0" * 32, dt.datetime.now(dt.UTC))
    assert answer[1].outcome is Outcome.REFUSED
    assert "rollback index 2, 3 is the least" in answer[1].message


# --- Damage.


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: good[:-1],
        lambda good: good[: len(good) // 2],
        lambda good: good + b"\0",
        lambda good: good + good,
        lambda good: b"",
        lambda good: b"#!/bin/sh\nreboot\n",
    ],
)
def test_a_truncated_or_extended_image_is_refused(
    station: Station, damage: Callable[[bytes], bytes]
) -> None:
    image = station.bundle()
    image.write_bytes(damage(image.read_bytes()))
    refused(station)


@pytest.fixture(scope="module")
def shared_station(tmp_path_factory: pytest.TempPathFactory) -> Station:
    return Station(tmp_path_factory.mktemp("shared"))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_flipped_bit_is_overlooked(shared_station: Station, data: st.DataObject) -> None:
    image = shared_station.layout.outbox / "good"
    if not image.exists():
        shared_station.bundle(name="good")
    good = bytearray(image.read_bytes())
    for bit in data.draw(st.sets(st.integers(0, 8 * len(good) - 1), min_size=1, max_size=3)):
        good[bit // 8] ^= 1 << bit % 8
    (shared_station.layout.outbox / "image").write_bytes(good)
    refused(shared_station)


# --- What a maker signed by mistake, or with a key that was stolen.


def forge(station: Station, contents: bytes, *files: BundledFile) -> None:
    head = replace(HERE, files=files).as_bytes()
    image = station.layout.outbox / "image"
    image.write_bytes(struct.pack(">16sI", MAGIC, len(head)) + head + contents)
    seal(image, SIGNER.pem, lambda digest: sign(SIGNER.key_pem, digest))


def one_file(path: str, packed: bytes, size: int = 1) -> BundledFile:
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of "x"
    return BundledFile(path=path, size_bytes=size, sha256=sha256, packed_bytes=len(packed))


@pytest.mark.parametrize(
    "path", ["../../../../evil", "/etc/evil", "a/../../evil", "slot.json/x/.."]
)
def test_no_path_leaves_the_slot(station: Station, path: str) -> None:
    packed = zlib.compress(b"x")
    forge(station, packed, one_file(path, packed))
    refused(station)
    assert not list(station.root.rglob("*evil*"))


def test_a_bomb_is_stopped_at_its_declared_size(station: Station) -> None:
    bomb = zlib.compress(b"\0" * 40_000_000, 9)
    forge(station, bomb, one_file("bomb", bomb, size=100))
    answer = station.ask(Order.INSTALL, image="image")
    assert answer.outcome is Outcome.REFUSED
    assert "larger than the manifest says" in answer.message
    assert not (station.layout.slots / "b").exists()


@pytest.mark.parametrize("name", ["slot.json", "pyvenv.cfg", "bin/python", "bin/python/x"])
def test_a_bundle_does_not_bring_what_makes_a_slot_one(station: Station, name: str) -> None:
    """A mark that lies there too early would make a torn tree look complete."""
    station.bundle(tree={**NEW_TREE, name: b"{}"})
    answer = station.ask(Order.INSTALL, image="image")
    assert answer.outcome is Outcome.REFUSED
    assert "of the station's own" in answer.message
    assert read_mark(station.layout.slots / "b") is None


# --- What an agent that was taken over might try.


def test_a_link_in_the_agent_s_folder_is_not_followed(station: Station) -> None:
    genuine = station.bundle(name="genuine")
    (station.layout.outbox / "image").symlink_to(genuine)
    refused(station)


def test_a_pipe_in_the_agent_s_folder_stops_nothing(station: Station) -> None:
    os.mkfifo(station.layout.outbox / "image")
    refused(station)


def test_a_missing_image_is_refused(station: Station) -> None:
    refused(station)


def test_an_image_that_is_swapped_after_the_check_is_not_what_is_installed(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The privileged side verifies and unpacks its own copy."""
    import agent.update.installer as module

    original, image = module.open_signed, station.bundle()

    def swap(path: Path, makers: Path, now: dt.datetime) -> object:
        image.write_bytes(b"evil" * 1000)
        return original(path, makers, now)

    monkeypatch.setattr(module, "open_signed", swap)
    assert station.ask(Order.INSTALL, image="image").outcome is Outcome.DONE


def test_the_told_time_makes_nothing_valid_that_has_expired() -> None:
    assert later_of(1000.0, 500.0) == later_of(1000.0, 1000.0)
    assert later_of(0.0, 500.0) == later_of(500.0, 0.0)


# --- The disk.


def test_a_cancelled_installation_leaves_the_other_slot_empty(station: Station) -> None:
    station.bundle()
    station.layout.cancel.touch()
    answer = station.ask(Order.INSTALL, image="image")
    assert (answer.outcome, answer.message) == (Outcome.FAILED, "cancelled")
    assert not (station.layout.slots / "b").exists()
    assert station.starts() == "1.0.0"


def test_images_of_all_sizes_come_and_go(station: Station) -> None:
    dice = random.Random(4)  # noqa: S311 - sizes
    for size in (0, 1, 70_000, 600_000):
        station.install(tree={**NEW_TREE, "blob": dice.randbytes(size)})
        assert (station.layout.slots / "b/blob").stat().st_size == size
