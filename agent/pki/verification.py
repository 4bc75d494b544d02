"""Whether a certificate from outside may be used: readable, strong, in its time, of a known root.

Every check raises `CertificateProblem` with the reason that the CSMS is told.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from agent.core.certificates import CertificateProblem
from agent.pki.keys import LEAST_EC_BITS, LEAST_RSA_BITS, key_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate
    from cryptography.x509.oid import ObjectIdentifier

    from agent.core.certificates import Expectation

T = TypeVar("T")

MOST_CERTIFICATES: Final = 5
"""A leaf with as many sub-CAs as childCertificateHashData can hold."""
LONGEST_SERIAL_OCTETS: Final = 20
INVALID: Final = "InvalidCertificate"
_HASHES: Final = frozenset({"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"})


def parse_chain(pem: str) -> tuple[Certificate, ...]:
    """Return the certificates in a PEM text, in their order; line ends may be mixed (A00.FR.507).

    Every field that is looked at later has been read once, so that no damage shows up later.
    """
    from cryptography import x509

    def parsed() -> tuple[Certificate, ...]:
        certificates = x509.load_pem_x509_certificates(pem.encode("ascii"))
        for certificate in certificates:
            certificate.public_key()
            _ = certificate.extensions, certificate.subject, certificate.issuer
            _ = certificate.signature_hash_algorithm
            if not 0 <= certificate.serial_number < 2 ** (8 * LONGEST_SERIAL_OCTETS):
                raise ValueError("no serial number of at most 20 octets")
        return tuple(certificates)

    if pem.count("-----BEGIN") > MOST_CERTIFICATES:
        raise CertificateProblem(INVALID, f"more than {MOST_CERTIFICATES} certificates")
    return _readable(parsed)


def key_of(chain: Sequence[Certificate]) -> str:
    """Return the name of the key pair that a chain is for."""
    return key_name(chain[0].public_key())


def check_signed(
    chain: Sequence[Certificate], roots: Sequence[Certificate], expectation: Expectation
) -> None:
    """Check a chain for one of the station's own certificates (A02.FR.06, A03.FR.06)."""
    leaf = chain[0]
    for certificate in chain:
        check_strength(certificate)
        check_validity(certificate, expectation.now)
    _check_subject(leaf, expectation)
    _check_usable_for_tls(leaf)
    path_to_root(chain, roots, expectation.now)


def check_root(certificate: Certificate, now: datetime) -> None:
    """Check a certificate that is to be trusted as a root (M05.FR.07)."""
    check_strength(certificate)
    check_validity(certificate, now)
    if not _may_issue(certificate, sub_cas_below=0):
        raise CertificateProblem(INVALID, "the certificate is not that of a CA")
    if not _is_issued_by(certificate, certificate):
        raise CertificateProblem(INVALID, "the certificate is no root: it has not signed itself")


def check_successor(
    certificate: Certificate, roots: Sequence[Certificate], now: datetime
) -> Certificate:
    """Check a root that is to replace others; return the one that signed it (M05.FR.10, FR.11)."""
    check_strength(certificate)
    check_validity(certificate, now)
    if not _may_issue(certificate, sub_cas_below=0):
        raise CertificateProblem(INVALID, "the certificate is not that of a CA")
    signer = next(_issuers(certificate, roots, 0, now), None)
    if signer is None:
        raise CertificateProblem(INVALID, "the new root is not signed by the present one")
    return signer


def path_to_root(
    chain: Sequence[Certificate], roots: Sequence[Certificate], now: datetime
) -> tuple[Certificate, ...]:
    """Return leaf, sub-CAs and root of a chain that ends at one of `roots`.

    A sub-CA may be there twice, certified by two roots of which only one is known here. The
    shortest way is found, and each certificate is taken up once.
    """
    paths: list[tuple[Certificate, ...]] = [(chain[0],)]
    left = list(chain[1:])
    for path in paths:
        below = len(path) - 1
        for root in _issuers(path[-1], roots, below, now):
            return (*path, root)
        for sub_ca in tuple(_issuers(path[-1], left, below, now)):
            left.remove(sub_ca)
            paths.append((*path, sub_ca))
    raise CertificateProblem(INVALID, "the chain does not end at an installed root")


def check_validity(certificate: Certificate, now: datetime) -> None:
    """Check that a certificate is valid now."""
    if now < certificate.not_valid_before_utc:
        raise CertificateProblem(INVALID, "a certificate is not valid yet")
    if now > certificate.not_valid_after_utc:
        raise CertificateProblem(INVALID, "a certificate has expired")


def check_strength(certificate: Certificate) -> None:
    """Check key and signature for 112 bits of strength (A00.FR.501-506)."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    match certificate.public_key():
        case rsa.RSAPublicKey(key_size=bits):
            is_strong = bits >= LEAST_RSA_BITS
        case ec.EllipticCurvePublicKey(key_size=bits):
            is_strong = bits >= LEAST_EC_BITS
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            is_strong = True
        case _:
            is_strong = False
    if not is_strong:
        raise CertificateProblem(INVALID, "a key has less than 112 bits of strength")
    used = certificate.signature_hash_algorithm
    # Ed25519 and Ed448 have no hash of their own.
    if used is not None and used.name not in _HASHES:
        raise CertificateProblem(INVALID, f"a certificate is signed with {used.name}")


def _readable(read: Callable[[], T]) -> T:
    """Run what parses foreign content, and word whatever is wrong with it."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    damage = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion)
    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm, *damage) as error:
        raise CertificateProblem(INVALID, "no readable X.509 certificate in PEM") from error


def _check_subject(leaf: Certificate, expectation: Expectation) -> None:
    from cryptography.x509.oid import NameOID

    wanted = expectation.subject
    for oid, name, value in (
        (NameOID.COMMON_NAME, "CN", wanted.common_name),
        (NameOID.ORGANIZATION_NAME, "O", wanted.organization),
    ):
        if _subject_values(leaf, oid) != [value]:
            raise CertificateProblem(INVALID, f"{name} of the subject is not {value}")


def _subject_values(certificate: Certificate, oid: ObjectIdentifier) -> list[object]:
    return [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]


def _check_usable_for_tls(leaf: Certificate) -> None:
    """Check that the station may sign handshakes with the certificate's key."""
    from cryptography import x509

    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.digital_signature:
        raise CertificateProblem(INVALID, "the key usage does not allow signatures")


def _issuers(
    certificate: Certificate, candidates: Sequence[Certificate], sub_cas_below: int, now: datetime
) -> Iterator[Certificate]:
    """Yield those of some CAs that signed a certificate and are valid now."""
    for candidate in candidates:
        in_time = candidate.not_valid_before_utc <= now <= candidate.not_valid_after_utc
        if (
            in_time
            and _may_issue(candidate, sub_cas_below)
            and _is_issued_by(certificate, candidate)
        ):
            yield candidate


def _may_issue(certificate: Certificate, sub_cas_below: int) -> bool:
    """Tell whether a certificate is that of a CA with room for so many CAs below it."""
    from cryptography import x509

    extensions = certificate.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    longest = constraints.path_length
    if not constraints.ca or (longest is not None and sub_cas_below > longest):
        return False
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
