"""Block G: connector states and availability."""

from agent.core.commands import ChangeAvailability, Command
from agent.core.events import EvseChanged
from agent.core.snapshot import connector_status
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import integer
from agent.ocpp.timestamps import format_datetime


def status_notification(event: EvseChanged, _context: CodecContext) -> tuple[Call, ...]:
    """Tell a connector's new state (G01); a change that 2.x has no other word for is no news."""
    status = connector_status(event.after)
    if event.before is not None and status is connector_status(event.before):
        return ()
    payload = {
        "timestamp": format_datetime(event.at),
        "connectorStatus": status.value,
        "evseId": event.evse,
        "connectorId": event.connector,
    }
    return (Call("StatusNotification", payload),)


def change_availability(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read ChangeAvailability; without EVSE it means the whole station (G04.FR.01)."""
    evse = payload.get("evse", {})
    return ChangeAvailability(
        operative=payload["operationalStatus"] == "Operative",
        evse=integer(evse, "id"),
        connector=integer(evse, "connectorId"),
    )
