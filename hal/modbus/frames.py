"""Modbus RTU frames: requests to send, and what may be found among the bytes that come back.

Checksum and contents are pymodbus's; finding the frame is ours, because pymodbus gives up a reply
that a disturbed byte precedes and takes any reply of the right device for the answer. This module
is loaded with the first bus.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

READ_HOLDING = 3
READ_INPUT = 4
WRITE_ONE = 6
WRITE_MANY = 16
LONGEST_FRAME = 256

_SHORTEST_FRAME = 5
_EXCEPTION_BIT = 0x80
_REQUESTS: dict[int, type[ModbusPDU]] = {
    READ_HOLDING: ReadHoldingRegistersRequest,
    READ_INPUT: ReadInputRegistersRequest,
    WRITE_ONE: WriteSingleRegisterRequest,
    WRITE_MANY: WriteMultipleRegistersRequest,
}
_replies = DecodePDU(is_server=False)
_framer = FramerRTU(_replies)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one device; `words` are written, otherwise `count` registers are read."""

    device: int
    function: int
    start: int
    count: int
    words: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: the registers read (none for a write), or the exception code."""

    words: tuple[int, ...] = ()
    exception: int | None = None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A sound frame that is no answer to the call; `what` says in what it differs."""

    what: str


def frame_of(call: Call) -> bytes:
    """Return the bytes of a request; raises `ValueError` for one that Modbus does not know."""
    return bytes(_framer.buildFrame(_request(call)))


def reply_characters(call: Call) -> int:
    """Return how long the answer is."""
    return 8 if call.words else 5 + 2 * call.count


def find_answer(received: bytes, call: Call) -> Reply | Mismatch | None:
    """Return the first sound frame as answer or mismatch, None while there is none yet.

    Bytes that belong to no sound frame are passed over: disturbances before the reply, and our
    own request where the adapter echoes it.
    """
    for frame in _sound_frames(_without_echo(received, call)):
        return _judged(frame, call)
    return None


def _request(call: Call) -> ModbusPDU:
    kind = _REQUESTS.get(call.function)
    if kind is None:
        raise ValueError(f"registers are not asked for with function code {call.function}")
    return kind(
        dev_id=call.device, address=call.start, count=call.count, registers=list(call.words)
    )


def _without_echo(received: bytes, call: Call) -> bytes:
    """Drop our request from the front; the answer to a single write is no different from it."""
    request = frame_of(call)
    if call.function != WRITE_ONE and received.startswith(request):
        return received[len(request) :]
    return received


def _sound_frames(received: bytes) -> Iterator[bytes]:
    for start in range(len(received) - _SHORTEST_FRAME + 1):
        size = _size(received[start:])
        frame = received[start : start + size]
        if size and len(frame) == size and _is_sound(frame):
            yield frame


def _size(data: bytes) -> int:
    """Return how long a frame that begins here would be, 0 if none can."""
    if data[1] & ~_EXCEPTION_BIT not in _REQUESTS:
        return 0
    kind = _replies.lookupPduClass(data)
    return 0 if kind is None else kind.calculateRtuFrameSize(data)


def _is_sound(frame: bytes) -> bool:
    return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


def _judged(frame: bytes, call: Call) -> Reply | Mismatch:
    device, function = frame[0], frame[1]
    if device != call.device:
        return Mismatch(f"device {device} answers instead of {call.device}")
    if function & ~_EXCEPTION_BIT != call.function:
        return Mismatch(f"it has function code {function} instead of {call.function}")
    pdu = _replies.decode(frame[1:-2])
    if pdu is None:
        return Mismatch("its contents contradict their length")
    if function & _EXCEPTION_BIT:
        return Reply(exception=pdu.exception_code)
    return _acknowledged(pdu, call) if call.words else _counted(pdu, call)


def _counted(pdu: ModbusPDU, call: Call) -> Reply | Mismatch:
    if len(pdu.registers) != call.count:
        return Mismatch(f"it has {len(pdu.registers)} registers instead of {call.count}")
    return Reply(tuple(pdu.registers))


def _acknowledged(pdu: ModbusPDU, call: Call) -> Reply | Mismatch:
    told = list(pdu.registers) if call.function == WRITE_ONE else pdu.count
    asked = list(call.words) if call.function == WRITE_ONE else call.count
    if pdu.address == call.start and told == asked:
        return Reply()
    return Mismatch(f"it acknowledges another write, at register {pdu.address}")
