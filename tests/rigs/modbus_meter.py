"""Energy meters on a simulated RS-485 line: a pty, paced by a baud rate if wanted.

    line = MeterLine(tmp_path / "ttyMETER", baudrate=9600)
    meter = line.attach(SimulatedMeter(load_profile("eastron_sdm630")))
    meter.load(energy_wh=1_234_500, currents_a=(16, 16, 16))
    async with line:                      # from here on `line.port` can be opened
        meter.misbehave(late(0.4))        # the next answer only; `always=` for all from now on
        line.unplug(); line.plug_in()     # the adapter goes and comes back, under the same name

A meter holds what its profile describes. Requests are read by pymodbus's server side, a second
opinion on our frames. Everything runs in the event loop of `start`.
"""

import asyncio
import contextlib
import os
import pty
import tty
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterResponse,
)

from hal.modbus import registers
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.frames import Call, frame_of
from hal.modbus.measurement import Address
from hal.modbus.profile import IdentityField, Limits, MeterProfile, Quantity, Value
from hal.modbus.registers import RegisterType

ILLEGAL_ADDRESS = 2
DEVICE_BUSY = 6
PARTIAL_REQUEST_S = 0.05
_CHUNK_BYTES = 8

_framer = FramerRTU(DecodePDU(is_server=True))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as the meter heard it, with what it would answer; `exception` 0 is none."""

    device: int
    function: int
    start: int
    count: int
    written: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    exception: int = 0

    @property
    def frame(self) -> bytes:
        """The bytes of the answer."""
        kinds = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}
        if self.exception:
            refusal = ExceptionResponse(self.function, self.exception)
            refusal.dev_id = self.device
            return bytes(_framer.buildFrame(refusal))
        if self.function in kinds:
            told = kinds[self.function](registers=list(self.words), dev_id=self.device)
            return bytes(_framer.buildFrame(told))
        if self.function == 6:
            one = WriteSingleRegisterResponse(
                address=self.start, registers=list(self.written), dev_id=self.device
            )
            return bytes(_framer.buildFrame(one))
        many = WriteMultipleRegistersResponse(
            address=self.start, count=self.count, dev_id=self.device
        )
        return bytes(_framer.buildFrame(many))


Answer = Sequence[tuple[float, bytes]]
"""What goes onto the line: after how many seconds which bytes."""
Misbehaviour = Callable[[Exchange], Answer]


def well() -> Misbehaviour:
    """Answer as a meter should: for the requests before the one that is to go wrong."""
    return lambda exchange: [(0.0, exchange.frame)]


def silent() -> Misbehaviour:
    """Say nothing."""
    return lambda _: ()


def late(delay_s: float) -> Misbehaviour:
    """Answer, but only after a while; other requests are heard meanwhile."""
    return lambda exchange: [(delay_s, exchange.frame)]


def garbage_before(garbage: bytes = b"\x00\xff") -> Misbehaviour:
    """Disturb the line right before the answer."""
    return lambda exchange: [(0.0, garbage + exchange.frame)]


def garbage_after(garbage: bytes = b"\x00\xff\x55") -> Misbehaviour:
    """Disturb the line right after the answer."""
    return lambda exchange: [(0.0, exchange.frame + garbage)]


def only_garbage(garbage: bytes = b"\x13\x37\x00\xff\x55") -> Misbehaviour:
    """Send bytes that are no frame, as a meter at another baud rate does."""
    return lambda _: [(0.0, garbage)]


def flood(length: int) -> Misbehaviour:
    """Send that many bytes without meaning."""
    return lambda _: [(0.0, bytes(range(1, 252)) * (length // 251 + 1))]


def truncated(missing: int = 3) -> Misbehaviour:
    """Leave out the end of the answer."""
    return lambda exchange: [(0.0, exchange.frame[:-missing])]


def bit_error(bit: int = 33) -> Misbehaviour:
    """Turn one bit over."""

    def answer(exchange: Exchange) -> Answer:
        frame = bytearray(exchange.frame)
        frame[bit // 8 % len(frame)] ^= 1 << bit % 8
        return [(0.0, bytes(frame))]

    return answer


def wrong_function(function: int) -> Misbehaviour:
    """Answer with another function code."""
    return lambda exchange: [(0.0, replace(exchange, function=function).frame)]


def wrong_device(device: int) -> Misbehaviour:
    """Answer as if another device did."""
    return lambda exchange: [(0.0, replace(exchange, device=device).frame)]


def wrong_count(count: int) -> Misbehaviour:
    """Answer with so many registers, whatever was asked for."""

    def answer(exchange: Exchange) -> Answer:
        words = (*exchange.words, *range(count))[:count]
        return [(0.0, replace(exchange, words=words).frame)]

    return answer


def exception(code: int = DEVICE_BUSY) -> Misbehaviour:
    """Answer with an exception code."""
    return lambda exchange: [(0.0, replace(exchange, exception=code).frame)]


def echo() -> Misbehaviour:
    """Answer behind an echo of the request, as some adapters give it."""

    def answer(exchange: Exchange) -> Answer:
        call = Call(
            exchange.device, exchange.function, exchange.start, exchange.count, exchange.written
        )
        return [(0.0, frame_of(call) + exchange.frame)]

    return answer


class SimulatedMeter:
    """A meter with the registers that its profile describes, and whatever is set besides.

    `words` maps function code and register to content; registers that are not in it are refused
    with exception 2. `on_write` hears of each write after it was stored, `on_read` of each reading
    before it is answered; `heard` has all requests.
    `one_space` is a meter that tells the same registers with function codes 3 and 4.
    """

    def __init__(
        self,
        profile: MeterProfile,
        *,
        address: int | None = None,
        serial_number: str = "12345678",
        one_space: bool = False,
    ) -> None:
        self.profile = profile
        self.address = profile.serial.address if address is None else address
        self.words: dict[Address, int] = {}
        self.heard: list[Exchange] = []
        self.on_write: Callable[[int, tuple[int, ...]], None] = lambda _start, _words: None
        self.on_read: Callable[[int], None] = lambda _start: None
        self.think_s = 0.0
        self._one_space = one_space
        self._next: deque[Misbehaviour] = deque()
        self._always: Misbehaviour | None = None
        for block in profile.blocks:
            self.set(block.function, block.start, (0,) * block.count)
        for each in profile.identity:
            self.set(each.function, each.start, (0,) * each.count)
        if profile.probe is not None:
            probe = profile.probe
            self.set(probe.function, probe.start, self._encoded(probe.kind, probe.expect[0]))
        self.identify(IdentityField.SERIAL_NUMBER, serial_number)
        self.load()

    def set(self, function: int, start: int, words: Sequence[int]) -> None:
        """Fill registers."""
        for offset, word in enumerate(words):
            for each in (3, 4) if self._one_space else (function,):
                self.words[each, start + offset] = word

    def get(self, function: int, start: int, count: int = 1) -> tuple[int, ...]:
        """Look into registers."""
        return tuple(self.words[function, start + offset] for offset in range(count))

    def identify(self, field: IdentityField, text: str) -> None:
        """Set what the meter says of itself; without effect if it cannot say that."""
        for each in self.profile.identity:
            if each.field is field and each.kind is RegisterType.STR:
                self.set(each.function, each.start, registers.encode_text(text, each.count))
            elif each.field is field:
                self.set(each.function, each.start, self._encoded(each.kind, int(text)))

    def show(self, **quantities: Decimal | float) -> None:
        """Set quantities by name: `show(energy_import=1500, voltage_L1=230)`; scales become 1."""
        for name, number in quantities.items():
            found = written(self.profile, Quantity(name), Decimal(str(number)))
            for (function, register), word in found.items():
                self.set(function, register, (word,))

    def load(
        self,
        energy_wh: Decimal | float = 0,
        currents_a: Sequence[float] = (0.0, 0.0, 0.0),
        voltage_v: float = 230.0,
    ) -> None:
        """Show a load on up to three phases, in all quantities that the meter has."""
        powers_w = [round(voltage_v * current, 1) for current in (*currents_a, 0.0, 0.0)[:3]]
        phases = len([q for q in self.profile.quantities if q.value.startswith("current")]) or 3
        shown: dict[str, Decimal | float] = {
            "energy_import": energy_wh,
            "energy_import_check": energy_wh,
            "power_total": round(sum(powers_w[:phases]), 1),
            "frequency": 50.0,
        }
        for number, power_w in enumerate(powers_w, start=1):
            shown[f"voltage_L{number}"] = voltage_v
            shown[f"current_L{number}"] = (*currents_a, 0.0, 0.0)[number - 1]
            shown[f"power_L{number}"] = power_w
        known = {quantity.value for quantity in self.profile.quantities}
        self.show(**{name: number for name, number in shown.items() if name in known})

    def misbehave(
        self, *answers: Misbehaviour, times: int = 1, always: Misbehaviour | None = None
    ) -> None:
        """Answer the next requests wrongly, one after the other, and all after them `always` so."""
        self._next.extend(list(answers) * times)
        self._always = always

    def answer(self, function: int, start: int, count: int, written: tuple[int, ...]) -> Exchange:
        """Carry out a request as a meter that behaves."""
        asked = Exchange(self.address, function, start, count, written)
        wanted = [(function, start + offset) for offset in range(count)]
        if written:
            self.set(3, start, written)
            self.on_write(start, written)
            self.heard.append(asked)
            return asked
        self.on_read(start)
        if all(address in self.words for address in wanted):
            asked = replace(asked, words=tuple(self.words[address] for address in wanted))
        else:
            asked = replace(asked, exception=ILLEGAL_ADDRESS)
        self.heard.append(asked)
        return asked

    def misbehaved(self, exchange: Exchange) -> Answer:
        """Return what really goes onto the line."""
        if self._next:
            return self._next.popleft()(exchange)
        return [(0.0, exchange.frame)] if self._always is None else self._always(exchange)

    def _encoded(self, kind: RegisterType, number: int) -> tuple[int, ...]:
        return registers.encode(kind, Decimal(number), self.profile.word_order)


class MeterLine:
    """A line with meters on it, behind a pty that is called `port`.

    With a baud rate, requests and answers take as long as on a real line.
    """

    def __init__(self, port: Path, baudrate: int | None = None) -> None:
        self.port = port
        self.meters: dict[int, SimulatedMeter] = {}
        self._baudrate = baudrate
        self._ends: tuple[int, int] | None = None
        self._heard_at: int | None = None
        self._received = b""
        self._received_at_s = 0.0
        self._answering: set[asyncio.Task[None]] = set()
        self._talks = asyncio.Lock()

    def attach(self, meter: SimulatedMeter) -> SimulatedMeter:
        """Put a meter on the line."""
        self.meters[meter.address] = meter
        return meter

    async def start(self) -> None:
        """Plug the adapter in."""
        self.plug_in()

    async def close(self) -> None:
        """Unplug it for good."""
        self.unplug()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def plug_in(self) -> None:
        """Let the port appear."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = (master, slave)
        self.port.symlink_to(os.ttyname(slave))
        self.listen(master)

    def unplug(self) -> None:
        """Let the port vanish; whoever has it open sees it hang up."""
        if self._ends is None:
            return
        master, slave = self._ends
        self._ends = None
        self.port.unlink()
        self.deafen()
        os.close(slave)
        os.close(master)

    def listen(self, fileno: int) -> None:
        """Answer what is asked there."""
        self._heard_at = fileno
        asyncio.get_running_loop().add_reader(fileno, self._hear, fileno)

    def deafen(self) -> None:
        """Answer nothing any more; an answer that is under way breaks off."""
        if self._heard_at is None:
            return
        asyncio.get_running_loop().remove_reader(self._heard_at)
        self._heard_at = None
        for task in self._answering:
            task.cancel()

    def disturb(self, noise: bytes) -> None:
        """Put bytes onto the line that nobody asked for."""
        self._put(noise)

    def _hear(self, fileno: int) -> None:
        try:
            data = os.read(fileno, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.unplug()
            return
        now_s = asyncio.get_running_loop().time()
        if now_s - self._received_at_s > PARTIAL_REQUEST_S:
            self._received = b""
        self._received += data
        self._received_at_s = now_s
        used, request = _framer.handleFrame(self._received, 0, 0)
        length, self._received = len(self._received), self._received[used:]
        if request is None or request.dev_id not in self.meters:
            return
        written = tuple(request.registers) if request.function_code in (6, 16) else ()
        meter = self.meters[request.dev_id]
        exchange = meter.answer(request.function_code, request.address, request.count or 1, written)
        heard_s = length * self._character_s(meter) + meter.think_s
        for delay_s, data in meter.misbehaved(exchange):
            talk = self._say(heard_s + delay_s, data, self._character_s(meter))
            task = asyncio.get_running_loop().create_task(talk)
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _say(self, after_s: float, data: bytes, character_s: float) -> None:
        loop = asyncio.get_running_loop()
        if after_s > 0:
            await asyncio.sleep(after_s)
        async with self._talks:
            if not character_s:
                self._put(data)
                return
            began_s = loop.time()
            for end in range(_CHUNK_BYTES, len(data) + _CHUNK_BYTES, _CHUNK_BYTES):
                chunk = data[end - _CHUNK_BYTES : end]
                sent_s = began_s + min(end, len(data)) * character_s
                await asyncio.sleep(max(0.0, sent_s - loop.time()))
                self._put(chunk)

    def _put(self, data: bytes) -> None:
        """Write what fits; a flooded line loses the rest."""
        if self._heard_at is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._heard_at, data)

    def _character_s(self, meter: SimulatedMeter) -> float:
        if self._baudrate is None:
            return 0.0
        return replace(meter.profile.serial, baudrate=self._baudrate).character_s


