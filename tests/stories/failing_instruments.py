"""Instruments that fail in every way that real ones do, at the hardware's ports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from hal.api import (
    EnergyMeter,
    HardwareError,
    HardwareLost,
    MeterIdentity,
    MeterReading,
    Presentation,
    TemperatureSensor,
    TokenReader,
)

PORT: Final = "/dev/serial/by-id/usb-1"
FAILURES: Final[Mapping[str, Exception]] = MappingProxyType(
    {
        "unplugged": HardwareLost(f"{PORT} is gone; plug the adapter in again"),
        "garbage": HardwareError(f"{PORT}: what comes is no frame; check baud rate and wiring"),
        "wrong device": HardwareError(f"{PORT}: address 1 is an SDM120, not an SDM630"),
        "permission denied": HardwareError(f"no right to open {PORT}; join the group dialout"),
        "busy": HardwareError(f"{PORT} is held by process 4711; end that"),
        "bug": ZeroDivisionError("division by zero"),
    }
)
"""What the drivers say of each class of failure."""


def words_of(failure: Exception) -> str:
    """Return what the station must say of a failure."""
    known = isinstance(failure, HardwareError)
    return str(failure) if known else f"its driver failed with {type(failure).__name__}"


class FailingMeter:
    """A meter that fails when it is told to, or answers late."""

    def __init__(self, meter: EnergyMeter) -> None:
        self.meter = meter
        self.failure: Exception | None = None
        self.late_s = 0.0

    async def identity(self) -> MeterIdentity:
        await self._fail()
        return await self.meter.identity()

    async def read(self) -> MeterReading:
        await self._fail()
        return await self.meter.read()

    async def close(self) -> None:
        await self.meter.close()

    async def _fail(self) -> None:
        if self.late_s:
            await asyncio.sleep(self.late_s)
        if self.failure is not None:
            raise self.failure


class FailingSensor:
    """A temperature sensor that fails when it is told to."""

    def __init__(self, sensor: TemperatureSensor) -> None:
        self.sensor = sensor
        self.failure: Exception | None = None

    async def read_celsius(self) -> float:
        if self.failure is not None:
            raise self.failure
        return await self.sensor.read_celsius()

    async def close(self) -> None:
        await self.sensor.close()


class FailingReader:
    """A token reader that fails when it is told to, also while somebody listens."""

    def __init__(self, reader: TokenReader) -> None:
        self.reader = reader
        self.failure: Exception | None = None
        self._failed = asyncio.Event()

    @property
    def evses(self) -> tuple[int, ...]:
        return self.reader.evses

    @property
    def token_type(self) -> str:
        return self.reader.token_type

    async def reach(self) -> None:
        if self.failure is not None:
            raise self.failure

    def fail(self, failure: Exception | None) -> None:
        self.failure = failure
        if failure is not None:
            self._failed.set()
        else:
            self._failed.clear()

    async def presentations(self) -> AsyncIterator[Presentation]:
        presentations = aiter(self.reader.presentations())
        while True:
            failing = asyncio.ensure_future(self._failed.wait())
            heard = asyncio.ensure_future(anext(presentations))
            try:
                await asyncio.wait({failing, heard}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                failing.cancel()
            if self.failure is not None:
                heard.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await heard
                raise self.failure
            yield heard.result()

    async def close(self) -> None:
        await self.reader.close()
