"""How a maker makes a bundle: pack a tree, and sign it. No station needs this."""

import base64
import contextlib
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.core.records import dataclass
from agent.pki.code_signing import sign, signing_chain
from agent.pki.keys import key_name, load_key
from agent.update.bundle import (
    BundleError,
    VerifiedBundle,
    file_sha256,
    read_seal,
    seal,
    write_unsigned,
)
from agent.update.manifest import BundledFile, Manifest, parse_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a manifest says besides its files; a machine or Python of None is this one."""

    product: str
    version: str
    hardware: tuple[str, ...]
    machine: str | None = None
    python: str | None = None
    minimum_version: str = "0"
    rollback_index: int = 0


def build(output: Path, tree: Path, description: Description, base: Path | None = None) -> Manifest:
    """Pack a tree into a file that is still to be signed; raises `BundleError`, `ManifestError`.

    With `base`, an older bundle, files that it has as well do not travel, and the result installs
    only over that version. What no station would take is not written.
    """
    if not tree.is_dir():
        raise BundleError(f"{tree} is no folder")
    if output.resolve().is_relative_to(tree.resolve()):
        raise BundleError(f"{output} would lie in the tree, and be a part of the next bundle")
    older = None if base is None else VerifiedBundle(base, read_seal(base)).manifest

    def complete(files: tuple[BundledFile, ...]) -> Manifest:
        manifest = Manifest(
            product=description.product,
            version=description.version,
            hardware=description.hardware,
            machine=description.machine or platform.machine(),
            python=description.python or f"{sys.version_info.major}.{sys.version_info.minor}",
            minimum_version=description.minimum_version,
            rollback_index=description.rollback_index,
            files=files,
            base_version=None if older is None else older.version,
        )
        return parse_manifest(manifest.as_bytes())

    with _replaced(output) as fresh:
        return write_unsigned(fresh, complete, tree, _unchanged(tree, older))


def sign_bundle(unsigned: Path, output: Path, key_pem: bytes, chain_pem: str) -> str:
    """Write a signed copy; return the signature over that whole file, Base64, which OCPP carries.

    Raises ValueError for a key that is none or not the signer's, `CertificateProblem` for a signer
    that no station takes, `BundleError`.
    """
    _check_pair(key_pem, chain_pem)
    _check_not_signed(unsigned)
    with _replaced(output) as fresh:
        shutil.copyfile(unsigned, fresh)
        seal(fresh, chain_pem, lambda digest: sign(key_pem, digest))
        VerifiedBundle(fresh, read_seal(fresh))
        return base64.b64encode(sign(key_pem, file_sha256(fresh))).decode()


def _check_pair(key_pem: bytes, chain_pem: str) -> None:
    signer = signing_chain(chain_pem)[0]
    if "PRIVATE KEY" in chain_pem:
        raise ValueError("there is a private key among the certificates, which all would see")
    if key_name(load_key(key_pem).public_key()) != key_name(signer.public_key()):
        raise ValueError("the key is not that of the first certificate of the chain")


def _check_not_signed(unsigned: Path) -> None:
    with contextlib.suppress(BundleError):
        read_seal(unsigned)
        raise ValueError(f"{unsigned} is signed already")


@contextlib.contextmanager
def _replaced(output: Path) -> Iterator[Path]:
    """Have a file written beside another, whose place it takes if nothing goes wrong."""
    fresh = output.with_name(f"{output.name}.new")
    try:
        yield fresh
        fresh.replace(output)
    finally:
        fresh.unlink(missing_ok=True)


def _unchanged(tree: Path, older: Manifest | None) -> frozenset[str]:
    if older is None:
        return frozenset()
    return frozenset(file.path for file in older.files if _is_same(tree / file.path, file))


def _is_same(path: Path, file: BundledFile) -> bool:
    with contextlib.suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        facts = path.stat()
        if facts.st_size != file.size_bytes or bool(facts.st_mode & 0o100) != file.executable:
            return False
        return file_sha256(path).hex() == file.sha256
    return False
