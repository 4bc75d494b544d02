"""DataTransfer: vendors whom the station does not know, and the extensions that it has."""

import logging
from types import MappingProxyType
from typing import Final

from agent.core.commands import (
    Command,
    CommandOutcome,
    DataTransfer,
    DataTransferStatus,
    Outcome,
    Verdict,
)
from agent.core.events import AuthorizationAsked, DomainEvent
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, IdTokenInfo
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.v16 import cost, plug_and_charge
from agent.ocpp.v16.extensions import Extensions, Unreadable, decoded, encoded, inside

logger = logging.getLogger(__name__)

EXTENSIONS: Final[Extensions] = MappingProxyType(
    {
        cost.VENDOR: cost.MESSAGES,
        plug_and_charge.VENDOR: plug_and_charge.MESSAGES,
    }
)


def data_transfer(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read DataTransfer, or the message that it carries."""
    message = decoded(EXTENSIONS, payload, context)
    if message is not None:
        return message
    return DataTransfer(payload["vendorId"], payload.get("messageId"))


def data_transfer_reply(
    outcome: CommandOutcome, request: Payload, context: CodecContext
) -> Payload:
    """Tell what came of it; a vendor or message that is not known gets no data (S16-DT-01)."""
    answer = encoded(EXTENSIONS, outcome, request, context)
    if answer is not None:
        return answer
    if isinstance(outcome, DataTransferStatus):
        return {"status": outcome.value}
    taken = isinstance(outcome, Outcome) and outcome.verdict is Verdict.ACCEPTED
    status = DataTransferStatus.ACCEPTED if taken else DataTransferStatus.REJECTED
    return {"status": status.value}


def contract_judged(
    event: DomainEvent, reply: Payload, _context: CodecContext
) -> TokenJudged | None:
    """Read the verdict on a contract; who does not know the message has not accepted it."""
    if not isinstance(event, AuthorizationAsked):
        return None
    try:
        if reply["status"] == DataTransferStatus.ACCEPTED.value:
            return plug_and_charge.contract_judged(inside(reply))
        logger.warning("the CSMS answers a contract with %s", reply["status"])
    except Unreadable as error:
        logger.warning("the verdict on a contract cannot be read: %s", error)
    return TokenJudged(IdTokenInfo(AuthorizationStatus.INVALID))
