"""Iskra WM3M4C: one OCMF record for a whole measurement, put together from payload and signature.

The station writes what the record shall say of user and station, and the time, and gives commands;
the meter tells states. After a power failure a measurement goes on (state 2), but the meter has
forgotten time and texts, and wants them again before it ends. Registers: EVerest RsIskraMeter,
after the vendor's manual 1.14; Tinkerforge evse-v2-bricklet.
"""

import asyncio
import json
from datetime import datetime, timedelta
from decimal import Decimal

from hal.api import HardwareError, SignedRecord
from hal.modbus import registers
from hal.modbus.device import Device
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.plan import Request
from hal.modbus.signing import OCMF, SIGNATURE_S, is_ocmf, last_register_wh, until

STATE = 7000
COMMAND = 7051
SIGNATURE_STATUS = 7052
TIME_ZONE = 7053
EPOCH_HIGH = 7054
EPOCH_LOW = 7055
META_LENGTH = 7056
"""After it come the lengths of payload and signature."""
ALGORITHM = 7059
TIME_SYNC = 7071
META = 7100
META_REGISTERS = 256
PAYLOAD = 7612
PAYLOAD_REGISTERS = 288
PUBLIC_KEY = 8124
PUBLIC_KEY_REGISTERS = 32
SIGNATURE = 8188
SIGNATURE_REGISTERS = 36

IDLE, ACTIVE, ACTIVE_AFTER_POWER_FAILURE, ACTIVE_AFTER_RESET = range(4)
BEGIN = 0x4200
END = 0x7200
SYNCHRONIZED = 2
P256 = 0
SIGNED = 15
FIRST_ERROR = 128
COMMAND_S = 5.0

_HOLDING = 3
_KEY_HEADER = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
"""The key in the meter is a bare point; before it comes what makes it a key of P-256 in DER."""
_ERRORS = {
    128: "its date and time are not valid",
    129: "a checksum is wrong",
    130: "it does not know the command",
    131: "its state does not allow the command",
    132: "its measurement is not valid",
    133: "it is in test mode",
    252: "the texts it was given are not in the form it expects",
    253: "the texts it was given are too long",
}


