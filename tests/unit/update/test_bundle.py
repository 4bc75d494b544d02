"""Bundles: sealed as a whole, unpacked exactly, and refused when anything about them is wrong."""

import json
import random
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.certificates import CertificateProblem
from agent.pki.code_signing import SignatureProblem, sign
from agent.update.bundle import MAGIC, BundleError, VerifiedBundle, read_seal, seal, write_unsigned
from agent.update.manifest import BundledFile, Manifest, ManifestError, parse_manifest
from tests.unit.update.trees import MANIFEST, SIGNER, TREE, bundle, check, plant, verified

REFUSALS = (BundleError, SignatureProblem, CertificateProblem)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return plant(tmp_path / "tree")


def test_a_tree_comes_out_as_it_went_in(tmp_path: Path, tree: Path) -> None:
    found = verified(bundle(tmp_path / "b", tree))
    slot = tmp_path / "slot"
    slot.mkdir()
    steps: list[tuple[int, int]] = []
    found.unpack(slot, None, lambda done, total: steps.append((done, total)))
    assert {path: (slot / path).read_bytes() for path in TREE} == TREE
    assert (slot / "bin/stationd").stat().st_mode & 0o777 == 0o755
    assert (slot / "lib/agent/__init__.py").stat().st_mode & 0o777 == 0o644
    assert found.manifest.version == "1.1.0"
    assert steps[-1] == (found.manifest.tree_bytes,) * 2


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path, tree: Path) -> None:
    def complete(files: tuple[BundledFile, ...]) -> Manifest:
        return replace(MANIFEST, files=files)

    again = plant(tmp_path / "again", dict(reversed(TREE.items())))
    write_unsigned(tmp_path / "one", complete, tree)
    write_unsigned(tmp_path / "two", complete, again)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_changed_byte_goes_unnoticed(tmp_path: Path, tree: Path) -> None:
    good = bundle(tmp_path / "b", tree).read_bytes()
    damaged, dice = tmp_path / "damaged", random.Random(7)  # noqa: S311 - places to damage
    for place in [0, 20, len(good) - 1, *dice.sample(range(len(good)), 200)]:
        damaged.write_bytes(
            good[:place] + bytes([good[place] ^ 1 << dice.randrange(8)]) + good[place + 1 :]
        )
        with pytest.raises(REFUSALS):
            check(read_seal(damaged))


