"""Block L: orders of firmware updates, and how far they have come."""

from agent.core.commands import Command, Refusal
from agent.core.firmware_order import FirmwareOrder, UpdateAnswer
from agent.core.progress import FirmwareProgress
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import instant, integer, present, required_instant
from agent.ocpp.v201.status_info import status_info


def update_firmware(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read UpdateFirmware; without certificate and signature it is one of L02."""
    firmware = payload["firmware"]
    return FirmwareOrder(
        request_id=int(payload["requestId"]),
        location=firmware["location"],
        retrieve_at=required_instant(firmware, "retrieveDateTime"),
        install_at=instant(firmware, "installDateTime"),
        signing_certificate=firmware.get("signingCertificate"),
        signature=firmware.get("signature"),
        retries=integer(payload, "retries"),
        retry_interval_s=integer(payload, "retryInterval"),
    )


def update_firmware_reply(
    answer: UpdateAnswer, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell what becomes of an order (L01.FR.22, FR.24, FR.27)."""
    refusal = Refusal(answer.reason_code, answer.info) if answer.reason_code else None
    return present({"status": answer.status.value, "statusInfo": status_info(refusal)})


def firmware_status_notification(
    event: FirmwareProgress, _context: CodecContext
) -> tuple[Call, ...]:
    """Tell how far an update has come; without one there is no request id (L01.FR.20)."""
    payload = {"status": event.status.value, "requestId": event.request_id}
    return (Call("FirmwareStatusNotification", present(payload)),)
