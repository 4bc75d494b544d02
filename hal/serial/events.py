"""What a token reader says, whatever its protocol, and what can be wrong with it."""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_SAMPLE = 48
"""Bytes of a message that nobody understands that are kept to show what it was."""


@dataclass(frozen=True, slots=True)
class Junk:
    """Bytes that belong to no frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """The reader has shown that it is there and works; `device` is what it says of itself."""

    device: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One card before the reader; `uid` as it was read, byte 0 first.

    `token_type` is OCPP's word for the kind of card, None if the protocol does not know kinds.
    `text` is the token where the reader tells no UID but words of its own.
    """

    uid: bytes
    token_type: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class NoCard:
    """The reader looked and found nothing."""


@dataclass(frozen=True, slots=True)
class Collision:
    """Several cards are before the reader: which one is meant cannot be told."""


class Trouble(StrEnum):
    """Why a port or the device on it cannot be used."""

    MISSING = "missing"
    DENIED = "denied"
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    NO_SERIAL_PORT = "no serial port"
    UNPLUGGED = "unplugged"
    SILENT = "silent"
    GARBAGE = "garbage"
    WRONG_DEVICE = "wrong device"
    ECHO = "echo"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Failure:
    """The conversation came to nothing; `said` is what the device said instead."""

    trouble: Trouble
    said: bytes = b""


Event = Ready | Sighting | NoCard | Collision | Failure
