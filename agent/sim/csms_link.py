"""One WebSocket connection of a station: frames in and out, answers to their calls.

Whatever has arrived is dealt with before anything is sent, so that a second CALL which the station
sent without waiting for its answer is seen as such.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agent.sim.csms_model import Rule
from agent.sim.csms_office import Exchange
from agent.sim.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Frame,
    MalformedFrame,
    Payload,
    Send,
    call_text,
    parse,
)
from agent.sim.misbehaviour import Ending, Plan


class StationNotConnected(RuntimeError):
    """There is no connection to send on; wait until the station has connected."""


class StationDidNotAnswer(TimeoutError):
    """No answer in time; allow more time, or look at the recorded frames."""


class StationRefusedCall(RuntimeError):
    """The station answered with a CALLERROR."""

    def __init__(self, action: str, error: CallError) -> None:
        super().__init__(f"{action} was refused: {error.code} {error.description}")
        self.code = error.code


class Receiver(Protocol):
    """What a connection needs from the CSMS behind it."""

    def plan(self, call: Call) -> Plan:
        """Decide what to do with a CALL."""
        ...

    def answer(self, exchange: Exchange, call: Call) -> str:
        """Take over a CALL and return the answer's text."""
        ...

    def note(self, exchange: Exchange, send: Send) -> None:
        """Take over a SEND."""
        ...

    def refuse(self, error: MalformedFrame) -> str | None:
        """Return the CALLERROR for an unreadable frame, if the version has one for it."""
        ...

    def check_answer(self, exchange: Exchange, command: str, result: CallResult) -> None:
        """Check the answer to a command."""
        ...

    def open_exchange(self, text: str) -> Exchange:
        """Record a received frame."""
        ...

    def record_sent(self, text: str) -> None:
        """Record a sent frame."""
        ...

    def changed(self) -> None:
        """Tell those who wait that something has happened."""
        ...


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A frame to send, the messageId of the CALL that it answers, and what to do afterwards."""

    text: str | bytes | None
    answers: str | None = None
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    action: str
    answer: asyncio.Future[CallResult | CallError]


class Link:
    """A live connection; `station_timeout_s` is how long the station waits for an answer."""

    def __init__(
        self, socket: ServerConnection, receiver: Receiver, station_timeout_s: float
    ) -> None:
        self._socket = socket
        self._receiver = receiver
        self._station_timeout_s = station_timeout_s
        self._loop = asyncio.get_running_loop()
        self._outgoing: deque[_Outgoing] = deque()
        self._wake = asyncio.Event()
        self._unanswered: dict[str, tuple[str, float]] = {}
        self._pending: dict[str, _Pending] = {}
        self._forgotten: set[str] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the connection until it ends."""
        writer = asyncio.create_task(self._write())
        try:
            async for text in self._socket:
                self._receive(text)
        except ConnectionClosed:
            return  # A broken connection ends the service like a closed one.
        finally:
            writer.cancel()
            closing = [self._closing] if self._closing is not None else []
            await asyncio.gather(writer, *closing, return_exceptions=True)
            self._end()

    async def call(self, action: str, payload: Payload, timeout_s: float) -> Payload:
        """Send a CALL and wait for its CALLRESULT.

        Raises StationRefusedCall, StationDidNotAnswer or StationNotConnected.
        """
        message_id = str(uuid.uuid4())
        pending = _Pending(action, self._loop.create_future())
        self._pending[message_id] = pending
        self.send(call_text(message_id, action, payload))
        try:
            async with asyncio.timeout(timeout_s):
                answer = await pending.answer
        except TimeoutError:
            msg = f"no answer to {action} within {timeout_s} s"
            raise StationDidNotAnswer(msg) from None
        finally:
            self._pending.pop(message_id, None)
            self._forgotten.add(message_id)
        if isinstance(answer, CallError):
            raise StationRefusedCall(action, answer)
        return answer.payload

    def send(self, text: str | bytes, answers: str | None = None) -> None:
        """Queue a frame; `answers` is the messageId of the CALL that it settles."""
        self._queue(_Outgoing(text, answers))

    def close(self, code: int = 1000) -> None:
        """Start the closing handshake."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._socket.close(code))

    def abort(self) -> None:
        """Kill the TCP connection without a word."""
        self._socket.transport.abort()

    def _receive(self, text: str | bytes) -> None:
        received = text if isinstance(text, str) else repr(text)
        exchange = self._receiver.open_exchange(received)
        if isinstance(text, bytes):
            exchange.fault(Rule.FRAME, "a binary frame")
        else:
            self._receive_text(exchange, text)
        self._receiver.changed()

    def _receive_text(self, exchange: Exchange, text: str) -> None:
        try:
            frame = parse(text)
        except MalformedFrame as error:
            exchange.fault(Rule.FRAME, str(error))
            refusal = self._receiver.refuse(error)
            if refusal is not None:
                self.send(refusal)
            return
        self._receive_frame(exchange, frame)

    def _receive_frame(self, exchange: Exchange, frame: Frame) -> None:
        match frame:
            case Call():
                self._receive_call(exchange, frame)
            case CallResult() | CallError():
                self._receive_answer(exchange, frame)
            case Send():
                self._receiver.note(exchange, frame)
            case CallResultError():
                message = f"the station refused our answer: {frame.code} {frame.description}"
                exchange.fault(Rule.ANSWER, message)

    def _receive_call(self, exchange: Exchange, call: Call) -> None:
        self._check_call_is_alone(exchange, call)
        self._unanswered[call.message_id] = (call.action, self._loop.time())
        plan = self._receiver.plan(call)
        registration = exchange.station.registration
        honest = self._receiver.answer(exchange, call) if plan.record else None
        text = plan.answer or honest
        copies = plan.copies if text is not None else 0
        if copies == 0:
            # What the station was never told does not bind it.
            exchange.station.registration = registration
        self._after(plan.delay_s, lambda: self._carry_out(call, plan, text, copies))

    def _carry_out(self, call: Call, plan: Plan, text: str | None, copies: int) -> None:
        for _ in range(copies):
            self.send(text or "", answers=call.message_id)
        if plan.ending is Ending.ABORT:
            self._queue(_Outgoing(text=None, then=self.abort))
        elif plan.ending is Ending.CLOSE:
            self._queue(_Outgoing(text=None, then=lambda: self.close(plan.close_code)))

    def _after(self, delay_s: float, action: Callable[[], object]) -> None:
        if delay_s <= 0:
            action()
            return

        def act() -> None:
            self._timers.discard(timer)
            action()

        timer = self._loop.call_later(delay_s, act)
        self._timers.add(timer)

    def _check_call_is_alone(self, exchange: Exchange, call: Call) -> None:
        """Allow a CALL after an unanswered one only when the station has given up waiting."""
        now = self._loop.time()
        for action, since in self._unanswered.values():
            age_s = now - since
            if age_s < 0.9 * self._station_timeout_s:
                message = f"{call.action} came {age_s:.3f} s after {action}, still unanswered"
                exchange.fault(Rule.ONE_CALL, message)
        self._unanswered.clear()

    def _receive_answer(self, exchange: Exchange, answer: CallResult | CallError) -> None:
        pending = self._pending.get(answer.message_id or "")
        if pending is None:
            if answer.message_id not in self._forgotten:
                message = f"an answer to {answer.message_id!r}, which was never asked"
                exchange.fault(Rule.ANSWER, message)
            return
        if isinstance(answer, CallResult):
            self._receiver.check_answer(exchange, pending.action, answer)
        if not pending.answer.done():
            pending.answer.set_result(answer)

    def _queue(self, outgoing: _Outgoing) -> None:
        self._outgoing.append(outgoing)
        self._wake.set()

    async def _write(self) -> None:
        """Send what is queued; a connection that cannot be written to is of no use and ends."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outgoing:
                    await self._write_one(self._outgoing.popleft())
        finally:
            self.abort()

    async def _write_one(self, outgoing: _Outgoing) -> None:
        if outgoing.answers is not None:
            self._unanswered.pop(outgoing.answers, None)
        if outgoing.text is not None:
            shown = outgoing.text if isinstance(outgoing.text, str) else repr(outgoing.text)
            self._receiver.record_sent(shown)
            await self._socket.send(outgoing.text)
            self._receiver.changed()
        if outgoing.then is not None:
            outgoing.then()

    def _end(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(StationNotConnected("the station has gone"))
                pending.answer.exception()
