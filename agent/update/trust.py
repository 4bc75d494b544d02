"""Whether a bundle comes from a maker whose root was put on this station."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.certificates import CertificateProblem
from agent.pki.code_signing import (
    SignatureProblem,
    check_signature,
    check_signing_chain,
    load_revocations,
)
from agent.pki.verification import parse_chain
from agent.update.bundle import BundleError, Seal, VerifiedBundle, read_seal
from agent.update.manifest import ManifestError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList


class Distrusted(Exception):
    """A file is not to be opened: nobody who may has signed it, or it is damaged."""


def open_signed(path: Path, makers: Path, now: dt.datetime) -> tuple[VerifiedBundle, Seal]:
    """Check the signature over the whole file, then read its manifest; raises `Distrusted`.

    `makers` is the folder of roots and revocation lists. It may take seconds.
    """
    try:
        seal = read_seal(path)
        signer = check_signing_chain(seal.chain_pem, *_trusted(makers), now)
        check_signature(signer, seal.signature, seal.sha256)
        return VerifiedBundle(path, seal), seal
    except CertificateProblem as error:
        raise Distrusted(f"{error.reason_code}: {error}") from error
    except (BundleError, ManifestError, SignatureProblem) as error:
        raise Distrusted(str(error)) from error


def _trusted(
    makers: Path,
) -> tuple[list["Certificate"], list["CertificateRevocationList"]]:
    """Return roots and revocation lists; one that cannot be read may be the one that matters."""
    try:
        roots = [
            certificate
            for file in sorted(makers.glob("*.pem"))
            for certificate in parse_chain(file.read_text("ascii"))
        ]
        revocations = [load_revocations(file.read_bytes()) for file in sorted(makers.glob("*.crl"))]
    except (OSError, ValueError) as error:
        raise Distrusted(f"{makers} has an unreadable file: {error}") from error
    if not roots:
        raise Distrusted(f"{makers} has no root certificate of a maker: nothing can be installed")
    return roots, revocations
