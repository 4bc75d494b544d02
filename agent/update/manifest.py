"""The manifest of a bundle: what it is, for which station, and every file that it brings.

A manifest is read only after the signature over the whole bundle has been checked. It is judged
here all the same: what a maker signed by mistake must not leave the slot either.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any, Final

from agent.core.records import dataclass

FORMAT: Final = 1
MOST_FILES: Final = 50_000
MOST_TREE_BYTES: Final = 1 << 30
MOST_FILE_BYTES: Final = 256 << 20
LONGEST_PATH: Final = 1000
LONGEST_PART: Final = 200
LONGEST_TEXT: Final = 200
VERSION: Final = re.compile(
    r"(?P<numbers>[0-9]{1,9}(\.[0-9]{1,9}){0,9})(?P<rest>(\.?[a-z]|[+-])[0-9a-z.+-]{0,30})?"
)
_BEFORE_RELEASE: Final = re.compile(r"[.-]?(a|alpha|b|beta|c|rc|pre|preview|dev|snapshot)(?![a-z])")
OWN_NAMES: Final = ("slot.json", "pyvenv.cfg", "bin/python")
"""What the station puts into a slot itself: its mark and its environment."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ManifestError(Exception):
    """A manifest is not one of ours, or contains what no bundle may; build the bundle anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile:
    """One file of the tree.

    `packed_bytes` is how much of the bundle it takes, compressed; None if it does not travel,
    because the version that is updated has it already.
    """

    path: str
    size_bytes: int
    sha256: str
    packed_bytes: int | None
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself.

    It installs only on one of the `hardware` models, with this `machine` and this minor version
    of Python, over at least `minimum_version`, and only where no higher `rollback_index` was ever
    confirmed. `base_version` names the version that a delta needs in the running slot.
    """

    product: str
    version: str
    hardware: tuple[str, ...]
    machine: str
    python: str
    minimum_version: str
    rollback_index: int
    files: tuple[BundledFile, ...]
    base_version: str | None = None

    @property
    def tree_bytes(self) -> int:
        """Return how large the unpacked tree is."""
        return sum(file.size_bytes for file in self.files)

    def as_bytes(self) -> bytes:
        """Return the one way to write this manifest, so that bundles are reproducible."""
        document = {"format": FORMAT, **asdict(self)}
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return text.encode("ascii")


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest; raises `ManifestError`."""
    try:
        document = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ManifestError("the manifest is not JSON") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ManifestError(f"the manifest is not of format {FORMAT}; a newer stationd may know it")
    known = {"format", *Manifest.__dataclass_fields__}
    if unknown := sorted(document.keys() - known):
        raise ManifestError(f"the manifest has unknown keys: {', '.join(map(repr, unknown))}")
    files = tuple(_file(entry) for entry in _list(document, "files", MOST_FILES))
    _check_tree(files)
    base = document.get("base_version")
    return Manifest(
        product=_text(document, "product"),
        version=_version(document, "version"),
        hardware=tuple(_texts(document, "hardware")),
        machine=_text(document, "machine"),
        python=_text(document, "python"),
        minimum_version=_version(document, "minimum_version"),
        rollback_index=_integer(document, "rollback_index", 2**31 - 1),
        files=files,
        base_version=None if base is None else _version(document, "base_version"),
    )


def version_key(version: str) -> tuple[tuple[int, ...], bool]:
    """Return what versions are ordered by: their numbers, then whether it is the release of them.

    1.2.0-rc1 and 1.2.0.dev3 come before 1.2.0; they are not told apart, nor is what else follows.
    """
    found = VERSION.fullmatch(version)
    if found is None:
        raise ManifestError(f"{version[:LONGEST_TEXT]!r} is no version, such as 1.4.2")
    numbers = [int(number) for number in found["numbers"].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), _BEFORE_RELEASE.match(found["rest"] or "") is None


def path_problem(path: str) -> str | None:
    """Return why a path may not be in a bundle, None if it stays inside the slot.

    A file system that does not tell small letters from large ones must not be fooled either.
    """
    parts, folded = PurePosixPath(path).parts, path.casefold()
    if not path or path != "/".join(parts) or path.startswith("/"):
        return "is not a plain relative path"
    if len(path) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in parts):
        return "is too long"
    if any(part in (".", "..") for part in parts):
        return "leaves its folder"
    if "\\" in path or ":" in path:
        return "has characters that no file of ours has"
    if folded == "bin" or folded.startswith(OWN_NAMES):
        return "has a name of the station's own"
    return None


def _check_tree(files: Iterable[BundledFile]) -> None:
    """Refuse a tree that is too large, names a file twice, or has a file below a file."""
    paths: set[str] = set()
    total = 0
    for file in files:
        if file.path in paths:
            raise ManifestError(f"{file.path} is there twice")
        paths.add(file.path)
        total += file.size_bytes
    if total > MOST_TREE_BYTES:
        raise ManifestError(f"the tree has {total} bytes, more than {MOST_TREE_BYTES}")
    for path in paths:
        parents = PurePosixPath(path).parents
        if clash := next((str(parent) for parent in parents if str(parent) in paths), None):
            raise ManifestError(f"{clash} is a file and has files below it")


def _file(entry: object) -> BundledFile:
    if not isinstance(entry, dict) or entry.keys() != set(BundledFile.__dataclass_fields__):
        raise ManifestError("a file's entry has the wrong keys")
    path = _text(entry, "path", LONGEST_PATH)
    if problem := path_problem(path):
        raise ManifestError(f"the path {path!r} {problem}")
    sha256 = _text(entry, "sha256")
    if not _SHA256.fullmatch(sha256):
        raise ManifestError(f"{path} has no SHA-256")
    if not isinstance(entry["executable"], bool):
        raise ManifestError(f"{path}: executable is true or false")
    packed = entry["packed_bytes"]
    return BundledFile(
        path=path,
        size_bytes=_integer(entry, "size_bytes", MOST_FILE_BYTES),
        sha256=sha256,
        packed_bytes=None if packed is None else _integer(entry, "packed_bytes", MOST_FILE_BYTES),
        executable=entry["executable"],
    )


def _text(document: Mapping[str, Any], key: str, longest: int = LONGEST_TEXT) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ManifestError(f"{key} is no text of 1 to {longest} characters")
    if not value.isprintable():
        raise ManifestError(f"{key} has characters that cannot be printed: {value!r}")
    return value


def _texts(document: Mapping[str, Any], key: str) -> list[str]:
    values = _list(document, key, 100)
    if not values:
        raise ManifestError(f"{key} is empty: the bundle fits nothing")
    return [_text({key: value}, key) for value in values]


def _version(document: Mapping[str, Any], key: str) -> str:
    version = _text(document, key)
    version_key(version)
    return version


def _integer(document: Mapping[str, Any], key: str, most: int) -> int:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ManifestError(f"{key} is no whole number from 0 to {most}")
    return value


def _list(document: Mapping[str, Any], key: str, most: int) -> list[object]:
    value = document.get(key)
    if not isinstance(value, list) or len(value) > most:
        raise ManifestError(f"{key} is no list of at most {most}")
    return value
