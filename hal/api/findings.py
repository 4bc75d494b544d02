"""What a look at the hardware found: a line for each device, in words for whoever mends it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One device of one EVSE (None: of the station), whether it is well, and what was seen.

    `message` says of a device that is not well what is wrong and how to mend it.
    """

    evse: int | None
    device: str
    ok: bool
    message: str
