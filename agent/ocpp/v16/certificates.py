"""Certificates of the security extension: the station's own, and the roots it trusts.

1.6 knows one certificate of the station and two kinds of roots, and has no place for reasons.
"""

from types import MappingProxyType
from typing import Final

from agent.core.certificates import (
    CertificateOutcome,
    CertificateSigned,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    InstalledCertificates,
    RootUse,
    SigningAnswered,
    SigningAsked,
)
from agent.core.commands import Command
from agent.core.events import DomainEvent
from agent.ocpp.certificate_hash_data import hash_data, told_hash_data
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.v16 import plug_and_charge

_USES: Final = MappingProxyType(
    {
        "CentralSystemRootCertificate": RootUse.CSMS,
        "ManufacturerRootCertificate": RootUse.MANUFACTURER,
    }
)


def sign_certificate(event: SigningAsked, _context: CodecContext) -> tuple[Call, ...]:
    """Send a CSR (A02.FR.03); that for vehicles goes inside DataTransfer. 1.6 knows no others."""
    if event.use is CertificateUse.V2G:
        return plug_and_charge.sign_certificate(event)
    if event.use is not CertificateUse.CHARGING_STATION:
        return ()
    return (Call("SignCertificate", {"csr": event.csr}),)


def signing_answered(
    _event: DomainEvent, reply: Payload, _context: CodecContext
) -> SigningAnswered:
    """Take the answer to SignCertificate."""
    return SigningAnswered(accepted=reply["status"] == "Accepted")


def certificate_signed(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read CertificateSigned, which is always about the station's certificate."""
    return CertificateSigned(chain=payload["certificateChain"], use=CertificateUse.CHARGING_STATION)


def install_certificate(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read InstallCertificate."""
    return InstallCertificate(_USES[payload["certificateType"]], payload["certificate"])


def delete_certificate(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read DeleteCertificate."""
    return DeleteCertificate(told_hash_data(payload["certificateHashData"]))


def get_installed_certificate_ids(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetInstalledCertificateIds, which asks for one kind of roots."""
    return GetInstalledCertificateIds(frozenset({_USES[payload["certificateType"]].value}))


def change_reply(outcome: CertificateOutcome, _request: Payload, _context: CodecContext) -> Payload:
    """Tell what came of InstallCertificate or DeleteCertificate."""
    return {"status": outcome.status.value}


def listing_reply(
    outcome: InstalledCertificates, _request: Payload, _context: CodecContext
) -> Payload:
    """Name each certificate that was found (M03.FR.01)."""
    found = [hash_data(certificate.hash_data) for certificate in outcome.certificates]
    return {"status": "Accepted", "certificateHashData": found} if found else {"status": "NotFound"}
