"""BootNotification and Reset."""

import logging
from typing import Final

from agent.core.commands import Command, Reset
from agent.core.events import Boot
from agent.core.vocabulary import ResetKind
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import present, shorten

logger = logging.getLogger(__name__)

_VENDOR_LENGTH: Final = 20
_MODEL_LENGTH: Final = 20
_FIRMWARE_VERSION_LENGTH: Final = 50
_METER_TYPE_LENGTH: Final = 25
_SERIAL_NUMBER_LENGTH: Final = 25
_RESETS: Final = {"Hard": ResetKind.IMMEDIATE, "Soft": ResetKind.GRACEFUL}


def boot_notification(event: Boot, _context: CodecContext) -> tuple[Call, ...]:
    """Tell who the station is; 1.6 has no word for why it started (S16-BOOT-01)."""
    identity = event.identity
    payload = {
        "chargePointVendor": shorten(identity.vendor, _VENDOR_LENGTH),
        "chargePointModel": shorten(identity.model, _MODEL_LENGTH),
        "chargePointSerialNumber": _serial_number(identity.serial_number, "serial_number"),
        "firmwareVersion": shorten(identity.firmware_version, _FIRMWARE_VERSION_LENGTH) or None,
        "meterType": shorten(identity.meter_type or "", _METER_TYPE_LENGTH) or None,
        "meterSerialNumber": _serial_number(identity.meter_serial_number, "meter_serial_number"),
    }
    return (Call("BootNotification", present(payload)),)


def reset(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read Reset (S16-RESET-01, S16-RESET-02)."""
    return Reset(_RESETS[payload["type"]])


def _serial_number(serial_number: str | None, name: str) -> str | None:
    """Return an optional serial number; a part of one would be another device's."""
    if serial_number and len(serial_number) > _SERIAL_NUMBER_LENGTH:
        logger.warning(
            "the %s of %d characters is not told: 1.6 allows %d",
            name,
            len(serial_number),
            _SERIAL_NUMBER_LENGTH,
        )
        return None
    return serial_number or None
