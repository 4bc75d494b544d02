"""Blocks A and M: signing of the station's certificates, and its trust anchors."""

from collections.abc import Callable
from typing import Any, Final

from agent.core.certificates import (
    CertificateOutcome,
    CertificateSigned,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    InstalledCertificate,
    InstalledCertificates,
    RootUse,
    SigningAnswered,
    SigningAsked,
)
from agent.core.commands import Command, Refusal
from agent.core.events import DomainEvent
from agent.ocpp.certificate_hash_data import hash_data, told_hash_data
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present
from agent.ocpp.v201.status_info import status_info

LISTED_USES: Final = frozenset(
    {
        "CSMSRootCertificate",
        "ManufacturerRootCertificate",
        "MORootCertificate",
        "V2GCertificateChain",
        "V2GRootCertificate",
    }
)
"""What GetInstalledCertificateIds may list; another version knows more."""
MOST_CHILDREN: Final = 4


def sign_certificate(
    event: SigningAsked, _context: CodecContext, *, correlates: bool = False
) -> tuple[Call, ...]:
    """Send a CSR (A02.FR.03); without type the certificate is for every use (A02.FR.13).

    `correlates`: the version has requestId, hashRootCertificate (A02.FR.24, A02.FR.27) and a word
    for certificates of ISO 15118-20.
    """
    if event.use is CertificateUse.V2G_20 and not correlates:
        return ()
    combined = event.use is CertificateUse.COMBINED
    payload: dict[str, Any] = {
        "csr": event.csr,
        "certificateType": None if combined else event.use.value,
    }
    if correlates:
        payload["requestId"] = event.request_id
        payload["hashRootCertificate"] = None if event.root is None else hash_data(event.root)
    return (Call("SignCertificate", present(payload)),)


def signing_answered(
    _event: DomainEvent, reply: Payload, _context: CodecContext
) -> SigningAnswered:
    """Take the answer to SignCertificate."""
    return SigningAnswered(accepted=reply["status"] == "Accepted")


def certificate_signed(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read CertificateSigned."""
    use = payload.get("certificateType")
    return CertificateSigned(
        chain=payload["certificateChain"],
        use=None if use is None else CertificateUse(use),
        request_id=integer(payload, "requestId"),
    )


def install_certificate(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read InstallCertificate."""
    return InstallCertificate(RootUse(payload["certificateType"]), payload["certificate"])


def delete_certificate(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read DeleteCertificate."""
    return DeleteCertificate(told_hash_data(payload["certificateHashData"]))


def get_installed_certificate_ids(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetInstalledCertificateIds; no types mean all of them."""
    return GetInstalledCertificateIds(frozenset(payload.get("certificateType", ())))


def change_reply(outcome: CertificateOutcome, _request: Payload, _context: CodecContext) -> Payload:
    """Tell what came of InstallCertificate or DeleteCertificate."""
    problem = outcome.problem
    refusal = None if problem is None else Refusal(problem.reason_code, problem.info)
    return present({"status": outcome.status.value, "statusInfo": status_info(refusal)})


def listing_reply(
    listed_uses: frozenset[str] = LISTED_USES,
) -> Callable[[InstalledCertificates, Payload, CodecContext], Payload]:
    """Return how the installed certificates are told, those of the uses that a version knows."""

    def encode(
        outcome: InstalledCertificates, _request: Payload, _context: CodecContext
    ) -> Payload:
        found = [_chain(entry) for entry in outcome.certificates if entry.use in listed_uses]
        if not found:
            return {"status": "NotFound"}
        return {"status": "Accepted", "certificateHashDataChain": found}

    return encode


def _chain(entry: InstalledCertificate) -> dict[str, Any]:
    children = [hash_data(child) for child in entry.children[:MOST_CHILDREN]]
    return present(
        {
            "certificateType": entry.use,
            "certificateHashData": hash_data(entry.hash_data),
            "childCertificateHashData": children or None,
        }
    )
