"""What the procedures of signing meters have in common."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from hal.api import HardwareError, SignedRecord

OCMF = "OCMF"
SIGNATURE_S = 15.0
"""How long a meter may take to sign (Bauer's and Iskra's manuals)."""
POLL_S = 0.1

_RECORD = re.compile(rb"OCMF\|\{[^|]*\}\|\{[^|]*\}")
_FORBIDDEN = frozenset('"\\|')
"""What a meter would put into the JSON of its record as it is, and thereby break it."""
_WH_PER_UNIT = {"kWh": Decimal(1000), "Wh": Decimal(1)}


class SigningProcedure(Protocol):
    """How one kind of meter is led through a measurement; see `hal.api.SigningMeter`."""

    async def set_time(self, now: datetime) -> None: ...

    async def leftover(self) -> SignedRecord | None: ...

    async def begin(self, identification: str) -> SignedRecord | None: ...

    async def end(self, identification: str) -> SignedRecord: ...


async def until(
    ask: Callable[[], Awaitable[int]], done: Callable[[int], bool], within_s: float, what: str
) -> int:
    """Ask a register until it says that something is done.

    Raises `HardwareError` naming what did not happen in time.
    """
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + within_s
    while not done(state := await ask()):
        if loop.time() >= give_up_s:
            raise HardwareError(
                f"{what} did not happen within {within_s:.0f} s, the meter stays in state {state}; "
                "see whether its display shows an error"
            )
        await asyncio.sleep(POLL_S)
    return state


def is_ocmf(record: bytes) -> bool:
    """Tell whether some bytes are a complete OCMF record."""
    return _RECORD.fullmatch(record) is not None


def last_register_wh(record: bytes) -> Decimal | None:
    """Return the energy of the last reading in an OCMF record, None if it has none to be read."""
    try:
        readings = json.loads(record.split(b"|")[1], parse_float=Decimal)["RD"]
        last = {key: value for reading in readings for key, value in reading.items()}
        register_wh = Decimal(last["RV"]) * _WH_PER_UNIT[last["RU"]]
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return register_wh if register_wh.is_finite() else None


def printable(identification: str, most_bytes: int) -> str:
    """Return an identification that the meter can put into its record as it is.

    Raises `HardwareError` for one that would break the record or does not fit.
    """
    if not identification.isascii() or not identification.isprintable():
        raise HardwareError(
            "the meter cannot sign for this identification: it has characters beyond ASCII"
        )
    if _FORBIDDEN & set(identification):
        raise HardwareError(
            "the meter cannot sign for this identification: it has one of the characters "
            f"{' '.join(sorted(_FORBIDDEN))}, which would break the record"
        )
    if len(identification) > most_bytes:
        raise HardwareError(
            "the meter cannot sign for this identification: it is longer than "
            f"{most_bytes} characters"
        )
    return identification
