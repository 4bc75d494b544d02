"""Firmware updates of 1.6: the unsigned ones of the core, the signed ones of the whitepaper.

Each kind has its own order and its own news. The older news have fewer words: what they lack is
passed over, or told by the word that comes closest where the CSMS has asked or must not wait on.
"""

from types import MappingProxyType
from typing import Final

from agent.core.commands import Command
from agent.core.firmware_order import FirmwareOrder, UpdateAnswer, UpdateStatus
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.ocpp.codec import Answer, Call, CallRejected, CodecContext, Payload
from agent.ocpp.payloads import instant, integer, present, required_instant
from agent.ocpp.rpc import RpcErrorCode

_ENDS: Final = MappingProxyType(
    {
        FirmwareStatus.INVALID_SIGNATURE: "InstallationFailed",
        FirmwareStatus.INSTALL_VERIFICATION_FAILED: "InstallationFailed",
    }
)
_BETWEEN: Final = MappingProxyType(
    {
        FirmwareStatus.DOWNLOAD_SCHEDULED: "Idle",
        FirmwareStatus.DOWNLOAD_PAUSED: "Downloading",
        FirmwareStatus.SIGNATURE_VERIFIED: "Downloaded",
        FirmwareStatus.INSTALL_SCHEDULED: "Downloaded",
        FirmwareStatus.INSTALL_REBOOTING: "Installing",
    }
)
"""What an unsigned update is doing where its news have no word for it."""


def update_firmware(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read UpdateFirmware, which carries neither request id nor signature (S16-FW-01)."""
    return FirmwareOrder(
        request_id=None,
        location=payload["location"],
        retrieve_at=required_instant(payload, "retrieveDate"),
        retries=integer(payload, "retries"),
        retry_interval_s=integer(payload, "retryInterval"),
    )


def update_firmware_reply(
    answer: UpdateAnswer, _request: Payload, _context: CodecContext
) -> Payload:
    """Answer without a word; the answer has none for a refusal, so that is an error.

    A station that takes signed firmware only does not support this message (L01.FR.20).
    """
    if answer.status in (UpdateStatus.ACCEPTED, UpdateStatus.ACCEPTED_CANCELED):
        return {}
    if not answer.offered:
        raise CallRejected(RpcErrorCode.NOT_SUPPORTED, answer.info)
    if answer.reason_code == "InvalidURL":
        raise CallRejected(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, answer.info)
    raise CallRejected(RpcErrorCode.GENERIC_ERROR, answer.info)


def signed_update_firmware(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read SignedUpdateFirmware."""
    firmware = payload["firmware"]
    return FirmwareOrder(
        request_id=int(payload["requestId"]),
        location=firmware["location"],
        retrieve_at=required_instant(firmware, "retrieveDateTime"),
        install_at=instant(firmware, "installDateTime"),
        signing_certificate=firmware["signingCertificate"],
        signature=firmware["signature"],
        retries=integer(payload, "retries"),
        retry_interval_s=integer(payload, "retryInterval"),
    )


def signed_update_firmware_reply(
    answer: UpdateAnswer, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell what becomes of an order (L01.FR.23 to FR.27)."""
    return {"status": answer.status.value}


def firmware_status_notification(
    event: FirmwareProgress, _context: CodecContext
) -> tuple[Call, ...]:
    """Tell how far an update has come, by the message of its kind (L01.FR.01, L01.FR.21)."""
    if event.signed:
        payload = {"status": event.status.value, "requestId": event.request_id}
        return (Call("SignedFirmwareStatusNotification", present(payload)),)
    between = _BETWEEN.get(event.status)
    if between is not None and not event.asked_for:
        return ()
    word = between or _ENDS.get(event.status, event.status.value)
    return (Call("FirmwareStatusNotification", {"status": word}),)
