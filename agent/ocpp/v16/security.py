"""SecurityEventNotification of the security extension (whitepaper, edition 4)."""

from types import MappingProxyType
from typing import Final

from agent.core.events import SecurityEvent
from agent.ocpp.codec import Call, CodecContext
from agent.ocpp.payloads import present, shorten
from agent.ocpp.timestamps import format_datetime

_TYPE_LENGTH: Final = 50
_TECH_INFO_LENGTH: Final = 255
_NAMES: Final = MappingProxyType(
    {
        "FailedToAuthenticateAtCsms": "FailedToAuthenticateAtCentralSystem",
        "CsmsFailedToAuthenticate": "CentralSystemFailedToAuthenticate",
        "InvalidCsmsCertificate": "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate": "InvalidChargePointCertificate",
    }
)
"""1.6's names of the events that 2.x calls otherwise."""


def security_event_notification(event: SecurityEvent, _context: CodecContext) -> tuple[Call, ...]:
    """Tell a critical security event (A04.FR.01); the others stay in the log (A04.FR.04)."""
    if not event.critical:
        return ()
    payload = {
        "type": shorten(_NAMES.get(event.kind, event.kind), _TYPE_LENGTH),
        "timestamp": format_datetime(event.at),
        "techInfo": shorten(event.technical_info or "", _TECH_INFO_LENGTH) or None,
    }
    return (Call("SecurityEventNotification", present(payload)),)
