"""A CSMS that accepts everything, in so little time that the station is what is measured.

It speaks just enough WebSocket and OCPP-J for that: one frame a message, every CALL answered at
once, arrival noted with the monotonic clock before anything else is done with it.
"""

import asyncio
import base64
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
ANSWER_TIMEOUT_S = 10.0

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One CALL of the station."""

    at_s: float
    connection: int
    action: str
    payload: Payload


class LoopbackCsms:
    """Listens on a free port of the loopback interface; an async context manager.

    `arrivals` are all CALLs in their order, `on_arrival` is told of each one as well. A station
    that offers several versions gets its first one.
    """

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.on_arrival: Callable[[Arrival], None] = lambda _arrival: None
        self.connections = 0
        self._numbers: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._line: _StationLine | None = None
        self._waiters: deque[tuple[Callable[[], bool], asyncio.Future[None]]] = deque()

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _StationLine(self), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and drop the station."""
        if self._line is not None:
            self._line.drop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The URL for the station's configuration."""
        assert self._server is not None, "the CSMS does not listen yet"
        port = self._server.sockets[0].getsockname()[1]
        return f"ws://127.0.0.1:{port}/ocpp"

    @property
    def connected(self) -> bool:
        """Tell whether a station is connected."""
        return self._line is not None

    def count(self, action: str) -> int:
        """Return how many CALLs of an action have arrived."""
        return sum(arrival.action == action for arrival in self.arrivals)

    async def until(self, holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until something holds, looked at after each arrival; raises TimeoutError."""
        if holds():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((holds, future))
        async with asyncio.timeout(timeout_s):
            await future

    async def call(self, action: str, payload: Payload) -> tuple[Payload, float]:
        """Send a CALL; return the result and the seconds until it was there.

        Raises ConnectionError without a station, RuntimeError on a CALLERROR.
        """
        if self._line is None:
            raise ConnectionError("no station is connected")
        return await self._line.call(action, payload)

    # --- For the lines of stations.

    def connected_by(self, line: "_StationLine") -> int:
        """Take note of a station; return the number of its connection."""
        self._line = line
        self.connections += 1
        self._look()
        return self.connections

    def lost(self, line: "_StationLine") -> None:
        """Take note that a station is gone."""
        if self._line is line:
            self._line = None
        self._look()

    def arrived(self, arrival: Arrival) -> Payload:
        """Note a CALL and return its answer."""
        self.arrivals.append(arrival)
        self.on_arrival(arrival)
        if self._waiters:
            self._look()
        return self._answer(arrival.action, arrival.payload)

    def _look(self) -> None:
        for _ in range(len(self._waiters)):
            holds, future = self._waiters.popleft()
            if future.done():
                continue
            if holds():
                future.set_result(None)
            else:
                self._waiters.append((holds, future))

    def _answer(self, action: str, payload: Payload) -> Payload:
        match action:
            case "BootNotification":
                return {"currentTime": _now(), "interval": 300, "status": "Accepted"}
            case "Heartbeat":
                return {"currentTime": _now()}
            case "StartTransaction":
                return {"transactionId": self._number(payload), "idTagInfo": _ACCEPTED}
            case "Authorize":
                return {"idTagInfo" if "idTag" in payload else "idTokenInfo": _ACCEPTED}
            case "TransactionEvent":
                return {"idTokenInfo": _ACCEPTED} if "idToken" in payload else {}
            case _:
                return {}

    def _number(self, payload: Payload) -> int:
        """Give a start that is repeated the number that it got before."""
        return self._numbers.setdefault(json.dumps(payload, sort_keys=True), len(self._numbers) + 1)


_ACCEPTED = {"status": "Accepted"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class _Waiting:
    sent_s: float
    answered: asyncio.Future[tuple[list[Any], float]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class _StationLine(asyncio.Protocol):
    """One station's connection: handshake, frames, correlation."""

    def __init__(self, csms: LoopbackCsms) -> None:
        self._csms = csms
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._number: int | None = None
        self._calls = 0
        self._waiting: dict[str, _Waiting] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        """Tell the CSMS; nobody waits for ever."""
        self._csms.lost(self)
        for waiting in self._waiting.values():
            if not waiting.answered.done():
                waiting.answered.set_exception(ConnectionResetError("the station is gone"))

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        """Take the time, then the frames."""
        at_s = time.monotonic()
        self._buffer += data
        if self._number is None and not self._shake_hands():
            return
        while (frame := take_frame(self._buffer)) is not None:
            self._take(*frame, at_s)

    def drop(self) -> None:
        """End the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    async def call(self, action: str, payload: Payload) -> tuple[Payload, float]:
        """Send a CALL; return the result and the seconds that it took."""
        self._calls += 1
        message_id = f"csms-{self._calls}"
        text = json.dumps([2, message_id, action, payload], separators=(",", ":"))
        waiting = self._waiting[message_id] = _Waiting(time.monotonic())
        self._send(TEXT, text.encode())
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                message, at_s = await waiting.answered
        finally:
            del self._waiting[message_id]
        if message[0] != 3:
            raise RuntimeError(f"{action} was refused: {message[2:4]}")
        result: Payload = message[2]
        return result, at_s - waiting.sent_s

    def _shake_hands(self) -> bool:
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            return False
        self._buffer[:] = rest
        self._write(handshake_answer(head))
        self._number = self._csms.connected_by(self)
        return True

    def _take(self, opcode: int, body: bytes, at_s: float) -> None:
        if opcode == TEXT:
            self._take_message(json.loads(body), at_s)
        elif opcode == PING:
            self._send(PONG, body)
        elif opcode == CLOSE and self._transport is not None:
            self._send(CLOSE, body)
            self._transport.close()

    def _take_message(self, message: list[Any], at_s: float) -> None:
        if message[0] != 2:
            waiting = self._waiting.get(message[1])
            if waiting is not None and not waiting.answered.done():
                waiting.answered.set_result((message, at_s))
            return
        _, message_id, action, payload = message
        answer = self._csms.arrived(Arrival(at_s, self._number or 0, action, payload))
        text = json.dumps([3, message_id, answer], separators=(",", ":"))
        self._send(TEXT, text.encode())

    def _send(self, opcode: int, body: bytes) -> None:
        self._write(server_frame(opcode, body))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def handshake_answer(head: bytes) -> bytes:
    """Return the answer to a WebSocket's opening request; of the subprotocols, the first."""
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    digest = hashlib.sha1(
        headers[b"sec-websocket-key"] + WEBSOCKET_GUID, usedforsecurity=False
    ).digest()
    subprotocol = headers[b"sec-websocket-protocol"].split(b",")[0].strip()
    lines = (
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest),
        b"Sec-WebSocket-Protocol: " + subprotocol,
        b"\r\n",
    )
    return b"\r\n".join(lines)


