"""Every image that must not be installed, from the CSMS's order to the privileged side and back.

The signature that the order carries is right each time: what refuses here is the last line, root's.
"""

import asyncio
import dataclasses
import datetime as dt
import hashlib
import os
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.pki.code_signing import sign
from agent.update.application_slots import ApplicationSlots
from agent.update.bundle import MAGIC, seal
from agent.update.manifest import BundledFile
from agent.update.slot_tree import read_mark
from tests.stories.desk import Desk
from tests.stories.updates import LOCATION, Updates
from tests.stories.world import World
from tests.throw_away_ca import DAY, Issued, Recipe, issue, revocation_list
from tests.unit.update.station_rig import HERE, TREE, Station
from tests.unit.update.trees import ROOT, SIGNER
from tests.virtual_time import utc_now

CODE: Final = (ExtendedKeyUsageOID.CODE_SIGNING,)
VERIFIED: Final = ["Downloading", "Downloaded", "SignatureVerified", "Installing"]
TAIL: Final = struct.Struct(">IH16s")
HEAD: Final = struct.Struct(">16sI")
NOW: Final = dt.datetime.now(dt.UTC)
SUB_CA: Final = issue("Maker Sub CA", ROOT, Recipe(ca=True))


class Site(ApplicationSlots):
    """The slots of an installed station, for a machine of the stories."""

    def start(self) -> None:
        """The daemon starts, from the slot where it is."""


