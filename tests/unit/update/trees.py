"""Trees and bundles for tests, signed by a maker that exists only here."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.pki.code_signing import check_signature, check_signing_chain, sign
from agent.update.bundle import Seal, VerifiedBundle, read_seal, seal, write_unsigned
from agent.update.manifest import BundledFile, Manifest
from tests.throw_away_ca import Recipe, issue

ROOT = issue("Maker Root")
SIGNER = issue("Maker", ROOT, Recipe(usages=(ExtendedKeyUsageOID.CODE_SIGNING,)))
MANIFEST = Manifest(
    product="stationd",
    version="1.1.0",
    hardware=("ac22",),
    machine="aarch64",
    python="3.11",
    minimum_version="1.0.0",
    rollback_index=3,
    files=(),
)
TREE = {"lib/agent/__init__.py": b"code\n" * 500, "bin/stationd": b"#!run\n", "empty": b""}


def plant(folder: Path, files: Mapping[str, bytes] = TREE) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)
    return folder


def bundle(
    file: Path, tree: Path, manifest: Manifest = MANIFEST, unchanged: frozenset[str] = frozenset()
) -> Path:
    def complete(files: tuple[BundledFile, ...]) -> Manifest:
        return replace(manifest, files=files)

    write_unsigned(file, complete, tree, unchanged)
    seal(file, SIGNER.pem, lambda digest: sign(SIGNER.key_pem, digest))
    return file


def verified(file: Path) -> VerifiedBundle:
    found = read_seal(file)
    check(found)
    return VerifiedBundle(file, found)


def check(found: Seal) -> None:
    signer = check_signing_chain(found.chain_pem, (ROOT.certificate,), (), dt.datetime.now(dt.UTC))
    check_signature(signer, found.signature, found.sha256)
