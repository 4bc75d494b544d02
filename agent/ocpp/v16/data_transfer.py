"""DataTransfer of the CSMS."""

from agent.core.commands import Command, DataTransfer, DataTransferStatus
from agent.ocpp.codec import Answer, CodecContext, Payload


def data_transfer(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read DataTransfer."""
    return DataTransfer(payload["vendorId"], payload.get("messageId"))


def data_transfer_reply(
    outcome: DataTransferStatus, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell whether the vendor and the message are known, without data (S16-DT-01)."""
    return {"status": outcome.value}
