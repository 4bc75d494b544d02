"""One file that brings a version: manifest, contents, the signer's chain, and a signature over all.

    head      magic, length of the manifest
    manifest  JSON, see `manifest`
    contents  each file that travels, compressed, in the order of the manifest
    chain     the signer's certificates, PEM
    signature of everything before it
    tail      lengths of chain and signature, magic

The tail has a fixed size and says only where the signed part ends, so that the signature over all
of it is checked before manifest or contents are looked at. What is appended, cut off or changed
anywhere makes the signature wrong.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from agent.core.records import dataclass
from agent.update.manifest import BundledFile, Manifest, ManifestError, parse_manifest

MAGIC: Final = b"stationd bundle\n"
_HEAD: Final = struct.Struct(">16sI")
_TAIL: Final = struct.Struct(">IH16s")
MOST_MANIFEST_BYTES: Final = 16 << 20
MOST_CHAIN_BYTES: Final = 20_000
MOST_SIGNATURE_BYTES: Final = 1024
MOST_BUNDLE_BYTES: Final = 512 << 20
_CHUNK: Final = 1 << 18

Progress = Callable[[int, int], None]
"""Told how many of how many bytes are done."""


class BundleError(Exception):
    """A file is no bundle, or is damaged; download it again, or build it anew."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a bundle is signed with: the hash of the signed part, the signature, the chain."""

    sha256: bytes
    signature: bytes
    chain_pem: str
    signed_bytes: int


def read_seal(path: Path) -> Seal:
    """Hash the signed part of a bundle and return what it is signed with; raises `BundleError`.

    Nothing else in the file is looked at. It may take seconds: run it in a thread.
    """
    size = path.stat().st_size
    if not _HEAD.size + _TAIL.size < size <= MOST_BUNDLE_BYTES:
        raise BundleError(f"{path.name} has {size} bytes, which no bundle has")
    with path.open("rb") as file:
        file.seek(size - _TAIL.size)
        chain_bytes, signature_bytes, magic = _TAIL.unpack(file.read(_TAIL.size))
        signed = size - _TAIL.size - signature_bytes
        fits = _HEAD.size <= signed - chain_bytes
        if magic != MAGIC or chain_bytes > MOST_CHAIN_BYTES or not fits:
            raise BundleError(f"{path.name} is no bundle, is not signed, or its end is missing")
        if signature_bytes > MOST_SIGNATURE_BYTES:
            raise BundleError(f"{path.name} has a signature that is too long")
        file.seek(0)
        digest = _hashed(file, signed)
        signature = file.read(signature_bytes)
        file.seek(signed - chain_bytes)
        chain = file.read(chain_bytes)
    try:
        return Seal(digest, signature, chain.decode("ascii"), signed)
    except UnicodeDecodeError as error:
        raise BundleError(f"{path.name} has no certificate in PEM") from error


class VerifiedBundle:
    """The contents of a bundle whose seal was found good. `seal` must be that of this very file."""

    def __init__(self, path: Path, seal: Seal) -> None:
        """Read the manifest; raises `BundleError` and `ManifestError`."""
        self._path = path
        with path.open("rb") as file:
            magic, length = _HEAD.unpack(file.read(_HEAD.size))
            if magic != MAGIC or length > MOST_MANIFEST_BYTES:
                raise BundleError(f"{path.name} does not begin as a bundle")
            self.manifest = parse_manifest(file.read(length))
        self._contents_at = _HEAD.size + length
        packed = sum(file.packed_bytes or 0 for file in self.manifest.files)
        if self._contents_at + packed + len(seal.chain_pem) != seal.signed_bytes:
            raise ManifestError("the contents are not as long as the manifest says")

    def unpack(self, tree: Path, base: Path | None, progress: Progress | None = None) -> None:
        """Write the tree into an empty folder, each file checked; raises `BundleError`, `OSError`.

        `base` is the tree of `base_version`, which a delta takes unchanged files from. To put it
        on the disk is up to the caller: one flush for all is faster than one for each file.
        """
        done, total = 0, self.manifest.tree_bytes
        with self._path.open("rb") as packed:
            packed.seek(self._contents_at)
            for file in self.manifest.files:
                target = tree / file.path
                target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                if file.packed_bytes is None:
                    chunks = _copied(file, base)
                else:
                    chunks = _inflated(packed, file)
                _write(target, chunks, file)
                done += file.size_bytes
                if progress is not None:
                    progress(done, total)

    def check_contents(self) -> None:
        """Inflate every file that travels and check it, without writing; raises `BundleError`."""
        with self._path.open("rb") as packed:
            packed.seek(self._contents_at)
            for file in self.manifest.files:
                if file.packed_bytes is not None:
                    _checked(_inflated(packed, file), file, lambda _: None)


