"""Readings of one EVSE's meter in the core's words, with the last one kept for a lost meter."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from decimal import Decimal

from agent.core import meter_plausibility as mp
from agent.core.metering import Reading
from hal.api import EnergyMeter, HardwareError, MeterReading

READ_TIMEOUT_S = 2.0
"""A meter on a slow bus needs up to half of this, and the other half for a second try."""
CONFIRMATION_S = 0.5
"""For how long at least a register must stay where it jumped to before it is a new base."""

log = logging.getLogger(__name__)


class MeterReader:
    """Reads a meter when asked; `lost` tells that the last attempt failed.

    `billing` tells whether energy is being billed: meanwhile a register that cannot be true, or
    that of another meter, is refused; otherwise it becomes the new base once it has stayed
    (J02.FR.16).
    """

    def __init__(
        self, evse: int, meter: EnergyMeter, last: Reading | None, rated_power_w: int = 22_080
    ) -> None:
        self._evse = evse
        self._meter = meter
        self._rated_power_w = rated_power_w
        self._last = last
        self._last_at_s: float | None = None
        self._jumped: tuple[Decimal, float] | None = None
        self._serial_number: str | None = None
        self._one_at_a_time = asyncio.Lock()
        self.billing: Callable[[], bool] = lambda: False
        self.lost = False
        self._identified = False

    @property
    def last(self) -> Reading:
        """The latest reading that could be used."""
        return Reading(Decimal(0)) if self._last is None else self._last

    async def read(self) -> Reading:
        """Return the reading of now, or the last register marked as not fresh (J02.FR.16)."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    other_meter = await self._is_another_meter()
                    measured = _in_core_words(await self._meter.read())
            except (HardwareError, TimeoutError) as error:
                self._identified = False
                return self._refused(str(error) or "no answer in time")
            if other_meter and self.billing():
                self._identified = False
                return self._refused("it is another meter than the one that this session began at")
            return self._judged(measured, other_meter=other_meter)

    async def _is_another_meter(self) -> bool:
        """Tell whether the meter was exchanged since it was last heard; that is asked only then."""
        if self._identified:
            return False
        serial_number = (await self._meter.identity()).serial_number
        known, self._identified = self._serial_number, True
        if known is None or not self.billing():
            self._serial_number = serial_number
        return known not in (None, serial_number)

    def _judged(self, reading: Reading, *, other_meter: bool) -> Reading:
        now_s = asyncio.get_running_loop().time()
        fault = mp.register_fault(reading.register_wh)
        if fault is not None:
            return self._refused(fault)
        fault, doubt = self._step(reading.register_wh, now_s)
        if doubt is not None and fault is None:
            log.warning("the meter of EVSE %d is believed, but %s", self._evse, doubt)
        if fault is None:
            return self._taken(reading, now_s)
        if other_meter or (not self.billing() and self._stayed(reading.register_wh, now_s)):
            log.warning("the meter of EVSE %d was exchanged or reset: %s", self._evse, fault)
            return self._taken(reading, now_s)
        if self.billing():
            self._jumped = None
            return self._refused(fault)
        return self._stand_in()

    def _step(self, register_wh: Decimal, now_s: float) -> tuple[str | None, str | None]:
        """Return what speaks against a register, and what is merely odd about it."""
        if self._last is None:
            return None, None
        elapsed_s = None if self._last_at_s is None else now_s - self._last_at_s
        step = self._last.register_wh, register_wh, elapsed_s, self._rated_power_w
        return mp.step_fault(*step), mp.step_doubt(*step)

    def _stayed(self, register_wh: Decimal, now_s: float) -> bool:
        """Tell whether the register stays where it jumped to, one wrong value being no proof."""
        jumped = self._jumped
        if jumped is not None:
            before_wh, since_s = jumped
            if mp.step_fault(before_wh, register_wh, now_s - since_s, self._rated_power_w) is None:
                return now_s - since_s >= CONFIRMATION_S
        self._jumped = register_wh, now_s
        return False

    def _taken(self, reading: Reading, now_s: float) -> Reading:
        self._note(lost=False, why="")
        self._last, self._last_at_s, self._jumped = reading, now_s, None
        return reading

    def _refused(self, why: str) -> Reading:
        self._note(lost=True, why=why)
        return self._stand_in()

    def _stand_in(self) -> Reading:
        """Return the last register; what else was measured then is not true any more."""
        return Reading(self.last.register_wh, power_w=None, fresh=False)

    def _note(self, *, lost: bool, why: str) -> None:
        if lost and not self.lost:
            log.warning("the meter of EVSE %d cannot be used: %s", self._evse, why)
        if self.lost and not lost:
            log.info("the meter of EVSE %d is back", self._evse)
        self.lost = lost


def _in_core_words(measured: MeterReading) -> Reading:
    """Return the reading without those quantities that cannot be true; import is never negative."""
    power_w = _numbers([measured.power_w], 1, mp.MOST_POWER_W, least=0.0)
    frequency_hz = [] if measured.frequency_hz is None else [measured.frequency_hz]
    frequencies = _numbers(frequency_hz, 2, mp.MOST_FREQUENCY_HZ)
    return Reading(
        register_wh=measured.energy_import_wh,
        power_w=power_w[0] if power_w else None,
        voltage_v=_numbers(measured.voltage_v, 1, mp.MOST_VOLTAGE_V),
        current_a=_numbers(measured.current_a, 2, mp.MOST_CURRENT_A, least=0.0),
        frequency_hz=frequencies[0] if frequencies else None,
    )


def _numbers(
    values: Sequence[float], places: int, most: float, *, least: float | None = None
) -> tuple[Decimal, ...]:
    """Return the values of one quantity, none if one of them cannot be true."""
    if not mp.plausible(values, most):
        return ()
    raised = values if least is None else [max(least, value) for value in values]
    return tuple(Decimal(f"{value:.{places}f}") for value in raised)
