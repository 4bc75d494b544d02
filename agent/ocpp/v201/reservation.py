"""Block H: reservations."""

from agent.core.commands import Command, Refusal
from agent.core.reservation import (
    CancelReservation,
    Reservation,
    ReservationEnd,
    ReservationEnded,
    ReserveNow,
    ReserveOutcome,
)
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present, required_instant
from agent.ocpp.v201.authorization import id_token
from agent.ocpp.v201.status_info import status_info

ENDS = frozenset({ReservationEnd.EXPIRED, ReservationEnd.REMOVED})
"""The ends that 2.0.1 has a word for."""


def reserve_now(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read ReserveNow; the id decides whether it replaces a reservation (H01.FR.02)."""
    group = payload.get("groupIdToken")
    return ReserveNow(
        Reservation(
            id=int(payload["id"]),
            expires_at=required_instant(payload, "expiryDateTime"),
            token=id_token(payload["idToken"]),
            group=None if group is None else id_token(group),
            evse=integer(payload, "evseId"),
            connector_type=payload.get("connectorType"),
        )
    )


def reserve_now_reply(
    outcome: ReserveOutcome, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell whether a place is kept, and why not."""
    code = outcome.reason_code
    refusal = None if code is None else Refusal(code, outcome.info)
    return present({"status": outcome.status.value, "statusInfo": status_info(refusal)})


def cancel_reservation(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read CancelReservation (H02)."""
    return CancelReservation(int(payload["reservationId"]))


def reservation_status_update(
    event: ReservationEnded,
    _context: CodecContext,
    ends: frozenset[ReservationEnd] = ENDS,
) -> tuple[Call, ...]:
    """Tell that a reservation ended by itself, if the version has a word for how."""
    if event.end not in ends:
        return ()
    payload = {
        "reservationId": event.reservation_id,
        "reservationUpdateStatus": event.end.value,
    }
    return (Call("ReservationStatusUpdate", payload),)
