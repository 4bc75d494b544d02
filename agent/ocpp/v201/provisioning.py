"""Block B, registration and reset: BootNotification and Reset."""

from agent.core.commands import Command, Reset
from agent.core.events import Boot
from agent.core.vocabulary import ResetKind
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present, shorten

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


def reset(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read Reset of the station or of one EVSE (B11, B12)."""
    return Reset(ResetKind(payload["type"]), integer(payload, "evseId"))