class Factory:
    """Makes what a maker, or somebody else, puts on the server."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def good(self, **changes: Any) -> bytes:
        """A bundle for this station, or one with a manifest that says something else."""
        image = self._station.bundle(dataclasses.replace(HERE, **changes))
        content = image.read_bytes()
        image.unlink()
        return content

    def sealed(self, unsigned: bytes, signer: Issued = SIGNER, chain: str | None = None) -> bytes:
        file = self._station.root / "unsealed"
        file.write_bytes(unsigned)
        pem = signer.pem if chain is None else chain
        seal(file, pem, lambda digest: sign(signer.key_pem, digest))
        return file.read_bytes()

    def unsigned(self) -> bytes:
        """What is before the chain, as `build` made it."""
        good = self.good()
        chain_bytes, signature_bytes, _ = TAIL.unpack(good[-TAIL.size :])
        return good[: len(good) - TAIL.size - signature_bytes - chain_bytes]

    def signed_by(self, signer: Issued, *sub_cas: Issued) -> bytes:
        chain = "".join(each.pem for each in (signer, *sub_cas))
        return self.sealed(self.unsigned(), signer, chain)

    def forged(self, path: str, packed: bytes, size: int = 1) -> bytes:
        """One file of a sound signer, whatever its name and content are."""
        sha256 = hashlib.sha256(b"x").hexdigest()
        file = BundledFile(path=path, size_bytes=size, sha256=sha256, packed_bytes=len(packed))
        head = dataclasses.replace(HERE, files=(file,)).as_bytes()
        return self.sealed(HEAD.pack(MAGIC, len(head)) + head + packed)

    def delta(self, base_version: str) -> bytes:
        """A bundle that takes its only file from the slot that runs."""
        path = next(iter(TREE))
        file = BundledFile(path=path, size_bytes=1, sha256="0" * 64, packed_bytes=None)
        changed = dataclasses.replace(HERE, files=(file,), base_version=base_version)
        head = changed.as_bytes()
        return self.sealed(HEAD.pack(MAGIC, len(head)) + head)

    def flipped(self, place: Callable[[int, int, int], int]) -> bytes:
        """Flip a bit at a place that follows from the lengths of manifest, chain and signature."""
        good = bytearray(self.good())
        chain_bytes, signature_bytes, _ = TAIL.unpack(good[-TAIL.size :])
        _, manifest_bytes = HEAD.unpack(good[: HEAD.size])
        good[place(manifest_bytes, chain_bytes, signature_bytes)] ^= 4
        return bytes(good)


Make = Callable[[Factory], bytes]
SIGNERS: Final[dict[str, tuple[Make, str]]] = {
    "unsigned": (lambda f: f.sealed(f.unsigned(), chain=""), "no readable X.509"),
    "not sealed": (lambda f: f.unsigned(), "is not signed"),
    "wrong chain": (
        lambda f: f.signed_by(issue("Maker", issue("Maker Root"), Recipe(usages=CODE))),
        "does not end at an installed root",
    ),
    "expired": (
        lambda f: f.signed_by(issue("M", ROOT, Recipe(usages=CODE, start=NOW - 9 * DAY, days=3))),
        "expired",
    ),
    "not valid yet": (
        lambda f: f.signed_by(issue("M", ROOT, Recipe(usages=CODE, start=NOW + 9 * DAY))),
        "not valid yet",
    ),
    "not for code": (lambda f: f.signed_by(issue("M", ROOT)), "not for code signing"),
    "revoked sub-CA": (
        lambda f: f.signed_by(issue("M", SUB_CA, Recipe(usages=CODE)), SUB_CA),
        "RevokedCertificate",
    ),
    "key of another": (
        lambda f: f.sealed(f.unsigned(), issue("Thief"), SIGNER.pem),
        "not that of this file",
    ),
}
MISFITS: Final[dict[str, tuple[Make, str]]] = {
    "other product": (lambda f: f.good(product="other"), "product other"),
    "other hardware": (lambda f: f.good(hardware=("DC50",)), "not for AC22"),
    "other machine": (lambda f: f.good(machine="riscv64"), "riscv64"),
    "other python": (lambda f: f.good(python="3.9"), "Python 3.9"),
    "older": (lambda f: f.good(version="0.9.9"), "older than 1.0.0"),
    "led to this one": (lambda f: f.good(version="1.0.0-rc1"), "older than 1.0.0"),
    "lower index": (lambda f: f.good(rollback_index=1), "rollback index 1"),
    "needs another": (lambda f: f.good(minimum_version="1.0.1"), "at least version 1.0.1"),
    "delta over another": (lambda f: f.delta("0.9.0"), "changes to version 0.9.0"),
    "delta over a changed file": (lambda f: f.delta("1.0.0"), "than the manifest says"),
}
DAMAGED: Final[dict[str, tuple[Make, str]]] = {
    "truncated": (lambda f: f.good()[:-1], ""),
    "half": (lambda f: f.good()[: len(f.good()) // 2], ""),
    "extended": (lambda f: f.good() + b"\0", ""),
    "a script": (lambda f: b"#!/bin/sh\nreboot\n", ""),
    "empty": (lambda f: b"", ""),
    "flipped magic": (lambda f: f.flipped(lambda m, c, s: 3), "not that of this file"),
    "flipped length": (lambda f: f.flipped(lambda m, c, s: 18), "not that of this file"),
    "flipped manifest": (lambda f: f.flipped(lambda m, c, s: 20 + m // 2), "not that of"),
    "flipped contents": (lambda f: f.flipped(lambda m, c, s: 25 + m), "not that of this file"),
    "flipped chain": (lambda f: f.flipped(lambda m, c, s: -22 - s - c // 2), ""),
    "flipped signature": (lambda f: f.flipped(lambda m, c, s: -22 - s // 2), "not that of"),
    "flipped chain length": (lambda f: f.flipped(lambda m, c, s: -19), ""),
    "flipped signature length": (lambda f: f.flipped(lambda m, c, s: -17), ""),
    "flipped end": (lambda f: f.flipped(lambda m, c, s: -1), "is no bundle"),
}
FORGED: Final[dict[str, tuple[Make, str]]] = {
    "bomb": (lambda f: f.forged("bomb", zlib.compress(bytes(9 << 20))), "larger than"),
    "trailing": (lambda f: f.forged("x", zlib.compress(b"x") + b"more"), "does not end"),
    "not compressed": (lambda f: f.forged("x", b"no stream"), "damaged"),
    "above": (lambda f: f.forged("../../evil", zlib.compress(b"x")), "leaves its folder"),
    "absolute": (lambda f: f.forged("/etc/evil", zlib.compress(b"x")), "relative path"),
    "backslash": (lambda f: f.forged("..\\evil", zlib.compress(b"x")), "no file of ours"),
    "surrogate": (lambda f: f.forged("evil\ud800", zlib.compress(b"x")), "be printed"),
    "own mark": (lambda f: f.forged("Slot.JSON", zlib.compress(b"x")), "station's own"),
    "own folder": (lambda f: f.forged("bin", zlib.compress(b"x")), "station's own"),
}


@pytest.fixture
def updates(world: World) -> Updates:
    return Updates(world)


@pytest.fixture
async def station(world: World, updates: Updates, tmp_path: Path) -> AsyncIterator[Station]:
    """An installed station, whose privileged side is started when a request lies there."""
    station = Station(tmp_path)
    revoked = revocation_list(ROOT, SUB_CA).public_bytes(Encoding.PEM)
    (station.layout.makers / "maker.crl").write_bytes(revoked)
    site = Site(station.layout.root, None, lambda: utc_now().timestamp())
    world.machine.has_slots(site, updates.shelf)  # type: ignore[attr-defined]

    async def attend() -> None:
        while True:
            if station.layout.request.exists():
                station.keeper.serve()
            await asyncio.sleep(0.1)

    attending = asyncio.create_task(attend())
    yield station
    attending.cancel()
    await asyncio.gather(attending, return_exceptions=True)


def accusations(csms: Desk) -> list[str]:
    """What the CSMS was told of images that are not what they should be."""
    events = csms.station.security_events
    return [str(event.tech_info) for event in events if event.type.startswith("InvalidFirmware")]


async def accusation(csms: Desk, count: int) -> str:
    """Wait for the last of so many, and return it."""
    await csms.until(lambda: len(accusations(csms)) >= count, "the security event")
    assert len(accusations(csms)) == count
    return accusations(csms)[-1]


async def told_of(updates: Updates, request_id: int, end: str) -> list[str]:
    """Order what lies on the server, and return what is told of it until its end."""

    def told() -> list[str]:
        calls = updates.notifications
        return [str(call["status"]) for call in calls if call["requestId"] == request_id]

    assert await updates.orders(request_id) == "Accepted"
    await updates.csms.until(lambda: told()[-1:] == [end], f"{request_id}: {end}", 120)
    return told()


@pytest.mark.requirement("L01.FR.03", "L01.FR.12", "L01.FR.29", "L01.FR.30 (1.6)", "TC_L_08_CS")
@pytest.mark.parametrize(
    "kind", [SIGNERS, MISFITS, DAMAGED, FORGED], ids=["signers", "misfits", "damage", "forgery"]
)
async def test_no_image_that_must_not_run_is_installed_and_each_is_told_as_what_it_is(
    world: World,
    csms: Desk,
    updates: Updates,
    station: Station,
    kind: dict[str, tuple[Make, str]],
) -> None:
    factory, before = Factory(station), station.old_slot()
    await world.start()
    for request_id, (name, (make, reason)) in enumerate(kind.items(), 1):
        updates.shelf.images[LOCATION] = make(factory)
        told = await told_of(updates, request_id, "InstallVerificationFailed")
        assert told == [*VERIFIED, "InstallVerificationFailed"], name
        assert reason in await accusation(csms, request_id), name
        assert station.old_slot() == before, name
        assert station.state.ready is None, name
        assert not (station.layout.slots / "b").exists(), name
        assert not station.layout.incoming.exists(), name
        assert not list(station.layout.outbox.iterdir()), name
    assert world.machine.starts == 1
    updates.shelf.images[LOCATION] = factory.good()
    await told_of(updates, 99, "InstallRebooting")
    mark = read_mark(station.layout.slots / "b")
    assert mark is not None
    assert mark.version == HERE.version
    assert station.old_slot() == before


async def test_a_disk_without_room_is_told_as_that_and_accuses_nobody(
    world: World, csms: Desk, updates: Updates, station: Station
) -> None:
    factory, before, statvfs = Factory(station), station.old_slot(), os.statvfs
    await world.start()
    updates.shelf.images[LOCATION] = factory.good()

    def full(path: Any) -> os.statvfs_result:
        found = list(statvfs(path))
        if str(path) in (str(station.layout.slots), str(station.layout.incoming.parent)):
            found[4] = 0
        return os.statvfs_result(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "statvfs", full)
        told = await told_of(updates, 1, "InstallationFailed")
    assert told == [*VERIFIED, "InstallationFailed"]
    await world.pass_s(60)
    assert accusations(csms) == []
    assert station.old_slot() == before
    assert not station.layout.incoming.exists()
    await told_of(updates, 2, "InstallRebooting")
