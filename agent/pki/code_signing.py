"""Whether a file was signed by the maker: the signing certificate, its chain, and the signature.

Used for OCPP's `signingCertificate` and `signature` (L01.FR.04, FR.12, FR.21) and for the signature
of a bundle. Hashes of whole files come in, so that no file has to fit into memory.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from agent.core.certificates import CertificateProblem
from agent.pki.verification import (
    INVALID,
    check_strength,
    check_validity,
    parse_chain,
    path_to_root,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate, CertificateRevocationList
    from cryptography.x509.oid import ObjectIdentifier

REVOKED: Final = "RevokedCertificate"
LONGEST_CHAIN_CHARACTERS: Final = 20_000
LONGEST_SIGNATURE_BYTES: Final = 1024


class SignatureProblem(Exception):
    """A signature does not prove that this file comes from its signer."""


def check_signing_chain(
    pem: str,
    roots: Sequence[Certificate],
    revocations: Sequence[CertificateRevocationList],
    now: datetime,
) -> Certificate:
    """Return the certificate that signs, the first one in `pem`; raises `CertificateProblem`.

    It must be strong, valid now, for code signing, not revoked, and end at a manufacturer root;
    and so must the sub-CAs between them.
    """
    chain = signing_chain(pem)
    for certificate in chain:
        check_validity(certificate, now)
    path = path_to_root(chain, roots, now)
    check_strength(path[-1])
    for certificate in path[:-1]:
        _check_understood(certificate)
    for sub_ca in path[1:-1]:
        _check_may_vouch_for_code(sub_ca)
    _check_not_revoked(path, revocations)
    return chain[0]


def signing_chain(pem: str) -> tuple[Certificate, ...]:
    """Return a chain whose first certificate may sign code; raises `CertificateProblem`."""
    if len(pem) > LONGEST_CHAIN_CHARACTERS:
        raise CertificateProblem(INVALID, "the signing certificate is too long")
    chain = parse_chain(pem)
    if not chain:
        raise CertificateProblem(INVALID, "there is no signing certificate")
    for certificate in chain:
        check_strength(certificate)
    _check_signs_code(chain[0])
    return chain


def check_signature(certificate: Certificate, signature: bytes, sha256: bytes) -> None:
    """Check a signature over a file by its hash; raises `SignatureProblem`.

    RSASSA-PSS with any salt, or ECDSA, both with SHA-256. EC-Schnorr, which the standard names as
    well, exists in no library that could be trusted with it.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    if not 0 < len(signature) <= LONGEST_SIGNATURE_BYTES:
        raise SignatureProblem("the signature has no length that signatures have")
    hashed = Prehashed(hashes.SHA256())
    try:
        match certificate.public_key():
            case rsa.RSAPublicKey() as key:
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
                key.verify(signature, sha256, pss, hashed)
            case ec.EllipticCurvePublicKey() as key:
                key.verify(signature, sha256, ec.ECDSA(hashed))
            case _:
                raise SignatureProblem("the signer's key is neither RSA nor EC")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise SignatureProblem("the signature is not that of this file and this signer") from error


def sign(key_pem: bytes, sha256: bytes) -> bytes:
    """Sign the hash of a file, for makers; raises ValueError for a key that is none of ours."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    from agent.pki.keys import load_key

    hashed = Prehashed(hashes.SHA256())
    key = load_key(key_pem)
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return key.sign(sha256, pss, hashed)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(sha256, ec.ECDSA(hashed))
    raise ValueError("the key is neither RSA nor EC")


def load_revocations(pem: bytes) -> CertificateRevocationList:
    """Read a revocation list, PEM; raises ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_crl(pem)


def _check_signs_code(certificate: Certificate) -> None:
    """Check the usages of a signer: digital signatures, and code signing by name."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    extensions = certificate.extensions
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            raise CertificateProblem(INVALID, "the signer's key may not sign")
    except x509.ExtensionNotFound:
        pass  # A certificate without the extension is not restricted (RFC 5280, 4.2.1.3).
    if ExtendedKeyUsageOID.CODE_SIGNING not in _usages(certificate):
        raise CertificateProblem(INVALID, "the first certificate is not for code signing")


def _check_may_vouch_for_code(sub_ca: Certificate) -> None:
    """Check that code signing is among the usages of a CA that lists any."""
    from cryptography.x509.oid import ExtendedKeyUsageOID

    enough = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    usages = _usages(sub_ca)
    if usages and enough.isdisjoint(usages):
        raise CertificateProblem(INVALID, "a sub-CA is not for code signing")


def _usages(certificate: Certificate) -> frozenset[ObjectIdentifier]:
    """Return the extended key usages that a certificate lists."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(found.value)


def _check_understood(certificate: Certificate) -> None:
    """Check that nothing critical in a certificate would be passed over (RFC 5280, 4.2)."""
    from cryptography import x509

    understood = (
        *(x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage),
        # Names and policies of signers restrict nothing here.
        *(x509.SubjectAlternativeName, x509.CertificatePolicies),
    )
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, understood):
            info = f"a certificate demands what is not understood: {extension.oid.dotted_string}"
            raise CertificateProblem(INVALID, info)


def _check_not_revoked(
    path: Sequence[Certificate], revocations: Sequence[CertificateRevocationList]
) -> None:
    """Look each certificate up in the lists that its own issuer has signed.

    A list that is out of date still counts: it cannot make a revoked certificate good again.
    """
    from cryptography.exceptions import UnsupportedAlgorithm

    for certificate, issuer in itertools.pairwise(path):
        for revoked in revocations:
            if revoked.issuer != certificate.issuer:
                continue
            try:
                is_its_issuer_s = revoked.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            except (TypeError, ValueError, UnsupportedAlgorithm):
                continue
            found = revoked.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if is_its_issuer_s and found is not None:
                raise CertificateProblem(REVOKED, "a certificate of the signer is revoked")