class MemoryBus:
    """The same meters without a line: what `hal.modbus.bus.Bus` is to a driver.

    `failures` are raised by the next questions; None among them lets one pass.
    """

    def __init__(self, *meters: SimulatedMeter) -> None:
        self.meters = {meter.address: meter for meter in meters}
        self.failures: deque[MeterFault | None] = deque()
        self.asked: list[Call] = []
        self.released = 0

    async def ask(self, call: Call, limits: Limits) -> tuple[int, ...]:
        self.asked.append(call)
        await asyncio.sleep(0)
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        meter = self.meters[call.device]
        told = meter.answer(call.function, call.start, call.count, call.words)
        if told.exception:
            raise MeterFault(FaultKind.EXCEPTION, f"exception {told.exception} to {call.start}")
        return told.words

    async def release(self) -> None:
        self.released += 1


def written(profile: MeterProfile, quantity: Quantity, number: Decimal) -> dict[Address, int]:
    """Return the registers with which a meter tells a number; scale registers hold 10^0.

    Of several values that make up a quantity, each with a scale of the number's sign takes what it
    can in whole steps, the coarsest first, and the finest the rest.
    """
    found: dict[Address, int] = {}
    for value, raw in _shares(profile, quantity, number):
        words = registers.encode(value.kind, raw, profile.word_order)
        found |= {(value.function, value.address + i): word for i, word in enumerate(words)}
        if value.scale_register is not None:
            found[value.function, value.scale_register] = 0
    return found


def _shares(
    profile: MeterProfile, quantity: Quantity, number: Decimal
) -> Iterator[tuple[Value, Decimal]]:
    values = sorted(profile.values_of(quantity), key=lambda value: abs(value.scale), reverse=True)
    takers = [value for value in values if value.scale * number >= 0] or values
    yield from ((value, Decimal(0)) for value in values if value not in takers)
    for value in takers[:-1]:
        whole = (number / value.scale).to_integral_value(rounding=ROUND_FLOOR)
        number -= whole * value.scale
        yield value, whole
    yield takers[-1], number / takers[-1].scale
