"""How a maker makes a bundle: pack a tree, and sign it. No station needs this."""

import base64
import contextlib
import platform
import shutil
import sys
from pathlib import Path

from agent.core.records import dataclass
from agent.pki.code_signing import sign
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

    try:
        return write_unsigned(output, complete, tree, _unchanged(tree, older))
    except BaseException:
        output.unlink(missing_ok=True)
        raise


def sign_bundle(unsigned: Path, output: Path, key_pem: bytes, chain_pem: str) -> str:
    """Write a signed copy; return the signature over that whole file, Base64, which OCPP carries.

    Raises ValueError for a key that is none, `BundleError`.
    """
    shutil.copyfile(unsigned, output)
    try:
        seal(output, chain_pem, lambda digest: sign(key_pem, digest))
        VerifiedBundle(output, read_seal(output))
        return base64.b64encode(sign(key_pem, file_sha256(output))).decode()
    except BaseException:
        output.unlink()
        raise


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
