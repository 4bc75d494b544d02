"""Replies that consist of a status alone: 1.6 has no place for the reason."""

from agent.core.commands import Outcome, Verdict
from agent.ocpp.codec import Answer, CodecContext, OutcomeEncoder, Payload

REJECTED = Answer({"status": "Rejected"})
NOT_SUPPORTED = Answer({"status": "NotSupported"})


def status_reply(*verdicts: Verdict, otherwise: Verdict) -> OutcomeEncoder[Outcome]:
    """Return the reply encoder of an action that knows `verdicts`; others become `otherwise`."""

    def encode(outcome: Outcome, _request: Payload, _context: CodecContext) -> Payload:
        verdict = outcome.verdict if outcome.verdict in verdicts else otherwise
        return {"status": verdict.value}

    return encode


accepted_or_rejected = status_reply(Verdict.ACCEPTED, otherwise=Verdict.REJECTED)
