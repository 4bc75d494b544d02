"""Contract chains for tests: a mobility operator's root, its sub-CAs, and a vehicle's contract."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

EMAID = "NLTNM012345678"
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2049, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Holder:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def issue(
    name: str,
    issuer: Holder | None = None,
    *,
    authority: bool = True,
    begin: datetime = BEGIN,
    end: datetime = END,
    responder: str | None = "http://ocsp.example/mo",
) -> Holder:
    """Make a certificate; without issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if responder is not None and issuer is not None:
        location = x509.UniformResourceIdentifier(responder)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    signer = key if issuer is None else issuer.key
    return Holder(builder.sign(signer, hashes.SHA256()), key)


@dataclass(frozen=True)
class Operator:
    """A mobility operator's authorities, and the contracts it signs."""

    root: Holder
    sub_1: Holder
    sub_2: Holder

    @classmethod
    def new(cls, name: str = "MO") -> "Operator":
        root = issue(f"{name} root")
        sub_1 = issue(f"{name} sub 1", root)
        return cls(root, sub_1, issue(f"{name} sub 2", sub_1))

    def contract(self, emaid: str = EMAID, *, days: float = 365, **options: object) -> str:
        """Return a contract chain in PEM, leaf first, without root."""
        end = datetime.now(UTC) + timedelta(days=days) if days != 365 else END
        leaf = issue(emaid, self.sub_2, authority=False, end=end, **options)  # type: ignore[arg-type]
        return leaf.pem + self.sub_2.pem + self.sub_1.pem
