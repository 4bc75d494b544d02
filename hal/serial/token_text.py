"""The token that a card's UID becomes, and which UIDs are no good.

OCPP recommends the hex digits of the UID, byte 0 first, most significant nibble first (1.6 ed. 2
section 3.9; 2.x part 2 C); upper case, because readers and back ends differ and 1.6 ignores case.
"""

from enum import StrEnum

from hal.serial.events import Sighting

ISO14443, ISO15693 = "ISO14443", "ISO15693"
_LENGTHS = {ISO14443: (4, 7, 10), ISO15693: (8,)}
_LEAST_BYTES = 3
_MOST_BYTES = 18
"""OCPP 2.x's longest idToken has 36 characters."""
_RANDOM = 0x08


class ByteOrder(StrEnum):
    """Whether byte 0 of the UID comes first in the token or last."""

    AS_READ = "as_read"
    REVERSED = "reversed"


def fault_of(sighting: Sighting, strip_bytes: int = 0) -> str | None:
    """Return why a sighting is no token, None if it is one."""
    if sighting.text is not None:
        return None
    uid = sighting.uid
    allowed = _LENGTHS.get(sighting.token_type or "")
    if allowed is not None and len(uid) not in allowed:
        return f"{sighting.token_type} has no UID of {len(uid)} bytes"
    rest = uid[strip_bytes:]
    if not _LEAST_BYTES <= len(rest) <= _MOST_BYTES:
        stripped = f" after strip_bytes = {strip_bytes}" if strip_bytes else ""
        return f"a token of {len(rest)} bytes{stripped} is none"
    return None if any(rest) else "a UID of nothing but zeros is none"


def token_text(sighting: Sighting, order: ByteOrder, strip_bytes: int = 0) -> str:
    """Return the token of a sighting without fault; bytes are stripped from the front, as read."""
    if sighting.text is not None:
        return sighting.text
    uid = sighting.uid[strip_bytes:]
    return (uid if order is ByteOrder.AS_READ else uid[::-1]).hex().upper()


def is_random(sighting: Sighting) -> bool:
    """Tell whether a card makes its UID up anew each time, as telephones do (ISO 14443-3)."""
    uid = sighting.uid
    return sighting.token_type == ISO14443 and len(uid) == 4 and uid[0] == _RANDOM
