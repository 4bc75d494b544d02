"""Who may sign firmware: the roots that the maker put here and those that the CSMS installed."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
from typing import TYPE_CHECKING

from agent.core.certificates import CertificateProblem, RootUse
from agent.core.firmware_order import SignatureRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate, CertificateRevocationList

    from agent.core.firmware_order import FirmwareOrder
    from agent.pki.trust_anchors import InstalledRoots

LONGEST_FILE_BYTES = 1024 * 1024
_CHUNK_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class ManufacturerTrust:
    """Checks signers and signatures (L01.FR.04, FR.12, FR.21); the work is done in threads."""

    def __init__(self, roots: InstalledRoots, maker_dir: Path) -> None:
        self._roots = roots
        self._maker_dir = maker_dir

    async def check_signer(self, certificate: str, at: datetime) -> None:
        """Check a signing certificate; raises `CertificateProblem`."""
        await asyncio.to_thread(self._signer, certificate, at)

    async def check_image(self, order: FirmwareOrder, image: Path, at: datetime) -> None:
        """Check signer and signature of a whole file.

        Raises `CertificateProblem`, `SignatureRefused`.
        """
        await asyncio.to_thread(self._check_image, order, image, at)

    def _check_image(self, order: FirmwareOrder, image: Path, at: datetime) -> None:
        from agent.pki.code_signing import SignatureProblem, check_signature  # noqa: PLC0415

        signer = self._signer(order.signing_certificate or "", at)
        try:
            check_signature(signer, _decoded(order.signature or ""), _sha256(image))
        except SignatureProblem as problem:
            raise SignatureRefused(str(problem)) from problem
        except OSError as error:
            raise SignatureRefused(f"the image cannot be read: {error.strerror}") from error

    def _signer(self, certificate: str, at: datetime) -> Certificate:
        from agent.pki.code_signing import check_signing_chain  # noqa: PLC0415 - slow to import

        try:
            roots = (*self._roots.roots(RootUse.MANUFACTURER), *self._maker_roots())
            revocations = self._revocations()
        except (OSError, ValueError) as error:
            log.error("%s: the maker's certificates cannot be read: %s", self._maker_dir, error)
            reason = "the roots of the manufacturer cannot be read"
            raise CertificateProblem("InternalError", reason) from error
        return check_signing_chain(certificate, roots, revocations, at)

    def _maker_roots(self) -> tuple[Certificate, ...]:
        from agent.pki.verification import parse_chain  # noqa: PLC0415 - slow to import

        texts = (_read(file).decode("ascii") for file in sorted(self._maker_dir.glob("*.pem")))
        return tuple(certificate for text in texts for certificate in parse_chain(text))

    def _revocations(self) -> Sequence[CertificateRevocationList]:
        """Read the lists; one that is damaged lets nobody in whom it might have kept out."""
        from agent.pki.code_signing import load_revocations  # noqa: PLC0415 - slow to import

        return [load_revocations(_read(file)) for file in sorted(self._maker_dir.glob("*.crl"))]


def _read(file: Path) -> bytes:
    if file.stat().st_size > LONGEST_FILE_BYTES:
        raise ValueError(f"{file} is too large")
    return file.read_bytes()


def _decoded(signature: str) -> bytes:
    """Read base64, with line ends or without."""
    try:
        return base64.b64decode("".join(signature.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureRefused("the signature is not base64") from error


def _sha256(image: Path) -> bytes:
    digest = hashlib.sha256()
    with image.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
