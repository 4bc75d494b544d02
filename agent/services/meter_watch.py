"""Looks at the meter of an EVSE all the time, for what is wrong with it and for what it betrays."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from agent.core.metering import Reading
from agent.core.open_contactor import CLOSED, watched
from agent.ports import Clock
from agent.services.meter_reader import MeterReader
from hal.api import Fault, GuardStatus

METER_POLL_S = 1.0

log = logging.getLogger(__name__)


class TellFault(Protocol):
    """Takes note that a fault is there or gone."""

    def __call__(self, fault: Fault, *, on: bool) -> None: ...


async def watch_meter(
    meter: MeterReader,
    clock: Clock,
    rated_power_w: int,
    status: Callable[[], GuardStatus | None],
    tell: TellFault,
) -> None:
    """Tell for ever whether the meter is lost, and whether energy flows behind an open contactor.

    A contactor that reads as open while the meter counts is welded.
    """
    contactor = CLOSED
    while True:
        reading, now = await _reading(meter), status()
        tell(Fault.METER_LOST, on=reading is None or meter.lost)
        if now is None or now.contactor_closed or now.contactor_commanded:
            contactor = CLOSED
        elif reading is not None and reading.fresh:
            now_s = clock.monotonic_s()
            contactor = watched(contactor, reading.register_wh, now_s, rated_power_w)
        tell(Fault.CONTACTOR_WELDED, on=contactor.leaks)
        await asyncio.sleep(METER_POLL_S)


async def _reading(meter: MeterReader) -> Reading | None:
    try:
        return await meter.read()
    except Exception:
        log.exception("a meter cannot be read")
        return None