def test_nothing_can_be_cut_off_or_appended(tmp_path: Path, tree: Path) -> None:
    good = bundle(tmp_path / "b", tree).read_bytes()
    damaged, tail = tmp_path / "damaged", good[-22:]
    for wrong in (good[:-1], good[: len(good) // 2], good[1:], b"", good + b"x", good + good):
        damaged.write_bytes(wrong)
        if wrong != good + good:
            with pytest.raises(REFUSALS):
                check(read_seal(damaged))
    damaged.write_bytes(good + b"evil" + tail)
    with pytest.raises(REFUSALS):
        check(read_seal(damaged))


def test_a_bundle_behind_foreign_bytes_is_not_that_bundle(tmp_path: Path, tree: Path) -> None:
    good = bundle(tmp_path / "b", tree).read_bytes()
    (tmp_path / "damaged").write_bytes(good + good)
    with pytest.raises(REFUSALS):
        check(read_seal(tmp_path / "damaged"))


@pytest.mark.parametrize(
    ("chain_bytes", "signature_bytes"), [(20_001, 64), (500_000_000, 64), (100, 1025), (1, 65_535)]
)
def test_what_a_bundle_says_of_its_own_end_is_not_believed_beyond_measure(
    tmp_path: Path, chain_bytes: int, signature_bytes: int
) -> None:
    """It is read before anything is verified, so little of it comes into memory."""
    file = tmp_path / "b"
    with file.open("wb") as written:
        written.truncate(511 << 20)
        written.seek(0, 2)
        written.write(struct.pack(">IH16s", chain_bytes, signature_bytes, MAGIC))
    with pytest.raises(BundleError, match=r"is no bundle|too long"):
        read_seal(file)


def test_a_file_that_no_bundle_is_as_large_as_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "b"
    for size in (0, 42, (512 << 20) + 1):
        with file.open("wb") as written:
            written.truncate(size)
        with pytest.raises(BundleError, match="which no bundle has"):
            read_seal(file)


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_no_file_is_taken_for_a_bundle_by_chance(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "chance"
    file.write_bytes(data + struct.pack(">IH16s", len(data) % 50, len(data) % 7, MAGIC))
    with pytest.raises((*REFUSALS, ManifestError)):
        check(read_seal(file))


def test_a_delta_takes_unchanged_files_from_the_slot_that_runs(tmp_path: Path, tree: Path) -> None:
    base = plant(tmp_path / "base")
    plant(tree, {"bin/stationd": b"#!newer\n"})
    delta = replace(MANIFEST, base_version="1.0.0")
    unchanged = frozenset({"lib/agent/__init__.py", "empty"})
    found = verified(bundle(tmp_path / "b", tree, delta, unchanged))
    slot = tmp_path / "slot"
    slot.mkdir()
    found.unpack(slot, base)
    assert (slot / "lib/agent/__init__.py").read_bytes() == TREE["lib/agent/__init__.py"]
    assert (slot / "bin/stationd").read_bytes() == b"#!newer\n"


@pytest.mark.parametrize("damage", ["changed", "missing", "no base"])
def test_a_delta_over_another_version_is_refused(tmp_path: Path, tree: Path, damage: str) -> None:
    base = plant(tmp_path / "base")
    if damage == "changed":
        plant(base, {"empty": b"not any more"})
    elif damage == "missing":
        (base / "empty").unlink()
    delta = replace(MANIFEST, base_version="1.0.0")
    found = verified(bundle(tmp_path / "b", tree, delta, frozenset({"empty"})))
    (tmp_path / "slot").mkdir()
    with pytest.raises(BundleError, match="empty"):
        found.unpack(tmp_path / "slot", None if damage == "no base" else base)


def forged(tmp_path: Path, contents: bytes, *files: BundledFile) -> VerifiedBundle:
    """What a maker may sign by mistake, or with a key that was stolen."""
    head = json.dumps(json.loads(replace(MANIFEST, files=files).as_bytes())).encode()
    file = tmp_path / "forged"
    file.write_bytes(struct.pack(">16sI", MAGIC, len(head)) + head + contents)
    seal(file, SIGNER.pem, lambda digest: sign(SIGNER.key_pem, digest))
    return verified(file)


def entry(path: str, content: bytes, packed: bytes) -> BundledFile:
    import hashlib

    return BundledFile(
        path=path,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        packed_bytes=len(packed),
    )


@pytest.mark.parametrize(
    "path",
    ["../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a/", "..", "a\\b", "a\nb", "c:evil"],
)
def test_no_path_leaves_the_slot(tmp_path: Path, path: str) -> None:
    packed = zlib.compress(b"x")
    with pytest.raises(ManifestError):
        forged(tmp_path, packed, entry(path, b"x", packed))


def test_a_file_that_inflates_beyond_its_size_is_stopped(tmp_path: Path) -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    small = replace(entry("bomb", b"", bomb), size_bytes=10)
    (tmp_path / "slot").mkdir()
    with pytest.raises(BundleError, match="larger"):
        forged(tmp_path, bomb, small).unpack(tmp_path / "slot", None)
    assert (tmp_path / "slot/bomb").stat().st_size <= 1 << 18


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (zlib.compress(b"content") + b"more", "end"),
        (zlib.compress(b"content")[:-3], "end"),
        (b"not compressed", "damaged"),
        (zlib.compress(b"Content"), "not what"),
    ],
)
def test_contents_that_are_not_those_of_the_manifest_are_refused(
    tmp_path: Path, packed: bytes, reason: str
) -> None:
    (tmp_path / "slot").mkdir()
    with pytest.raises(BundleError, match=reason):
        forged(tmp_path, packed, entry("f", b"content", packed)).unpack(tmp_path / "slot", None)


def test_contents_of_another_length_are_refused(tmp_path: Path) -> None:
    packed = zlib.compress(b"x")
    with pytest.raises(ManifestError, match="as long as"):
        forged(tmp_path, packed + b"more", entry("f", b"x", packed))


def test_a_link_in_the_slot_is_not_followed(tmp_path: Path, tree: Path) -> None:
    slot, outside = tmp_path / "slot", tmp_path / "outside"
    slot.mkdir()
    (slot / "empty").symlink_to(outside)
    with pytest.raises(OSError, match="exists"):
        verified(bundle(tmp_path / "b", tree)).unpack(slot, None)
    assert not outside.exists()


def test_a_tree_with_a_link_makes_no_bundle(tmp_path: Path, tree: Path) -> None:
    (tree / "link").symlink_to(tree / "empty")
    with pytest.raises(BundleError, match="link"):
        bundle(tmp_path / "b", tree)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"extra": 1},
        {"version": "latest"},
        {"version": 1},
        {"hardware": []},
        {"hardware": "ac22"},
        {"rollback_index": -1},
        {"rollback_index": True},
        {"files": [{"path": "a"}]},
        {"base_version": ""},
        {"product": ""},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    document = json.loads(MANIFEST.as_bytes()) | change
    with pytest.raises(ManifestError):
        parse_manifest(json.dumps(document).encode())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_any_json_is_a_manifest_or_refused(document: object) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(json.dumps(document).encode())


def test_a_file_below_a_file_and_a_file_twice_are_refused() -> None:
    one = BundledFile(path="a", size_bytes=0, sha256="0" * 64, packed_bytes=0)
    for other in (replace(one, path="a/b"), one):
        with pytest.raises(ManifestError):
            parse_manifest(replace(MANIFEST, files=(one, other)).as_bytes())


def test_a_tree_without_end_is_refused() -> None:
    files = tuple(
        BundledFile(path=f"f{n}", size_bytes=256 << 20, sha256="0" * 64, packed_bytes=1)
        for n in range(5)
    )
    with pytest.raises(ManifestError, match="more than"):
        parse_manifest(replace(MANIFEST, files=files).as_bytes())
