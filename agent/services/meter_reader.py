"""Readings of one EVSE's meter in the core's words, with the last one kept for a lost meter."""

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal

from agent.core.metering import Reading
from hal.api import EnergyMeter, HardwareError, MeterReading

READ_TIMEOUT_S = 1.0

log = logging.getLogger(__name__)


class MeterReader:
    """Reads a meter when asked; `lost` tells that the last attempt failed."""

    def __init__(self, evse: int, meter: EnergyMeter, last: Reading | None) -> None:
        self._evse = evse
        self._meter = meter
        self._last = last if last is not None else Reading(Decimal(0))
        self.lost = False

    @property
    def last(self) -> Reading:
        """The latest reading that could be used."""
        return self._last

    async def read(self) -> Reading:
        """Return the reading of now, or the last one marked as not fresh (J02.FR.16)."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                measured = await self._meter.read()
        except (HardwareError, TimeoutError) as error:
            self._note(lost=True, why=str(error) or "no answer in time")
            return replace(self._last, fresh=False)
        return self._accept(_in_core_words(measured))

    def _accept(self, reading: Reading) -> Reading:
        if reading.register_wh < self._last.register_wh:
            why = f"register fell from {self._last.register_wh} to {reading.register_wh} Wh"
            self._note(lost=True, why=why)
            return replace(self._last, fresh=False)
        self._note(lost=False, why="")
        self._last = reading
        return reading

    def _note(self, *, lost: bool, why: str) -> None:
        if lost and not self.lost:
            log.warning("the meter of EVSE %d cannot be used: %s", self._evse, why)
        if self.lost and not lost:
            log.info("the meter of EVSE %d is back", self._evse)
        self.lost = lost


def _in_core_words(measured: MeterReading) -> Reading:
    return Reading(
        register_wh=measured.energy_import_wh,
        power_w=_decimal(measured.power_w, 1),
        voltage_v=tuple(_decimal(v, 1) for v in measured.voltage_v),
        current_a=tuple(_decimal(a, 2) for a in measured.current_a),
        frequency_hz=None if measured.frequency_hz is None else _decimal(measured.frequency_hz, 2),
    )


def _decimal(value: float, places: int) -> Decimal:
    return Decimal(f"{value:.{places}f}")