def write_unsigned(
    target: Path,
    manifest: Callable[[tuple[BundledFile, ...]], Manifest],
    tree: Path,
    unchanged: frozenset[str] = frozenset(),
) -> Manifest:
    """Write the part of a bundle that is signed, without chain; for makers.

    The same tree gives the same bytes: files in the order of their paths, no times, one level of
    compression. `unchanged` are paths that do not travel.
    """
    paths = _paths_in(tree)
    with target.with_name(f"{target.name}.contents").open("w+b") as contents:
        Path(contents.name).unlink()
        files = tuple(
            _packed(tree, path, contents, travels=path not in unchanged) for path in paths
        )
        written = manifest(files)
        head = written.as_bytes()
        if len(head) > MOST_MANIFEST_BYTES:
            raise BundleError(f"{len(files)} files are too many for one bundle")
        with target.open("wb") as bundle:
            bundle.write(_HEAD.pack(MAGIC, len(head)) + head)
            contents.seek(0)
            for chunk in _chunks(contents):
                bundle.write(chunk)
    return written


def seal(unsigned: Path, chain_pem: str, sign: Callable[[bytes], bytes]) -> None:
    """Append chain and signature to what `write_unsigned` wrote; `sign` takes a SHA-256."""
    chain = chain_pem.encode("ascii")
    if len(chain) > MOST_CHAIN_BYTES:
        raise BundleError("the chain of certificates is too long")
    with unsigned.open("r+b") as bundle:
        bundle.seek(0, os.SEEK_END)
        bundle.write(chain)
        signed = bundle.tell()
        bundle.seek(0)
        signature = sign(_hashed(bundle, signed))
        bundle.seek(0, os.SEEK_END)
        bundle.write(signature + _TAIL.pack(len(chain), len(signature), MAGIC))


def file_sha256(path: Path) -> bytes:
    """Return the hash of a whole file, which OCPP's signature is over (L01.FR.04)."""
    with path.open("rb") as file:
        return _hashed(file, path.stat().st_size)


def _hashed(file: BinaryIO, length: int) -> bytes:
    digest, left = hashlib.sha256(), length
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise BundleError("the file became shorter while it was read")
        digest.update(chunk)
        left -= len(chunk)
    return digest.digest()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _paths_in(tree: Path) -> list[str]:
    """Return all files of a tree; what a bundle cannot bring is told, not left out."""
    found: list[str] = []
    for file in tree.rglob("*"):
        path = file.relative_to(tree).as_posix()
        if file.is_symlink():
            raise BundleError(f"{path} is a link; put the file itself into the tree")
        if file.is_file():
            found.append(path)
        elif not file.is_dir():
            raise BundleError(f"{path} is no plain file")
    return sorted(found)


def _packed(tree: Path, path: str, contents: BinaryIO, *, travels: bool) -> BundledFile:
    source = tree / path
    digest, size, packed = hashlib.sha256(), 0, 0
    deflate = zlib.compressobj(9)
    with source.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            size += len(chunk)
            packed += contents.write(deflate.compress(chunk)) if travels else 0
    packed += contents.write(deflate.flush()) if travels else 0
    return BundledFile(
        path=path,
        size_bytes=size,
        sha256=digest.hexdigest(),
        packed_bytes=packed if travels else None,
        executable=bool(source.stat().st_mode & 0o100),
    )


def _inflated(packed: BinaryIO, file: BundledFile) -> Iterator[bytes]:
    """Yield a file's content, in pieces of little size however well it was compressed."""
    inflate, left = zlib.decompressobj(), file.packed_bytes or 0
    while left and not inflate.unused_data:
        chunk = packed.read(min(left, _CHUNK))
        if not chunk:
            raise BundleError(f"{file.path} is cut off")
        left -= len(chunk)
        while chunk:
            try:
                data = inflate.decompress(chunk, _CHUNK)
            except zlib.error as error:
                raise BundleError(f"{file.path} is damaged") from error
            chunk = inflate.unconsumed_tail
            yield data
    if not inflate.eof or inflate.unused_data:
        raise BundleError(f"{file.path} does not end where it should")


def _copied(file: BundledFile, base: Path | None) -> Iterator[bytes]:
    if base is None:
        raise BundleError(f"{file.path} is not in this bundle, which needs another version to run")
    try:
        with (base / file.path).open("rb") as source:
            yield from _chunks(source)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise BundleError(f"{file.path} is missing in the slot that runs") from error


def _write(target: Path, chunks: Iterator[bytes], file: BundledFile) -> None:
    """Write one file anew and check it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(target, flags, 0o755 if file.executable else 0o644)
    with os.fdopen(descriptor, "wb") as written:
        _checked(chunks, file, written.write)


def _checked(chunks: Iterator[bytes], file: BundledFile, write: Callable[[bytes], object]) -> None:
    """Write the content of a file, and check it against its entry."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > file.size_bytes:
            raise BundleError(f"{file.path} is larger than the manifest says")
        write(chunk)
        digest.update(chunk)
    if size != file.size_bytes or digest.hexdigest() != file.sha256:
        raise BundleError(f"{file.path} is not what the manifest says")