def take_frame(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take one masked frame off the buffer: opcode and body; None while it is incomplete.

    Raises ValueError for a fragment: the station sends each message in one frame.
    """
    if len(buffer) < 6:
        return None
    if not buffer[0] & 0x80 or not buffer[1] & 0x80:
        raise ValueError("a frame in fragments, or without mask")
    size, begin = buffer[1] & 0x7F, 2
    if size >= 126:
        begin = 4 if size == 126 else 10
        size = int.from_bytes(buffer[2:begin])
    end = begin + 4 + size
    if len(buffer) < end:
        return None
    opcode, mask = buffer[0] & 0x0F, bytes(buffer[begin : begin + 4])
    body = unmasked(bytes(buffer[begin + 4 : end]), mask)
    del buffer[:end]
    return opcode, body


def unmasked(body: bytes, mask: bytes) -> bytes:
    """Return the body without its mask, all octets at once."""
    size = len(body)
    pattern = int.from_bytes((mask * (size // 4 + 1))[:size])
    return (int.from_bytes(body) ^ pattern).to_bytes(size)


def server_frame(opcode: int, body: bytes) -> bytes:
    """Return an unmasked frame."""
    size = len(body)
    if size < 126:
        return bytes((0x80 | opcode, size)) + body
    if size < 1 << 16:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2) + body
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8) + body
