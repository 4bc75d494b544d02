"""Certificates in the core's words: what they are for, how they are named, what may be asked."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from agent.core.records import dataclass


class HashAlgorithm(StrEnum):
    """HashAlgorithmEnumType."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


@dataclass(frozen=True, slots=True)
class CertificateHashData:
    """CertificateHashDataType: names a certificate by its issuer and serial number.

    Hashes and serial number are hexadecimal; two names are equal whatever the case of their digits.
    """

    algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    def names_the_same_as(self, other: "CertificateHashData") -> bool:
        """Tell whether both name the same certificate; they must use the same algorithm."""
        return self.comparable == other.comparable

    @property
    def comparable(self) -> tuple[str, str, str, str]:
        """The name in one spelling."""
        hashes = (self.issuer_name_hash.lower(), self.issuer_key_hash.lower())
        return (self.algorithm, *hashes, self.serial_number.lower().lstrip("0"))


class KeyKind(StrEnum):
    """What keys the station makes for its certificates."""

    EC = "EC"
    """On the curve P-256."""
    RSA = "RSA"
    """Of 3072 bits."""


class RootUse(StrEnum):
    """InstallCertificateUseEnumType: what a root certificate is trusted for."""

    CSMS = "CSMSRootCertificate"
    MANUFACTURER = "ManufacturerRootCertificate"
    V2G = "V2GRootCertificate"
    MO = "MORootCertificate"
    OEM = "OEMRootCertificate"


class CertificateUse(StrEnum):
    """CertificateSigningUseEnumType, and one certificate for both uses."""

    CHARGING_STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"
    V2G_20 = "V2G20Certificate"
    COMBINED = "Combined"


@dataclass(frozen=True, slots=True)
class RootChoice:
    """Which CSMS roots an attempt trusts, by their names: one alone, or all without one."""

    only: str | None = None
    without: str | None = None


ALL_ROOTS = RootChoice()

V2G_CHAIN = "V2GCertificateChain"
"""The use under which GetInstalledCertificateIds lists the station's own V2G certificates."""


@dataclass(frozen=True, slots=True)
class InstalledCertificate:
    """One certificate on the station; `children` are the sub-CAs of a chain (M03.FR.05)."""

    use: str
    hash_data: CertificateHashData
    children: tuple[CertificateHashData, ...] = ()


# --- Commands and outcomes.


class CertificateProblem(ValueError):
    """A certificate cannot be accepted; `reason_code` is the standard's, `info` says why."""

    def __init__(self, reason_code: str, info: str) -> None:
        super().__init__(info)
        self.reason_code = reason_code
        self.info = info


@dataclass(frozen=True, slots=True)
class CertificateSigned:
    """CertificateSigned (A02, A03); without use the certificate is for every use."""

    chain: str = field(repr=False)
    use: CertificateUse | None = None
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class InstallCertificate:
    """InstallCertificate (M05)."""

    use: RootUse
    certificate: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """DeleteCertificate (M04)."""

    hash_data: CertificateHashData


@dataclass(frozen=True, slots=True)
class GetInstalledCertificateIds:
    """GetInstalledCertificateIds (M03); no uses mean all of them."""

    uses: frozenset[str] = frozenset()


class CertificateStatus(StrEnum):
    """The outcomes of InstallCertificate and DeleteCertificate together."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


@dataclass(frozen=True, slots=True)
class CertificateOutcome:
    """What came of a change of the trust store."""

    status: CertificateStatus
    problem: CertificateProblem | None = None


@dataclass(frozen=True, slots=True)
class InstalledCertificates:
    """The answer to GetInstalledCertificateIds."""

    certificates: tuple[InstalledCertificate, ...]


# --- Event and fact.


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningAsked:
    """The station asks for a certificate (SignCertificate, A02.FR.03).

    `csr` is PKCS#10 in PEM, `root` the CA that the certificate should come from (A02.FR.27).
    """

    csr: str = field(repr=False)
    use: CertificateUse
    request_id: int
    root: CertificateHashData | None = None


@dataclass(frozen=True, slots=True)
class SigningAnswered:
    """The answer to SignCertificate."""

    accepted: bool


# --- What a store is asked for.


@dataclass(frozen=True, slots=True)
class Subject:
    """What the subject of one of the station's certificates must say (A00.FR.509, A00.FR.511)."""

    organization: str
    common_name: str
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a signed certificate must fulfil besides its chain (A02.FR.06)."""

    use: CertificateUse
    subject: Subject
    now: datetime
