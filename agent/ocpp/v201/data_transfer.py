"""Block P: DataTransfer."""

from agent.core.commands import Command, DataTransfer, DataTransferStatus
from agent.ocpp.codec import Answer, CodecContext, Payload


def data_transfer(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read DataTransfer (P01)."""
    return DataTransfer(payload["vendorId"], payload.get("messageId"))


def data_transfer_reply(
    outcome: DataTransferStatus, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell whether the vendor and the message are known (P01.FR.05, P01.FR.06)."""
    return {"status": outcome.value}
