"""How OCPP names a certificate: hashes of its issuer's name and key, and its serial number.

The rules are those of CertificateHashDataType, which took them from OCSP (RFC 6960, 4.1.1).
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from agent.core.certificates import CertificateHashData, HashAlgorithm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.x509 import Certificate


def certificate_hash_data(
    certificate: Certificate,
    issuer: Certificate,
    algorithm: HashAlgorithm = HashAlgorithm.SHA256,
) -> CertificateHashData:
    """Return the hash data of a certificate; the issuer of a root is the root itself.

    `issuerNameHash` is over the DER of the issuer's name as it stands in the certificate,
    `issuerKeyHash` over the issuer's public key: the bits of the BIT STRING without tag, length and
    count of unused bits. All is lower-case hexadecimal, the serial number without leading zeros.
    """
    digest = getattr(hashlib, algorithm.lower())
    return CertificateHashData(
        algorithm,
        issuer_name_hash=digest(certificate.issuer.public_bytes()).hexdigest(),
        issuer_key_hash=digest(_key_bits(issuer)).hexdigest(),
        serial_number=f"{certificate.serial_number:x}",
    )


def chain_hash_data(
    chain: Sequence[Certificate],
    root: Certificate,
    algorithm: HashAlgorithm = HashAlgorithm.SHA256,
) -> tuple[CertificateHashData, ...]:
    """Return the hash data of each certificate of a chain, leaf first, below its root."""
    issuers = (*chain[1:], root)
    return tuple(
        certificate_hash_data(certificate, issuer, algorithm)
        for certificate, issuer in zip(chain, issuers, strict=True)
    )


def ocsp_responder_url(certificate: Certificate) -> str | None:
    """Return where the status of a certificate can be asked, if the certificate says so."""
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return None
    for description in access.value:
        is_url = isinstance(description.access_location, x509.UniformResourceIdentifier)
        if is_url and description.access_method == AuthorityInformationAccessOID.OCSP:
            return str(description.access_location.value)
    return None


def _key_bits(certificate: Certificate) -> bytes:
    """Return the content of subjectPublicKey as it stands in the certificate.

    Writing the key anew would give other bits, for example for a compressed EC point.
    """
    fields = list(_elements(_content(certificate.tbs_certificate_bytes)))
    # version [0] is absent in certificates of version 1; then come serialNumber, signature,
    # issuer, validity, subject, subjectPublicKeyInfo.
    is_versioned = fields[0][0] == _EXPLICIT_0
    key_info = fields[6 if is_versioned else 5][1]
    _algorithm, (_tag, bit_string) = _elements(key_info)
    return bit_string[1:]


_EXPLICIT_0 = 0xA0


def _content(der: bytes) -> bytes:
    ((_tag, content),) = _elements(der)
    return content


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element; only for DER that was parsed before."""
    at = 0
    while at < len(der):
        tag, length, start = der[at], der[at + 1], at + 2
        if length > 0x7F:
            start += length & 0x7F
            length = int.from_bytes(der[at + 2 : start])
        at = start + length
        yield tag, der[start:at]
