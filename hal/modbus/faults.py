"""What goes wrong between station and meter: each fault is one sentence with its remedy."""

from enum import StrEnum

from hal.api import HardwareError, HardwareLost


class FaultKind(StrEnum):
    """Why a meter cannot be read now."""

    PORT_MISSING = "port_missing"
    PERMISSION_DENIED = "permission_denied"
    PORT_BUSY = "port_busy"
    PORT_UNUSABLE = "port_unusable"
    UNPLUGGED = "unplugged"
    NO_ANSWER = "no_answer"
    LATE = "late"
    GARBAGE = "garbage"
    NOISE = "noise"
    MISMATCH = "mismatch"
    EXCEPTION = "exception"
    EXCHANGED = "exchanged"
    CONTRADICTION = "contradiction"


class MeterFault(HardwareLost):
    """A meter cannot be read; asking again later may work. `kind` is for whoever decides."""

    def __init__(self, kind: FaultKind, sentence: str) -> None:
        """Take the kind and the sentence for the user."""
        super().__init__(sentence)
        self.kind = kind


class WrongMeter(HardwareError):
    """Another device than configured answers; asking again does not help."""


PORT_FAULTS = frozenset(
    {
        FaultKind.PORT_MISSING,
        FaultKind.PERMISSION_DENIED,
        FaultKind.PORT_BUSY,
        FaultKind.PORT_UNUSABLE,
        FaultKind.UNPLUGGED,
    }
)
"""Faults of the port, which all devices on the bus share."""

EXCEPTION_CODES = {
    1: "it does not know the function; check that the profile is that of this meter",
    2: "it has no such register; check that the profile is that of this meter",
    3: "it refuses the number of registers; make max_registers in the profile smaller",
    4: "it reports a failure of its own; see what its display shows",
    5: "it needs more time; raise timeout_ms in the profile",
    6: "it is busy; it will be asked again",
    8: "its memory is damaged; replace the meter",
    10: "a gateway has no path to it; check the gateway's settings",
    11: "a gateway gets no answer from it; check its wiring and address",
}


def exception_words(code: int) -> str:
    """Return what an exception code of Modbus means and what to do."""
    return EXCEPTION_CODES.get(code, "the code is none of Modbus; see the meter's manual")
