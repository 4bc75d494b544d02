"""ChangeAvailability."""

from agent.core.commands import ChangeAvailability, Command, Verdict
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.v16.connectors import UnknownConnector, place
from agent.ocpp.v16.verdicts import REJECTED, status_reply

change_availability_reply = status_reply(
    Verdict.ACCEPTED, Verdict.SCHEDULED, otherwise=Verdict.REJECTED
)


def change_availability(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read ChangeAvailability; connector 0 is the station with all its connectors."""
    operative = payload["type"] == "Operative"
    try:
        evse, connector = place(payload, context) or (0, 0)
    except UnknownConnector:
        return REJECTED
    return ChangeAvailability(operative, evse or None, connector or None)
