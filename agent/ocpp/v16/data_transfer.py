"""DataTransfer: vendors whom the station does not know, and the extensions that it has."""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from agent.core.certificate_status import CertificateStatusAsked, CertificateStatusTold
from agent.core.certificates import SigningAnswered, SigningAsked
from agent.core.commands import (
    Command,
    CommandOutcome,
    DataTransfer,
    DataTransferStatus,
    Outcome,
    Verdict,
)
from agent.core.events import AuthorizationAsked, DomainEvent
from agent.core.facts import Fact, TokenJudged
from agent.core.records import dataclass
from agent.core.vehicle_certificates import VehicleCertificateAsked, VehicleCertificateTold
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


@dataclass(frozen=True, slots=True)
class _Question:
    """What the station asks inside: how the answer is read, and what no answer at all means."""

    read: Callable[[Payload], Fact]
    unanswered: Fact


_QUESTIONS: Final[Mapping[type, _Question]] = MappingProxyType(
    {
        AuthorizationAsked: _Question(
            plug_and_charge.contract_judged, TokenJudged(IdTokenInfo(AuthorizationStatus.INVALID))
        ),
        SigningAsked: _Question(plug_and_charge.signing_answered, SigningAnswered(accepted=False)),
        CertificateStatusAsked: _Question(
            plug_and_charge.certificate_status_told, CertificateStatusTold()
        ),
        VehicleCertificateAsked: _Question(
            plug_and_charge.vehicle_certificate_told, VehicleCertificateTold(accepted=False)
        ),
    }
)


def answered(event: DomainEvent, reply: Payload, _context: CodecContext) -> Fact | None:
    """Read what was asked inside; who does not know the message has not accepted it."""
    question = _QUESTIONS.get(type(event))
    if question is None:
        return None
    try:
        if reply["status"] == DataTransferStatus.ACCEPTED.value:
            return question.read(inside(reply))
        logger.warning("the CSMS answers %s with %s", type(event).__name__, reply["status"])
    except Unreadable as error:
        logger.warning("the answer to %s cannot be read: %s", type(event).__name__, error)
    return question.unanswered
