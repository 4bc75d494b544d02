"""Block A: SecurityEventNotification."""

from typing import Final

from agent.core.events import SecurityEvent
from agent.ocpp.codec import Call, CodecContext
from agent.ocpp.payloads import present, shorten
from agent.ocpp.timestamps import format_datetime

_TYPE_LENGTH: Final = 50
_TECH_INFO_LENGTH: Final = 255


def security_event_notification(event: SecurityEvent, _context: CodecContext) -> tuple[Call, ...]:
    """Tell a critical security event (A04.FR.01); the others stay in the log (A04.FR.04)."""
    if not event.critical:
        return ()
    payload = {
        "type": shorten(event.kind, _TYPE_LENGTH),
        "timestamp": format_datetime(event.at),
        "techInfo": shorten(event.technical_info or "", _TECH_INFO_LENGTH) or None,
    }
    return (Call("SecurityEventNotification", present(payload)),)
