"""Block M: contract certificates for vehicles, and the status of those that vehicles see."""

from agent.core.certificate_status import CertificateStatusAsked, CertificateStatusTold
from agent.core.events import DomainEvent
from agent.core.vehicle_certificates import VehicleCertificateAsked, VehicleCertificateTold
from agent.ocpp.certificate_hash_data import hash_data
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present
from agent.ocpp.v201.limits import LIMITS, Limits


def get_15118_ev_certificate(
    event: VehicleCertificateAsked,
    _context: CodecContext,
    *,
    limits: Limits = LIMITS,
    counts_chains: bool = False,
) -> tuple[Call, ...]:
    """Pass a vehicle's request on (M01.FR.01, M02.FR.01); one that is too long is none.

    `counts_chains`: the version has maximumContractCertificateChains (M01.FR.03).
    """
    if len(event.exi) > limits.exi_request_length:
        return ()
    payload = {
        "iso15118SchemaVersion": event.schema,
        "action": event.action.value,
        "exiRequest": event.exi,
        "maximumContractCertificateChains": event.max_chains if counts_chains else None,
    }
    return (Call("Get15118EVCertificate", present(payload)),)


def vehicle_certificate_told(
    _event: DomainEvent, reply: Payload, _context: CodecContext
) -> VehicleCertificateTold:
    """Take the answer to Get15118EVCertificate; a version without a number has one chain."""
    remaining = integer(reply, "remainingContracts") or 0
    return VehicleCertificateTold(reply["status"] == "Accepted", reply["exiResponse"], remaining)


def get_certificate_status(
    event: CertificateStatusAsked, _context: CodecContext, *, limits: Limits = LIMITS
) -> tuple[Call, ...]:
    """Ask for the status of one of the station's certificates (M06.FR.06)."""
    request = event.request
    if len(request.responder_url) > limits.responder_url_length:
        return ()
    data = {**hash_data(request.hash_data), "responderURL": request.responder_url}
    return (Call("GetCertificateStatus", {"ocspRequestData": data}),)


def certificate_status_told(
    _event: DomainEvent, reply: Payload, _context: CodecContext
) -> CertificateStatusTold:
    """Take the answer to GetCertificateStatus."""
    accepted = reply["status"] == "Accepted"
    return CertificateStatusTold(reply.get("ocspResult") if accepted else None)