class IskraWm3m4c:
    """The procedure of an Iskra WM3M4C."""

    def __init__(self, device: Device) -> None:
        """Take the device that is to sign."""
        self._device = device
        self._time: tuple[datetime, float] | None = None

    async def set_time(self, now: datetime) -> None:
        """Remember the time, and tell it unless a measurement runs."""
        self._time = now, asyncio.get_running_loop().time()
        if await self._state() == IDLE:
            await self._tell_time()

    async def leftover(self) -> SignedRecord | None:
        """End a measurement that still runs."""
        if await self._state() == IDLE:
            return None
        return await self.end("")

    async def begin(self, identification: str) -> None:
        """Begin a measurement; its one record comes at the end."""
        if await self._state() != IDLE:
            raise HardwareError(
                "the meter is still in an earlier measurement; its record has to be fetched first"
            )
        await self._tell_time()
        await self._device.write_one(ALGORITHM, P256)
        await self._tell_texts(identification)
        await self._command(BEGIN)
        await self._reach({ACTIVE}, "the beginning of the measurement")
        await self._await_signature()

    async def end(self, identification: str) -> SignedRecord:
        """End the measurement and put its record together."""
        state = await self._state()
        if state == IDLE:
            return await self._ended_before(identification)
        if state == ACTIVE_AFTER_POWER_FAILURE:
            await self._tell_time()
            await self._tell_texts(identification)
        await self._command(END)
        await self._reach({IDLE}, "the end of the measurement")
        await self._await_signature()
        return await self._record()

    async def _ended_before(self, identification: str) -> SignedRecord:
        """Return the last record again, if it is this user's."""
        if await self._signature_status() == SIGNED:
            record = await self._record()
            if _in_json(identification)[1:-1].encode() in record.data:
                return record
        raise HardwareError("the meter is in no measurement, so there is none to end")

    async def _tell_time(self) -> None:
        if self._time is None:
            raise HardwareError("the meter does not know the time; it has to be set first")
        then, at_s = self._time
        now = then + timedelta(seconds=asyncio.get_running_loop().time() - at_s)
        offset = now.utcoffset()
        minutes = 0 if offset is None else int(offset.total_seconds() // 60)
        seconds = int(now.timestamp())
        await self._device.write_one(EPOCH_HIGH, seconds >> 16 & 0xFFFF)
        await self._device.write_one(EPOCH_LOW, seconds & 0xFFFF)
        await self._device.write_one(TIME_ZONE, minutes & 0xFFFF)
        await self._device.write_one(TIME_SYNC, SYNCHRONIZED)

    async def _tell_texts(self, identification: str) -> None:
        """Write what the record shall say; the order of its keys is fixed by the meter."""
        meta = _meta(identification).encode("ascii")
        if len(meta) > 2 * META_REGISTERS:
            raise HardwareError(
                "the meter cannot sign for this identification: it is longer than "
                f"{2 * META_REGISTERS - len(_meta(''))} characters"
            )
        words = registers.encode_text(meta.decode("ascii"), (len(meta) + 1) // 2)
        await self._device.write(META, words)
        await self._device.write_one(META_LENGTH, len(meta))

    async def _command(self, command: int) -> None:
        """Give a command; whether it was heard is seen by the state that follows."""
        try:
            await self._device.write_one(COMMAND, command)
        except MeterFault as fault:
            if fault.kind is FaultKind.EXCEPTION:
                raise

    async def _reach(self, states: set[int], what: str) -> None:
        await until(self._state, lambda state: state in states, COMMAND_S, what)

    async def _await_signature(self) -> None:
        status = await until(
            self._signature_status,
            lambda state: state == SIGNED or state >= FIRST_ERROR,
            SIGNATURE_S,
            "the signature of the meter",
        )
        if status != SIGNED:
            raise HardwareError(
                f"the meter does not sign: {_ERRORS.get(status, 'its signature unit fails')} "
                f"(status {status}); see the meter's manual"
            )

    async def _record(self) -> SignedRecord:
        lengths = await self._device.read(Request(_HOLDING, META_LENGTH, 3))
        payload = await self._text(PAYLOAD, lengths[1], PAYLOAD_REGISTERS)
        signature = minimal_der(await self._text(SIGNATURE, lengths[2], SIGNATURE_REGISTERS))
        data = b'OCMF|%b|{"SD":"%b"}' % (payload, signature.hex().encode("ascii"))
        if not is_ocmf(data):
            raise HardwareError(
                "what the meter has signed is no OCMF record; see whether its display shows an "
                "error"
            )
        register_wh = last_register_wh(data)
        return SignedRecord(
            data=data,
            format=OCMF,
            encoding=OCMF,
            register_wh=Decimal("NaN") if register_wh is None else register_wh,
            public_key_hex=await self._public_key(),
        )

    async def _text(self, start: int, length: int, most: int) -> bytes:
        if not 0 < length <= 2 * most:
            raise HardwareError(
                f"the meter tells a length of {length} bytes for what it has signed; see whether "
                "its display shows an error"
            )
        words = await self._device.read_many(Request(_HOLDING, start, (length + 1) // 2))
        return registers.text_bytes(words)[:length]

    async def _public_key(self) -> str:
        words = await self._device.read(Request(_HOLDING, PUBLIC_KEY, PUBLIC_KEY_REGISTERS))
        return _KEY_HEADER + registers.text_bytes(words).hex()

    async def _signature_status(self) -> int:
        """Return the status; two registers are read, so that it is never taken for the state."""
        status, _ = await self._device.read(Request(_HOLDING, SIGNATURE_STATUS, 2))
        return status

    async def _state(self) -> int:
        (state,) = await self._device.read(Request(_HOLDING, STATE, 1))
        return state


def minimal_der(signature: bytes) -> bytes:
    """Return a signature whose two numbers have no superfluous zeros in front.

    The meter's firmware pads them to 32 bytes, which DER does not allow and strict verifiers
    refuse. The numbers stay what they are; anything else is returned as it came.
    """
    numbers = _der_numbers(signature)
    if numbers is None:
        return signature
    body = b"".join(_der(0x02, _shortest(number)) for number in numbers)
    return _der(0x30, body)


def _der_numbers(signature: bytes) -> tuple[bytes, bytes] | None:
    """Return the two numbers of an ECDSA signature in DER, None if it is none."""
    body = _contents(0x30, signature)
    if body is None:
        return None
    cut = 2 + body[1] if len(body) > 1 else 0
    first, second = _contents(0x02, body[:cut]), _contents(0x02, body[cut:])
    return (first, second) if first and second else None


def _contents(tag: int, element: bytes) -> bytes | None:
    if len(element) < 2 or element[0] != tag or element[1] != len(element) - 2:
        return None
    return element[2:]


def _shortest(number: bytes) -> bytes:
    while len(number) > 1 and number[0] == 0 and number[1] < 0x80:
        number = number[1:]
    return number


def _der(tag: int, contents: bytes) -> bytes:
    return bytes([tag, len(contents)]) + contents


def _meta(identification: str) -> str:
    assigned = bool(identification)
    parts: dict[str, object] = {
        "FV": "1.0",
        **dict.fromkeys(("GI", "GS", "GV", "PG", "MV", "MM", "MS", "MF"), ""),
        "IS": assigned,
        "IF": [],
        "IT": "UNDEFINED" if assigned else "NONE",
        "ID": identification,
        "CT": "EVSEID",
        "CI": "",
        "RD": [],
    }
    return _in_json(parts)


def _in_json(value: object) -> str:
    """Return JSON that is ASCII, without blanks, and free of what separates OCMF's sections."""
    return json.dumps(value, separators=(",", ":")).replace("|", "\\u007c")
