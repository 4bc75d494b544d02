"""Key pairs of the station: made on the device, written in PEM, never told to anybody."""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from agent.core.certificates import KeyKind

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        PublicKeyTypes,
    )

    from agent.core.certificates import Subject

RSA_BITS: Final = 3072
LEAST_RSA_BITS: Final = 2048
LEAST_EC_BITS: Final = 224
"""112 bits of strength (A00.FR.501-503)."""


def new_key_pem(kind: KeyKind) -> bytes:
    """Return a new private key, PKCS#8 in PEM. An RSA key takes seconds on a small board."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if kind is KeyKind.RSA:
        key = rsa.generate_private_key(65537, RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_key(pem: bytes) -> CertificateIssuerPrivateKeyTypes:
    """Return the private key in a PEM text; raises ValueError if there is none of ours."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ValueError("the private key is encrypted; decrypt it first") from error
    except UnsupportedAlgorithm as error:
        raise ValueError("no readable private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither an EC nor an RSA key")  # noqa: TRY004 - as for any other content
    return key


def key_name(public_key: PublicKeyTypes) -> str:
    """Return SHA-256 of the SubjectPublicKeyInfo in hexadecimal: it names a key pair."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def signing_request(key_pem: bytes, subject: Subject) -> str:
    """Return a PKCS#10 request in PEM, without any name but the subject (A02.FR.03, A00.FR.511)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    attributes = [
        x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organization),
    ]
    if subject.country is not None:
        attributes.append(x509.NameAttribute(NameOID.COUNTRY_NAME, subject.country))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    request = builder.sign(load_key(key_pem), hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()
