"""Whether an order to update the firmware is taken over at all (L01.FR.02, FR.21, FR.22)."""

from agent.core.certificates import CertificateProblem
from agent.core.firmware_order import FirmwareOrder, UpdateAnswer, UpdateStatus
from agent.core.security_events import SecurityEventKind
from agent.services.firmware_ports import FirmwarePorts, FirmwareSettings

REVOKED = "RevokedCertificate"


async def judgement(
    order: FirmwareOrder, ports: FirmwarePorts, settings: FirmwareSettings
) -> UpdateAnswer | None:
    """Return why an order is refused, None if it is to be carried out.

    Nothing that runs is touched for an order that would be refused.
    """
    if order.is_half_signed:
        return await _half_signed(order, ports)
    if not order.is_signed and not settings.allow_unsigned:
        info = "this station takes signed firmware only"
        return UpdateAnswer(UpdateStatus.REJECTED, "MissingParam", info, offered=False)
    if objection := ports.download.objection(order.location):
        return UpdateAnswer(UpdateStatus.REJECTED, "InvalidURL", objection)
    if order.signing_certificate is not None:
        return await _signer_refused(order.signing_certificate, ports)
    return None


async def _half_signed(order: FirmwareOrder, ports: FirmwarePorts) -> UpdateAnswer:
    if order.signing_certificate is None:
        return _invalid_certificate(
            ports, CertificateProblem("MissingParam", "there is a signature but no certificate")
        )
    refusal = await _signer_refused(order.signing_certificate, ports)
    info = "there is a signing certificate but no signature"
    return refusal or UpdateAnswer(UpdateStatus.REJECTED, "MissingParam", info)


async def _signer_refused(certificate: str, ports: FirmwarePorts) -> UpdateAnswer | None:
    try:
        await ports.trust.check_signer(certificate, ports.clock.now())
    except CertificateProblem as problem:
        return _invalid_certificate(ports, problem)
    return None


def _invalid_certificate(ports: FirmwarePorts, problem: CertificateProblem) -> UpdateAnswer:
    """Refuse a signer, which is a security event as well (L01.FR.02)."""
    ports.tell(SecurityEventKind.INVALID_FIRMWARE_SIGNING_CERTIFICATE, problem.info)
    if problem.reason_code == REVOKED:
        # The standard has no reason code of that name; its status says it.
        return UpdateAnswer(UpdateStatus.REVOKED_CERTIFICATE, "InvalidCertificate", problem.info)
    return UpdateAnswer(UpdateStatus.INVALID_CERTIFICATE, problem.reason_code, problem.info)
