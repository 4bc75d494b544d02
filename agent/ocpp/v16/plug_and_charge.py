"""Plug & Charge in 1.6: the certificate messages of 2.0.1 inside DataTransfer.

Source: the application note "Using ISO 15118 Plug & Charge with OCPP 1.6". What is asked on behalf
of a vehicle or of a V2G certificate comes from a backend that speaks ISO 15118.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from agent.core.certificate_status import CertificateStatusAsked, CertificateStatusTold
from agent.core.certificates import (
    CertificateOutcome,
    CertificateSigned,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    HashAlgorithm,
    InstallCertificate,
    InstalledCertificates,
    RootUse,
    SigningAnswered,
    SigningAsked,
)
from agent.core.commands import Command, Outcome, TriggerMessage, Verdict
from agent.core.contracts import ContractEvidence, StatusRequest
from agent.core.facts import TokenJudged
from agent.core.vehicle_certificates import VehicleCertificateAsked, VehicleCertificateTold
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, MessageTrigger
from agent.ocpp.certificate_hash_data import hash_data, told_hash_data
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.payloads import present
from agent.ocpp.v16.extensions import Extension, Unreadable, object_of, text_of, wrapped

VENDOR: Final = "org.openchargealliance.iso15118pnc"
AUTHORIZE: Final = "Authorize"
_ROOTS: Final = frozenset({RootUse.V2G, RootUse.MO, RootUse.OEM, RootUse.MANUFACTURER})
_LONGEST_CERTIFICATE: Final = 5500
_LONGEST_CHAIN: Final = 10_000
_LONGEST_HASH: Final = 128
_LONGEST_STATUS: Final = 20
_LONGEST_RESULT: Final = 18_000
_LONGEST_EXI_REQUEST: Final = 11_000
_LONGEST_EXI_RESPONSE: Final = 17_000
_TRIGGERS: Final = MappingProxyType(
    {"SignV2GCertificate": MessageTrigger.SIGN_V2G_CERTIFICATE},
)


def authorize_payload(token: IdToken, contract: ContractEvidence) -> Payload:
    """Return the DataTransfer that asks for a verdict on a contract."""
    requests = [_status_request(request) for request in contract.status_requests]
    inside = {
        "idToken": {"idToken": token.value, "type": token.type},
        "certificate": contract.chain,
        "iso15118CertificateHashData": requests or None,
    }
    return _payload(AUTHORIZE, present(inside))


def sign_certificate(event: SigningAsked) -> tuple[Call, ...]:
    """Send the CSR of the certificate that vehicles see (A02.FR.03)."""
    inside = {"csr": event.csr, "certificateType": CertificateUse.V2G.value}
    return (Call("DataTransfer", _payload("SignCertificate", inside)),)


def get_certificate_status(
    event: CertificateStatusAsked, _context: CodecContext
) -> tuple[Call, ...]:
    """Ask for the status of one of the station's certificates (M06.FR.06)."""
    inside = {"ocspRequestData": _status_request(event.request)}
    return (Call("DataTransfer", _payload("GetCertificateStatus", inside)),)


def get_15118_ev_certificate(
    event: VehicleCertificateAsked, _context: CodecContext
) -> tuple[Call, ...]:
    """Pass a vehicle's request on (M01.FR.01, M02.FR.01); one that is too long is none."""
    if len(event.exi) > _LONGEST_EXI_REQUEST:
        return ()
    inside = {
        "iso15118SchemaVersion": event.schema,
        "action": event.action.value,
        "exiRequest": event.exi,
    }
    return (Call("DataTransfer", _payload("Get15118EVCertificate", inside)),)


def signing_answered(inside: Payload) -> SigningAnswered:
    """Read the answer to SignCertificate; raises `Unreadable`."""
    return SigningAnswered(accepted=_is_accepted(inside))


def certificate_status_told(inside: Payload) -> CertificateStatusTold:
    """Read the answer to GetCertificateStatus; raises `Unreadable`."""
    accepted = _is_accepted(inside)
    return CertificateStatusTold(
        text_of(inside, "ocspResult", _LONGEST_RESULT) if accepted else None
    )


def vehicle_certificate_told(inside: Payload) -> VehicleCertificateTold:
    """Read the answer to Get15118EVCertificate; raises `Unreadable`.

    What failed may still have a response that tells the vehicle so.
    """
    accepted = _is_accepted(inside)
    told = accepted or "exiResponse" in inside
    exi = text_of(inside, "exiResponse", _LONGEST_EXI_RESPONSE) if told else ""
    return VehicleCertificateTold(accepted, exi)


