"""One device on a bus: reads and writes of any length, within what it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hal.modbus.bus import Asker
from hal.modbus.faults import PORT_FAULTS, MeterFault
from hal.modbus.plan import Request
from hal.modbus.profile import LARGEST_WRITE, Limits

if TYPE_CHECKING:
    from hal.modbus.frames import Call

_LONG_TIMEOUT_S = 3.0
"""How long a meter may take to answer while it signs."""


class Device:
    """A device by its address; every call raises `MeterFault`.

    What fails is tried as often as `tries` says. The same request may be repeated at once: a late
    answer to its first try has the same registers.
    """

    def __init__(self, bus: Asker, address: int, limits: Limits, tries: int = 1) -> None:
        """Take a bus; whoever makes the device releases it."""
        self._bus = bus
        self._address = address
        self._limits = limits
        self._tries = tries

    async def read(self, request: Request) -> tuple[int, ...]:
        """Return what one request asks for."""
        from hal.modbus.frames import Call  # noqa: PLC0415 - loads pymodbus

        return await self._ask(Call(self._address, request.function, request.start, request.count))

    async def read_many(self, request: Request) -> tuple[int, ...]:
        """Return registers in as many requests as it takes, no two of the same length."""
        words: tuple[int, ...] = ()
        for part in _parts(request, self._limits.max_registers):
            words += await self.read(part)
        return words

    async def write(self, start: int, words: Sequence[int]) -> None:
        """Write registers with function code 16, in several requests where they are many."""
        from hal.modbus.frames import WRITE_MANY, Call  # noqa: PLC0415 - loads pymodbus

        for offset in range(0, len(words), LARGEST_WRITE):
            some = tuple(words[offset : offset + LARGEST_WRITE])
            await self._ask(Call(self._address, WRITE_MANY, start + offset, len(some), some))

    async def write_one(self, register: int, word: int) -> None:
        """Write a register with function code 6."""
        from hal.modbus.frames import WRITE_ONE, Call  # noqa: PLC0415 - loads pymodbus

        await self._ask(Call(self._address, WRITE_ONE, register, 1, (word,)))

    def patient(self) -> "Device":
        """Return the same device, given the time and the second try that signing is worth."""
        limits = replace(self._limits, timeout_s=max(self._limits.timeout_s, _LONG_TIMEOUT_S))
        return Device(self._bus, self._address, limits, tries=2)

    async def _ask(self, call: "Call") -> tuple[int, ...]:
        for _ in range(1, self._tries):
            try:
                return await self._bus.ask(call, self._limits)
            except MeterFault as fault:
                if fault.kind in PORT_FAULTS:
                    raise
        return await self._bus.ask(call, self._limits)


def _parts(request: Request, most: int) -> Iterator[Request]:
    """Yield requests of falling length, so that none can be mistaken for another's answer."""
    start, left, length = request.start, request.count, most
    while left > 0:
        count = min(left, max(1, length))
        yield Request(request.function, start, count)
        start, left, length = start + count, left - count, length - 1
