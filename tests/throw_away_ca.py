"""Certificates for tests: keys that are made for a test and forgotten with it."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LOOPBACK: Final = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
DAY: Final = dt.timedelta(days=1)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and as files if a folder was given."""

    certificate: x509.Certificate
    key: Key
    folder: Path | None = None
    name: str = ""

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def certificate_file(self) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.name}.crt"

    @property
    def key_file(self) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.name}.key"

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self) -> "Issued":
        self.certificate_file.write_text(self.pem)
        self.key_file.write_bytes(self.key_pem)
        self.key_file.chmod(0o600)
        return self


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a certificate says; the defaults are those of an honest one."""

    organization: str | None = "Example"
    names: Sequence[x509.GeneralName] = ()
    ca: bool = False
    start: dt.datetime | None = None
    days: int = 90
    key: Key | None = None
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | None = None
    hash: hashes.HashAlgorithm | None = None
    path_length: int | None = None
    usages: Sequence[x509.ObjectIdentifier] = ()
    may_sign: bool | None = None


def issue(
    name: str,
    issuer: Issued | None = None,
    recipe: Recipe | None = None,
    folder: Path | None = None,
) -> Issued:
    """Issue a certificate for `name`; without issuer it signs itself."""
    recipe = recipe or Recipe(ca=issuer is None)
    key = recipe.key or new_key()
    subject = _name(name, recipe.organization)
    start = recipe.start or dt.datetime.now(dt.UTC) - DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(recipe.public_key or key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + recipe.days * DAY)
        .add_extension(x509.BasicConstraints(recipe.ca, recipe.path_length), critical=True)
    )
    if recipe.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(recipe.names), critical=False)
    if recipe.usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(recipe.usages), critical=False)
    if recipe.may_sign is not None:
        builder = builder.add_extension(_key_usage(recipe.may_sign), critical=True)
    signer = issuer.key if issuer else key
    certificate = builder.sign(signer, recipe.hash or hashes.SHA256())
    made = Issued(certificate, key, folder, name)
    return made.write() if folder else made


def revocation_list(issuer: Issued, *revoked: Issued) -> x509.CertificateRevocationList:
    """Revoke certificates of an issuer."""
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateRevocationListBuilder()
    builder = builder.issuer_name(issuer.certificate.subject).last_update(now)
    builder = builder.next_update(now + DAY)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
    return builder.sign(issuer.key, hashes.SHA256())


def sign_request(csr_pem: str, issuer: Issued, recipe: Recipe | None = None) -> Issued:
    """Do what a CA does with a CSR: keep its subject and key."""
    request = x509.load_pem_x509_csr(csr_pem.encode())
    assert request.is_signature_valid
    start = (recipe and recipe.start) or dt.datetime.now(dt.UTC) - DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + (recipe or Recipe()).days * DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return Issued(builder.sign(issuer.key, hashes.SHA256()), new_key())


def _name(common_name: str, organization: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _key_usage(may_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=may_sign,
        content_commitment=False,
        key_encipherment=not may_sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
