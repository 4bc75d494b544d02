"""What a maker signed by mistake, or with a key that was stolen, is refused and leaves nothing."""

import hashlib
import json
import struct
import time
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from agent.pki.code_signing import sign
from agent.update.bundle import MAGIC, seal
from agent.update.manifest import BundledFile, ManifestError, parse_manifest
from agent.update.requests import Order, Outcome
from agent.update.slot_tree import read_mark
from tests.unit.update.station_rig import HERE, NEW_TREE, Station
from tests.unit.update.trees import SIGNER


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def refused(station: Station) -> str:
    """Install, see that the image is what is blamed, and that nothing came of it."""
    before = station.old_slot()
    answer = station.ask(Order.INSTALL, image="image")
    assert answer.outcome is Outcome.REFUSED, answer
    assert station.old_slot() == before
    assert read_mark(station.layout.slots / "b") is None
    assert not station.layout.incoming.exists()
    assert station.starts() == "1.0.0"
    return answer.message


def forge(station: Station, head: bytes, contents: bytes = b"", magic: bytes = MAGIC) -> None:
    """Sign whatever it is."""
    image = station.layout.outbox / "image"
    image.write_bytes(struct.pack(">16sI", magic, len(head)) + head + contents)
    seal(image, SIGNER.pem, lambda digest: sign(SIGNER.key_pem, digest))


def one_file(path: str, content: bytes, packed: bytes | None) -> BundledFile:
    return BundledFile(
        path=path,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        packed_bytes=None if packed is None else len(packed),
    )


def forge_file(station: Station, path: str, content: bytes, packed: bytes | None) -> None:
    head = replace(HERE, files=(one_file(path, content, packed),)).as_bytes()
    forge(station, head, packed or b"")


@pytest.mark.parametrize(
    "change",
    [
        {"product": "\ud800"},
        {"product": "stationd\nERROR: forged line"},
        {"hardware": ["AC22", "\x1b[2J"]},
        {"machine": "\u202eevil"},
        {"key\nforged": 1},
    ],
    ids=["surrogate", "line", "escape", "right to left", "key"],
)
def test_no_text_of_a_manifest_reaches_a_log_that_cannot_be_printed(
    station: Station, change: dict[str, object]
) -> None:
    forge(station, json.dumps(json.loads(HERE.as_bytes()) | change).encode())
    assert refused(station).isprintable()


def test_another_format_is_not_read_as_if_it_were_this_one(station: Station) -> None:
    forge(station, HERE.as_bytes(), magic=b"stationd bundel\n")
    assert "begin as a bundle" in refused(station)


def test_a_manifest_without_measure_is_not_read(station: Station) -> None:
    forge(station, HERE.as_bytes().ljust((16 << 20) + 1))
    assert "begin as a bundle" in refused(station)


@pytest.mark.parametrize(
    "path", ["lib/\ud800", "lib/a\x00b", "lib/\u2028", "C:/x", "lib\\x", "lib/" + "ä" * 150]
)
def test_a_path_that_no_file_system_of_ours_takes_is_refused(station: Station, path: str) -> None:
    packed = zlib.compress(b"x")
    forge_file(station, path, b"x", packed)
    assert refused(station).isprintable()


@pytest.mark.parametrize(
    "path",
    [
        *("slot.json", "pyvenv.cfg", "bin/python", "bin", "slot.json/x", "bin/python3.11"),
        *("SLOT.JSON", "PyVenv.cfg", "Bin/Python", "BIN"),
    ],
)
def test_a_name_of_the_station_s_own_is_refused_before_anything_is_written(
    station: Station, path: str
) -> None:
    """Also where the file system does not tell small letters from large ones."""
    packed = zlib.compress(b"{}")
    forge_file(station, path, b"{}", packed)
    assert "of the station's own" in refused(station)
    assert station.state.ready is None


def test_what_trails_a_compressed_file_is_not_collected_in_memory(station: Station) -> None:
    forge_file(station, "f", b"x", zlib.compress(b"x") + bytes(30 << 20))
    tracemalloc.start()
    try:
        assert "does not end where it should" in refused(station)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 10 << 20


@pytest.mark.parametrize(("key", "most"), [("files", 50_000), ("hardware", 100)])
def test_no_list_is_longer_than_any_that_makes_sense(key: str, most: int) -> None:
    entries: list[object] = [str(n) for n in range(most + 1)]
    document = json.loads(HERE.as_bytes()) | {key: entries}
    with pytest.raises(ManifestError, match=f"no list of at most {most}"):
        parse_manifest(json.dumps(document).encode())


@pytest.mark.parametrize("found", ["folder", "nothing", "changed", "longer"])
def test_a_delta_over_a_tree_that_is_another_than_its_version_says_is_refused(
    station: Station, found: str
) -> None:
    """Two builds of one version, or a disk that changed a file."""
    slot = station.layout.slots / "a"
    slot.chmod(0o755)
    match found:
        case "folder":
            (slot / "lib/more").mkdir()
        case "nothing":
            (slot / "lib").chmod(0o755)
            (slot / "lib/more").write_bytes(b"x")
        case _:
            (slot / "more").write_bytes(b"[]" if found == "changed" else b"{} ")
    path = {"folder": "lib/more", "nothing": "lib/more/x"}.get(found, "more")
    manifest = replace(HERE, base_version="1.0.0", files=(one_file(path, b"{}", None),))
    forge(station, manifest.as_bytes())
    assert path in refused(station)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format": 1, "files": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"format": 1, "rollback_index": ' + "9" * 5_000 + "}",
        '{"format": 1, "version": "' + "1" * 100_000 + '"}',
        '{"format": NaN}',
        '{"format": 1e400}',
    ],
    ids=["open", "deep", "long number", "long version", "NaN", "infinite"],
)
def test_no_json_is_too_strange_to_be_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ManifestError):
        parse_manifest(text.encode())
    assert time.process_time() - began < 2.0


def test_the_same_file_twice_in_the_letters_of_another_normal_form_is_written_as_it_is(
    station: Station,
) -> None:
    station.install(tree={**NEW_TREE, "lib/\u00e9": b"1", "lib/e\u0301": b"2"})
    assert (station.layout.slots / "b/lib/\u00e9").read_bytes() == b"1"
    assert (station.layout.slots / "b/lib/e\u0301").read_bytes() == b"2"
