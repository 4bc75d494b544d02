"""Bauer BSM-WS36A: signed snapshots, told as OCMF records.

A snapshot is made by writing UPDATING to its status and waiting until that changes. Of the five
snapshots the pair "start" and "end" is used: "turn on" and "turn off" would drive a contactor,
which is the guard's. The meter keeps no state of a measurement.
Registers and times: chargeITmobility/bsm-python, doc/modbus and doc/examples.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hal.api import HardwareError, SignedRecord
from hal.modbus import registers
from hal.modbus.device import Device
from hal.modbus.plan import Request
from hal.modbus.registers import RegisterType, WordOrder
from hal.modbus.signing import OCMF, SIGNATURE_S, is_ocmf, printable, until

EPOCH = 40260
META1 = 40279
META1_REGISTERS = 70
PUBLIC_KEY = 40449
PUBLIC_KEY_REGISTERS = 50
OCMF_REGISTERS = 496
TIME_LASTS_S = 24 * 3600.0
"""The meter's clock is worn out by being set more often, and stops being valid after 48 hours."""

LARGEST_DRIFT_S = 60.0

VALID = 0
UPDATING = 2
_FAILURES = {
    1: "it has no valid snapshot, as after a power failure",
    3: "it failed for a reason it does not name",
    4: "its enable input is not set; check the wiring of the meter's inputs",
    5: "the contactor's feedback is wrong; check the wiring of the meter's inputs",
}
_HOLDING = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a snapshot and its OCMF record lie; `data` is the first register of its payload."""

    name: str
    data: int
    ocmf_status: int

    @property
    def status(self) -> int:
        """Return the register that triggers the snapshot and tells how that went."""
        return self.data + 1

    @property
    def head(self) -> Request:
        """Return the registers up to the response counter."""
        return Request(_HOLDING, self.data, 19)

    @property
    def record(self) -> Request:
        """Return the registers of the OCMF text."""
        return Request(_HOLDING, self.ocmf_status + 1, OCMF_REGISTERS)


START = Snapshot("start", 41285, 43294)
END = Snapshot("end", 41539, 43794)


class BauerBsm:
    """The procedure of a Bauer BSM-WS36A."""

    def __init__(self, device: Device) -> None:
        """Take the device that is to sign."""
        self._device = device
        self._time_told_at_s: float | None = None
        self._ended: SignedRecord | None = None

    async def set_time(self, now: datetime) -> None:
        """Set the clock, once a day and whenever it is wrong."""
        loop_s = asyncio.get_running_loop().time()
        told_s = self._time_told_at_s
        if told_s is not None and loop_s - told_s < TIME_LASTS_S and await self._is_right(now):
            return
        offset = now.utcoffset()
        minutes = 0 if offset is None else int(offset.total_seconds() // 60)
        epoch = registers.encode(RegisterType.U32, Decimal(int(now.timestamp())), WordOrder.BIG)
        zone = registers.encode(RegisterType.I16, Decimal(minutes), WordOrder.BIG)
        await self._device.write(EPOCH, (*epoch, *zone))
        self._time_told_at_s = loop_s

    async def leftover(self) -> SignedRecord | None:
        """Return nothing: a measurement that nobody ends leaves nothing behind."""
        return None

    async def begin(self, identification: str) -> SignedRecord:
        """Take the snapshot of the beginning."""
        await self._identify(identification)
        self._ended = None
        return await self._taken(START)

    async def end(self, identification: str) -> SignedRecord:
        """Take the snapshot of the end."""
        if self._ended is None:
            if identification:
                await self._identify(identification)
            self._ended = await self._taken(END)
        return self._ended

    async def _is_right(self, now: datetime) -> bool:
        """Tell whether the meter's clock goes; it starts without a time after a power failure."""
        high, low = await self._device.read(Request(_HOLDING, EPOCH, 2))
        return abs((high << 16 | low) - now.timestamp()) < LARGEST_DRIFT_S

    async def _identify(self, identification: str) -> None:
        text = printable(identification, 2 * META1_REGISTERS)
        await self._device.write(META1, registers.encode_text(text, META1_REGISTERS))

    async def _taken(self, snapshot: Snapshot) -> SignedRecord:
        before = _counter(await self._device.read(snapshot.head))
        await self._device.write(snapshot.status, (UPDATING,))
        status = await until(
            lambda: self._status(snapshot.status),
            lambda state: state != UPDATING,
            SIGNATURE_S,
            f"the {snapshot.name} snapshot of the meter",
        )
        if status != VALID:
            raise HardwareError(
                f"the meter made no {snapshot.name} snapshot: "
                f"{_FAILURES.get(status, f'its status is {status}')}"
            )
        head = await self._device.read(snapshot.head)
        if _counter(head) == before:
            raise HardwareError(
                f"the meter shows the {snapshot.name} snapshot of an earlier measurement; see "
                "whether its display shows an error"
            )
        return SignedRecord(
            data=await self._record(snapshot),
            format=OCMF,
            encoding=OCMF,
            register_wh=_register_wh(head),
            public_key_hex=await self._public_key(),
        )

    async def _status(self, register: int) -> int:
        (state,) = await self._device.read(Request(_HOLDING, register, 1))
        return state

    async def _record(self, snapshot: Snapshot) -> bytes:
        words = await self._device.read_many(snapshot.record)
        record = registers.text_bytes(words).partition(b"\0")[0]
        if not is_ocmf(record):
            raise HardwareError(
                f"the meter's record of the {snapshot.name} snapshot is no OCMF record; see "
                "whether its display shows an error"
            )
        return record

    async def _public_key(self) -> str:
        words = await self._device.read(Request(_HOLDING, PUBLIC_KEY, PUBLIC_KEY_REGISTERS))
        length, key = words[1], registers.text_bytes(words[2:])
        return key[:length].hex()


def _counter(head: Sequence[int]) -> int:
    """Return the response counter, which grows with each snapshot."""
    return head[17] << 16 | head[18]


def _register_wh(head: Sequence[int]) -> Decimal:
    """Return the energy that the snapshot has signed, with the meter's own scale."""
    total = registers.decode(RegisterType.ACC32, head[4:6], WordOrder.BIG)
    scale = registers.decode(RegisterType.I16, head[6:7], WordOrder.BIG)
    if total is None or scale is None:
        return Decimal("NaN")
    return total.scaleb(int(scale))