def _is_accepted(inside: Payload) -> bool:
    return text_of(inside, "status", _LONGEST_STATUS) == "Accepted"


def _payload(message: str, inside: Payload) -> Payload:
    return {"vendorId": VENDOR, "messageId": message, "data": wrapped(inside)}


def contract_judged(inside: Payload) -> TokenJudged:
    """Read the verdict; a contract whose certificate is refused is refused.

    Back ends write the info under 1.6's name or that of 2.0.1. Raises `Unreadable`.
    """
    name = "idTokenInfo" if "idTokenInfo" in inside else "idTagInfo"
    status = text_of(object_of(inside, name), "status", _LONGEST_HASH)
    if status not in set(AuthorizationStatus):
        raise Unreadable(f"{status:.20} is no status")
    info = IdTokenInfo(AuthorizationStatus(status))
    if inside.get("certificateStatus", "Accepted") != "Accepted" and info.accepted:
        info = replace(info, status=AuthorizationStatus.INVALID)
    return TokenJudged(info)


def _certificate_signed(inside: Payload, _context: CodecContext) -> Command:
    return CertificateSigned(
        chain=text_of(inside, "certificateChain", _LONGEST_CHAIN), use=CertificateUse.V2G
    )


def _install(inside: Payload, _context: CodecContext) -> Command:
    use = text_of(inside, "certificateType", _LONGEST_HASH)
    if use not in _ROOTS:
        raise Unreadable(f"{use:.40} is no root that is installed this way")
    return InstallCertificate(RootUse(use), text_of(inside, "certificate", _LONGEST_CERTIFICATE))


def _delete(inside: Payload, _context: CodecContext) -> Command:
    named = object_of(inside, "certificateHashData")
    for field in ("issuerNameHash", "issuerKeyHash", "serialNumber"):
        text_of(named, field, _LONGEST_HASH)
    if named.get("hashAlgorithm") not in set(HashAlgorithm):
        raise Unreadable("hashAlgorithm is none")
    return DeleteCertificate(told_hash_data(named))


def _installed_ids(inside: Payload, _context: CodecContext) -> Command:
    uses = inside.get("certificateType", [])
    if not isinstance(uses, list) or not all(isinstance(use, str) for use in uses):
        raise Unreadable("certificateType is no list of texts")
    return GetInstalledCertificateIds(frozenset(uses))


def _trigger(inside: Payload, _context: CodecContext) -> Command:
    return TriggerMessage(_TRIGGERS.get(text_of(inside, "requestedMessage", _LONGEST_HASH)))


def _change_reply(
    outcome: CertificateOutcome, _request: Payload, _context: CodecContext
) -> Payload:
    return {"status": outcome.status.value}


def _status_reply(outcome: Outcome, _request: Payload, _context: CodecContext) -> Payload:
    known = (Verdict.ACCEPTED, Verdict.NOT_IMPLEMENTED)
    verdict = outcome.verdict if outcome.verdict in known else Verdict.REJECTED
    return {"status": verdict.value}


def _listing_reply(
    outcome: InstalledCertificates, _request: Payload, _context: CodecContext
) -> Payload:
    found: list[dict[str, Any]] = []
    for entry in outcome.certificates:
        children = [hash_data(child) for child in entry.children]
        found.append(
            present(
                {
                    "certificateType": entry.use,
                    "certificateHashData": hash_data(entry.hash_data),
                    "childCertificateHashData": children or None,
                }
            )
        )
    if not found:
        return {"status": "NotFound"}
    return {"status": "Accepted", "certificateHashDataChain": found}


def _status_request(request: StatusRequest) -> dict[str, Any]:
    return {**hash_data(request.hash_data), "responderURL": request.responder_url}


MESSAGES: Final = MappingProxyType(
    {
        "CertificateSigned": Extension(_certificate_signed, _status_reply),
        "DeleteCertificate": Extension(_delete, _change_reply),
        "GetInstalledCertificateIds": Extension(_installed_ids, _listing_reply),
        "InstallCertificate": Extension(_install, _change_reply),
        "TriggerMessage": Extension(_trigger, _status_reply),
    }
)
"""What the CSMS may send."""
