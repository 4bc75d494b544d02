"""Replies that consist of a status and, where refused, the reason for it."""

from typing import Any

from agent.core.commands import Outcome, Refusal, Verdict
from agent.ocpp.codec import CodecContext, OutcomeEncoder, Payload
from agent.ocpp.payloads import present, shorten
from agent.ocpp.v201.limits import ADDITIONAL_INFO_LENGTH, REASON_CODE_LENGTH


def status_info(refusal: Refusal | None) -> dict[str, Any] | None:
    """Return StatusInfoType, None without a refusal."""
    if refusal is None:
        return None
    info = shorten(refusal.info, ADDITIONAL_INFO_LENGTH) or None
    return present(
        {"reasonCode": shorten(refusal.reason_code, REASON_CODE_LENGTH), "additionalInfo": info}
    )


def refused(status: str, refusal: Refusal) -> Payload:
    """Return a reply that refuses with a reason."""
    return {"status": status, "statusInfo": status_info(refusal)}


def status_reply(*verdicts: Verdict, otherwise: Verdict) -> OutcomeEncoder[Outcome]:
    """Return the reply encoder of an action that knows `verdicts`; others become `otherwise`."""

    def encode(outcome: Outcome, _request: Payload, _context: CodecContext) -> Payload:
        verdict = outcome.verdict if outcome.verdict in verdicts else otherwise
        return present({"status": verdict.value, "statusInfo": status_info(outcome.refusal)})

    return encode


accepted_or_rejected = status_reply(Verdict.ACCEPTED, otherwise=Verdict.REJECTED)
accepted_scheduled_or_rejected = status_reply(
    Verdict.ACCEPTED, Verdict.SCHEDULED, otherwise=Verdict.REJECTED
)
