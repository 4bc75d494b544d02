"""The temperature of each EVSE: less current when it is hot, a fault when it is too hot.

While a sensor cannot be read nobody knows how hot it is: the current is held at a low value, and a
fault that there was stays.
"""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal

from agent.core.derating import Derating, DeratingCurve, derated, is_temperature
from agent.core.fault_taxonomy import TEMPERATURE_LOST
from agent.core.limits import LimitCause, LimitSource
from agent.core.records import dataclass
from agent.services.evse import EvseService
from hal.api import Fault, HardwareError, TemperatureSensor

POLL_S = 5.0
"""As often as the pilot may change its value."""
READ_TIMEOUT_S = 2.0
MISSES = 3
"""So many failed readings in a row are a lost sensor, the very first one at once."""
OWNER = "temperature"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TemperatureRules:
    """What the device model says of one EVSE's temperature."""

    curve: DeratingCurve
    sensor_lost_a: Decimal


class Thermometer:
    """One EVSE with its sensor."""

    def __init__(
        self, evse: EvseService, sensor: TemperatureSensor, rules: Callable[[], TemperatureRules]
    ) -> None:
        self._evse = evse
        self._sensor = sensor
        self._rules = rules
        self._derating: Derating | None = None
        self._misses = 0
        self.celsius: float | None = None

    async def run(self) -> None:
        """Read the sensor and obey it for ever."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """Read the sensor once and let the EVSE know what follows."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                celsius = await self._sensor.read_celsius()
        except TimeoutError:
            self._missed(f"the temperature sensor gives no answer within {READ_TIMEOUT_S:g} s")
        except HardwareError as error:
            self._missed(str(error))
        except Exception as error:
            if not self._misses:
                log.exception("the driver of EVSE %d's sensor failed", self._number)
            self._missed(f"its driver failed with {type(error).__name__}; see the log")
        else:
            if is_temperature(celsius):
                self._measured(celsius)
            else:
                self._missed(f"the sensor says {celsius:g} °C, which cannot be; check its wiring")

    @property
    def _number(self) -> int:
        return self._evse.description.evse

    def _measured(self, celsius: float) -> None:
        if self._misses >= MISSES:
            log.info("the temperature of EVSE %d is known again", self._number)
        self._misses, self.celsius = 0, celsius
        before, curve = self._derating, self._rules().curve
        now = self._derating = derated(curve, before, celsius)
        if before is None or before.limit_a != now.limit_a or before.too_hot != now.too_hot:
            self._tell(now, celsius, curve.full_a)
        self._evse.instrument_fault(TEMPERATURE_LOST, on=False)
        self._evse.instrument_fault(
            Fault.OVER_TEMPERATURE, on=now.too_hot, sentence=f"it is {celsius:.0f} °C"
        )
        limited = now.limit_a < curve.full_a
        detail = f"{celsius:.0f} °C"
        ceiling = LimitSource(LimitCause.TEMPERATURE, now.limit_a, detail) if limited else None
        self._evse.set_ceiling(OWNER, ceiling)

    def _tell(self, now: Derating, celsius: float, full_a: int) -> None:
        if now.too_hot:
            log.warning("EVSE %d is too hot: %.1f °C", self._number, celsius)
        elif now.limit_a < full_a:
            log.info("EVSE %d is at %.1f °C: at most %s A", self._number, celsius, now.limit_a)
        elif self._misses or celsius < now.counted_c:
            log.info("EVSE %d is at %.1f °C: full current", self._number, celsius)

    def _missed(self, sentence: str) -> None:
        never_read = self._derating is None and self.celsius is None
        self._misses = max(self._misses + 1, MISSES if never_read else 0)
        if self._misses < MISSES:
            return
        if self._misses == MISSES:
            log.warning("the temperature of EVSE %d is not known: %s", self._number, sentence)
        self.celsius = None
        limit_a = self._rules().sensor_lost_a
        self._evse.instrument_fault(TEMPERATURE_LOST, on=True, sentence=sentence)
        self._evse.set_ceiling(OWNER, LimitSource(LimitCause.SENSOR_LOST, limit_a))
