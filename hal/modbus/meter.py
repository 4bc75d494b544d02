"""An energy meter on a Modbus line, as its profile describes it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from hal.api import HardwareError, MeterIdentity, MeterReading
from hal.modbus.bus import Asker
from hal.modbus.device import Device
from hal.modbus.faults import PORT_FAULTS, FaultKind, MeterFault
from hal.modbus.measurement import Address, Quantities, measured, reading, resolution_wh
from hal.modbus.opening import identified
from hal.modbus.plan import Request, plan
from hal.modbus.plausibility import judged
from hal.modbus.profile import MeterProfile
from hal.modbus.rest import Rest

CONTRADICTION_S = 10.0
"""For how long values may contradict each other until the meter is no longer believed."""
FINE_RESOLUTION_WH = Decimal(1)

_Result = TypeVar("_Result")
_TOLD_AT_ONCE = PORT_FAULTS | {FaultKind.EXCHANGED, FaultKind.CONTRADICTION}
"""Faults that a second try does not mend, and that cost the bus no time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MeterSetup:
    """A meter as configured: what it is, where it is, and the serial number printed on it.

    The line settings are those of the profile. A meter that tells its serial number must tell this
    one, if one is given.
    """

    profile: MeterProfile
    port: str
    serial_number: str = ""

    @property
    def where(self) -> str:
        """Return address and port for messages."""
        return f"address {self.profile.serial.address} on {self.port}"


class ModbusMeter:
    """An `EnergyMeter`; it owns its share of the bus until `close`.

    At opening, and again after every failure, the meter has to say who it is before anything else
    is believed: its answer is known, so that the bus is in step when it comes. A reading that fails
    is tried once more. A meter that keeps failing is asked more rarely.
    """

    def __init__(
        self,
        setup: MeterSetup,
        bus: Asker,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a bus; it is not used before the first question."""
        self._setup = setup
        self._profile = setup.profile
        self._plan = plan(setup.profile)
        self._bus = bus
        self._device = Device(bus, setup.profile.serial.address, setup.profile.limits)
        self._monotonic_s = monotonic_s
        self._one_at_a_time = asyncio.Lock()
        self._identity: MeterIdentity | None = None
        self._told_serial_number: str | None = None
        self._read_failed = False
        self._rest = Rest(monotonic_s)
        self._contradicting_since_s: float | None = None
        self._coarseness_told = False

    async def identity(self) -> MeterIdentity:
        """Return who answers now.

        Raises `HardwareLost` when nobody does, `HardwareError` for another meter than configured.
        """
        async with self._one_at_a_time:
            identity = await self._tried(self._proven)
            # Whoever reads knows after a failure that it may be another meter, and asks here.
            if self._read_failed or self._told_serial_number is None:
                self._told_serial_number = identity.serial_number
            return identity

    async def read(self) -> MeterReading:
        """Return the values of now.

        Raises `HardwareLost` when the meter does not answer, or when another one answers than was
        read before; that one is read once `identity` has been asked. Raises `HardwareError` when
        its values cannot be used.
        """
        async with self._one_at_a_time:
            try:
                result = await self._tried(self._read)
            except HardwareError:
                self._read_failed = True
                raise
            self._read_failed = False
            return result

    async def close(self) -> None:
        """Let go of the meter and of its share of the bus."""
        self._identity = None
        await self._bus.release()

    async def _tried(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Do something with the meter, twice if the first failure may have been a disturbance."""
        self._rest.check()
        try:
            result = await self._twice(work)
        except HardwareError as error:
            self._identity = None
            if not (isinstance(error, MeterFault) and error.kind in _TOLD_AT_ONCE):
                self._rest.failed(error)
            raise
        self._rest.answered()
        return result

    async def _twice(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        try:
            return await work()
        except MeterFault as fault:
            if self._rest.failing or fault.kind in _TOLD_AT_ONCE:
                raise
            log.debug("the meter at %s is asked again: %s", self._setup.where, fault)
        self._identity = None
        return await work()

    async def _proven(self) -> MeterIdentity:
        """Return the identity that the meter has told since the last failure."""
        if self._identity is None:
            found = await self._registers(self._plan.opening)
            setup = self._setup
            self._identity = identified(self._profile, found, setup.where, setup.serial_number)
        return self._identity

    async def _same_meter(self) -> None:
        """Raise `MeterFault` if another meter answers than the one that was told last."""
        serial_number = (await self._proven()).serial_number
        if self._told_serial_number not in (None, serial_number):
            raise MeterFault(
                FaultKind.EXCHANGED,
                f"another meter answers at {self._setup.where}: serial number {serial_number} "
                f"instead of {self._told_serial_number}; see whether meters were exchanged",
            )
        self._told_serial_number = serial_number

    async def _read(self) -> MeterReading:
        await self._same_meter()
        found = await self._registers(self._plan.reading)
        result = reading(self._profile, self._judged(measured(self._profile, found)))
        self._tell_coarseness(result.energy_import_wh)
        return result

    async def _registers(self, requests: Iterable[Request]) -> dict[Address, int]:
        found: dict[Address, int] = {}
        for request in requests:
            words = await self._device.read(request)
            addresses = [(request.function, register) for register in request.addresses]
            found |= zip(addresses, words, strict=True)
        return found

    def _judged(self, quantities: Quantities) -> Quantities:
        """Return what may be told; raises `MeterFault` when the values go on contradicting."""
        judgement = judged(self._profile, quantities)
        if not judgement.contradiction:
            self._contradicting_since_s = None
            return judgement.quantities
        now_s = self._monotonic_s()
        if self._contradicting_since_s is None:
            self._contradicting_since_s = now_s
            log.warning("of the meter at %s, %s", self._setup.where, judgement.contradiction)
        if judgement.lasting or now_s - self._contradicting_since_s >= CONTRADICTION_S:
            raise MeterFault(
                FaultKind.CONTRADICTION,
                f"the values of the meter at {self._setup.where} contradict each other: "
                f"{judgement.contradiction}; check its wiring, and that the profile is its own",
            )
        return judgement.quantities

    def _tell_coarseness(self, register_wh: Decimal) -> None:
        """Say once how coarsely the meter counts, if sessions are billed less exactly by it."""
        if self._coarseness_told:
            return
        self._coarseness_told = True
        step_wh = resolution_wh(self._profile, register_wh)
        if step_wh > FINE_RESOLUTION_WH:
            log.warning(
                "the meter at %s tells its energy in steps of %.3g Wh at its register of %.0f Wh",
                self._setup.where,
                step_wh,
                register_wh,
            )
