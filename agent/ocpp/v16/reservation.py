"""ReserveNow and CancelReservation; connector 0 stands for any connector (S16-RSV-04)."""

from agent.core.commands import Command
from agent.core.reservation import CancelReservation, Reservation, ReserveNow, ReserveOutcome
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.payloads import required_instant
from agent.ocpp.v16.authorization import id_token
from agent.ocpp.v16.connectors import UnknownConnector, place
from agent.ocpp.v16.verdicts import REJECTED


def reserve_now(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read ReserveNow; the parent is the group of the core (S16-RSV-03)."""
    parent = payload.get("parentIdTag")
    try:
        evse, _connector = place(payload, context) or (0, 0)
    except UnknownConnector:
        return REJECTED
    return ReserveNow(
        Reservation(
            id=int(payload["reservationId"]),
            expires_at=required_instant(payload, "expiryDate"),
            token=id_token(payload["idTag"], context.tag_kind),
            group=None if parent is None else id_token(parent),
            evse=evse or None,
        )
    )


def reserve_now_reply(
    outcome: ReserveOutcome, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell whether a connector is kept (S16-RSV-02)."""
    return {"status": outcome.status.value}


def cancel_reservation(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read CancelReservation (S16-RSV-06)."""
    return CancelReservation(int(payload["reservationId"]))
