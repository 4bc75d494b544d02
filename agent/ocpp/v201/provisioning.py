"""Block B, registration and reset: BootNotification, Heartbeat, Reset."""

from agent.core.commands import Command, Reset
from agent.core.events import Boot, DomainEvent, HeartbeatDue
from agent.core.facts import ClockTold, Registered
from agent.core.vocabulary import RegistrationStatus, ResetKind
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present, shorten, told_instant

_MODEL_LENGTH = 20
_SERIAL_NUMBER_LENGTH = 25
_VENDOR_LENGTH = 50
_FIRMWARE_VERSION_LENGTH = 50


def boot_notification(event: Boot, _context: CodecContext) -> tuple[Call, ...]:
    """Tell who the station is and why it started (B01.FR.01, B01.FR.09)."""
    identity = event.identity
    station = {
        "model": shorten(identity.model, _MODEL_LENGTH),
        "vendorName": shorten(identity.vendor, _VENDOR_LENGTH),
        "serialNumber": shorten(identity.serial_number, _SERIAL_NUMBER_LENGTH) or None,
        "firmwareVersion": shorten(identity.firmware_version, _FIRMWARE_VERSION_LENGTH) or None,
    }
    payload = {"reason": event.reason.value, "chargingStation": present(station)}
    return (Call("BootNotification", payload),)


def registered(_event: DomainEvent, reply: Payload, _context: CodecContext) -> Registered:
    """Read the answer to BootNotification."""
    return Registered(
        status=RegistrationStatus(reply["status"]),
        current_time=told_instant(reply, "currentTime"),
        interval_s=int(reply["interval"]),
    )


def heartbeat(_event: HeartbeatDue, _context: CodecContext) -> tuple[Call, ...]:
    """Show that the station is alive and ask for the time (G02)."""
    return (Call("Heartbeat", {}),)


def clock_told(_event: DomainEvent, reply: Payload, _context: CodecContext) -> ClockTold | None:
    """Read the answer to Heartbeat."""
    current_time = told_instant(reply, "currentTime")
    return None if current_time is None else ClockTold(current_time)


def reset(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read Reset of the station or of one EVSE (B11, B12)."""
    return Reset(ResetKind(payload["type"]), integer(payload, "evseId"))
