"""A meter that signs: an energy meter that can also be led through a signed measurement."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from hal.api import HardwareError, SignedRecord
from hal.modbus.bauer_bsm import BauerBsm
from hal.modbus.bus import Asker
from hal.modbus.carlo_gavazzi_em580 import CarloGavazziEm580
from hal.modbus.device import Device
from hal.modbus.iskra_wm3m4c import IskraWm3m4c
from hal.modbus.meter import MeterSetup, ModbusMeter
from hal.modbus.profile import Signing
from hal.modbus.signing import SigningProcedure

_Result = TypeVar("_Result")
_PROCEDURES: dict[Signing, Callable[[Device], SigningProcedure]] = {
    Signing.BAUER_BSM: BauerBsm,
    Signing.ISKRA_WM3M4C: IskraWm3m4c,
    Signing.CG_EM580: CarloGavazziEm580,
}


class SigningModbusMeter(ModbusMeter):
    """A `SigningMeter`. It is read as any other while it signs."""

    def __init__(self, setup: MeterSetup, bus: Asker) -> None:
        """Take a bus; the profile names the procedure."""
        super().__init__(setup, bus)
        self._procedure = _PROCEDURES[setup.profile.signing](self._device.patient())
        self._one_procedure = asyncio.Lock()

    async def set_time(self, now: datetime) -> None:
        """Tell the time; raises `HardwareLost` and `HardwareError`."""
        await self._led(lambda: self._procedure.set_time(now))

    async def leftover_signed(self) -> SignedRecord | None:
        """Return what nobody fetched; raises `HardwareLost` and `HardwareError`."""
        record = await self._led(self._procedure.leftover)
        return None if record is None else await self._with_register(record)

    async def begin_signed(self, identification: str) -> SignedRecord | None:
        """Begin a measurement; raises `HardwareLost` and `HardwareError`."""
        record = await self._led(lambda: self._procedure.begin(identification))
        return None if record is None else await self._with_register(record)

    async def end_signed(self, identification: str = "") -> SignedRecord:
        """End the measurement; raises `HardwareLost` and `HardwareError`."""
        record = await self._led(lambda: self._procedure.end(identification))
        return await self._with_register(record)

    async def _led(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Carry out a step of the procedure with the meter that was identified."""
        async with self._one_procedure:
            async with self._one_at_a_time:
                await self._tried(self._same_meter)
            try:
                return await work()
            except HardwareError:
                self._identity = None
                raise

    async def _with_register(self, record: SignedRecord) -> SignedRecord:
        """Give a record that tells no register that of now; the meter's own is the usual case."""
        if record.register_wh.is_finite():
            return record
        return replace(record, register_wh=(await self.read()).energy_import_wh)
