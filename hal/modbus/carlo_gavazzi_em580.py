"""Carlo Gavazzi EM580: one OCMF file for a whole measurement, kept by the meter until confirmed.

A file that was not confirmed blocks the next measurement. It is confirmed when the next one begins,
because only then its record is safe in the station for certain. Registers: EVerest
CarloGavazzi_EM580, main/helper.hpp.
"""

from datetime import datetime
from decimal import Decimal

from hal.api import HardwareError, SignedRecord
from hal.modbus import registers
from hal.modbus.device import Device
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.plan import Request
from hal.modbus.registers import RegisterType, WordOrder
from hal.modbus.signing import OCMF, SIGNATURE_S, is_ocmf, last_register_wh, printable, until

SIGNATURE_TYPE = 0x24FF
PUBLIC_KEY = 0x2600
DEVICE_STATE = 0x5012
TARIFF_TEXT = 0x6900
IDENTIFICATION_STATUS = 0x7000
IDENTIFICATION_LEVEL = 0x7001
IDENTIFICATION_FLAGS = 0x7002
IDENTIFICATION_TYPE = 0x7006
IDENTIFICATION = 0x7007
IDENTIFICATION_REGISTERS = 20
TIME_ZONE = 0x7031
UTC_TIME = 0x7032
MODALITY = 0x7036
COMMAND = 0x7040
STATE = 0x7100
"""After it comes the size of the file."""
FILE = 0x7110
FILE_REGISTERS = 2031

NOT_READY, RUNNING, READY, CORRUPTED = range(4)
BEGIN = ord("B")
END = ord("E")
UNDEFINED = 2
NO_TYPE = 0
CHARGING = 0
COMMAND_S = 5.0

_INPUT = 4
_KEY_REGISTERS = {0: 46, 1: 62}
"""Of a key of 256 and of 384 bits; the block has to be read as a whole."""
_INNER_FAULTS = {12: "its signature module reports a fault", 13: "its measuring module does"}


class CarloGavazziEm580:
    """The procedure of a Carlo Gavazzi EM580."""

    def __init__(self, device: Device) -> None:
        """Take the device that is to sign."""
        self._device = device
        self._fetched: bytes | None = None

    async def set_time(self, now: datetime) -> None:
        """Set clock and zone; during a measurement the meter keeps its own."""
        if await self._word(STATE) == RUNNING:
            return
        offset = now.utcoffset()
        minutes = 0 if offset is None else int(offset.total_seconds() // 60)
        seconds = Decimal(int(now.timestamp()))
        await self._device.write(
            UTC_TIME, registers.encode(RegisterType.I64, seconds, WordOrder.LITTLE)
        )
        await self._device.write(TIME_ZONE, (minutes & 0xFFFF,))

    async def leftover(self) -> SignedRecord | None:
        """Return the file that nobody has fetched, ending the measurement if it runs."""
        state = await self._word(STATE)
        if state == NOT_READY:
            return None
        if state == CORRUPTED:
            await self._confirm()
            raise HardwareError(
                "the meter says that the record of its last measurement is damaged; it was given "
                "up, so that the next measurement can begin"
            )
        return await self.end("")

    async def begin(self, identification: str) -> None:
        """Begin a measurement; its one record comes at the end."""
        await self._check_device()
        await self._make_room()
        await self._identify(printable(identification, 2 * IDENTIFICATION_REGISTERS - 1))
        await self._device.write(MODALITY, (CHARGING,))
        await self._command(BEGIN)
        await until(
            lambda: self._word(STATE),
            lambda state: state == RUNNING,
            COMMAND_S,
            "the beginning of the measurement",
        )
        self._fetched = None

    async def end(self, identification: str) -> SignedRecord:
        """End the measurement and fetch its file; after a power failure it has ended already."""
        del identification  # the meter has kept it
        state = await self._word(STATE)
        if state == NOT_READY:
            raise HardwareError("the meter is in no measurement, so there is none to end")
        if state == RUNNING:
            await self._command(END)
            state = await until(
                lambda: self._word(STATE),
                lambda state: state in {READY, CORRUPTED},
                SIGNATURE_S,
                "the signature of the meter",
            )
        if state != READY:
            raise HardwareError("the meter says that the record of this measurement is damaged")
        record = await self._file()
        self._fetched = record.data
        return record

    async def _make_room(self) -> None:
        """Confirm the last file, which was fetched; refuse to lose one that was not."""
        state = await self._word(STATE)
        if state == NOT_READY:
            return
        if state != READY or self._fetched is None:
            raise HardwareError(
                "the meter still has an earlier measurement; its record has to be fetched first"
            )
        await self._confirm()

    async def _confirm(self) -> None:
        await self._device.write(STATE, (NOT_READY,))

    async def _identify(self, identification: str) -> None:
        text = registers.encode_text(identification, len(identification) // 2 + 1)
        assigned = bool(identification)
        await self._device.write(IDENTIFICATION_STATUS, (int(assigned),))
        await self._device.write(IDENTIFICATION_LEVEL, (0,))
        await self._device.write(IDENTIFICATION_FLAGS, (0, 0, 0, 0))
        await self._device.write(IDENTIFICATION_TYPE, (UNDEFINED if assigned else NO_TYPE,))
        await self._device.write(IDENTIFICATION, text)
        await self._device.write(TARIFF_TEXT, (0,))

    async def _command(self, command: int) -> None:
        """Give a command; whether it was heard is seen by the state that follows."""
        try:
            await self._device.write(COMMAND, (command,))
        except MeterFault as fault:
            if fault.kind is FaultKind.EXCEPTION:
                raise

    async def _check_device(self) -> None:
        bits = await self._word(DEVICE_STATE)
        for bit, what in _INNER_FAULTS.items():
            if bits >> bit & 1:
                raise HardwareError(f"the meter cannot measure for billing: {what}; replace it")

    async def _file(self) -> SignedRecord:
        _, size = await self._device.read(Request(_INPUT, STATE, 2))
        if not 0 < size <= 2 * FILE_REGISTERS:
            raise HardwareError(f"the meter tells a record of {size} bytes; see its display")
        data = await self._complete(size)
        register_wh = last_register_wh(data)
        return SignedRecord(
            data=data,
            format=OCMF,
            encoding=OCMF,
            register_wh=Decimal("NaN") if register_wh is None else register_wh,
            public_key_hex=await self._public_key(),
        )

    async def _complete(self, size: int) -> bytes:
        """Return the file; sources differ in whether its size counts bytes or registers."""
        for count in ((size + 1) // 2, min(size, FILE_REGISTERS)):
            words = await self._device.read_many(Request(_INPUT, FILE, count))
            found = registers.text_bytes(words)
            for data in (found[:size], found.partition(b"\0")[0]):
                if is_ocmf(data):
                    return data
        raise HardwareError("the meter's record is no OCMF record; see its display")

    async def _public_key(self) -> str:
        kind = await self._word(SIGNATURE_TYPE)
        count = _KEY_REGISTERS.get(kind)
        if count is None:
            raise HardwareError(
                "the meter has no key to sign with; use one that is approved for billing"
            )
        key = registers.text_bytes(await self._device.read(Request(_INPUT, PUBLIC_KEY, count)))
        return key[: 2 + key[1]].hex()

    async def _word(self, register: int) -> int:
        (word,) = await self._device.read(Request(_INPUT, register, 1))
        return word
