"""One connection to the CSMS: it carries calls in both directions and notices its own end.

It knows frames, not messages. One CALL of ours is outstanding at a time; every CALL of the CSMS is
served in a task of its own, so that a handler may call the CSMS and reading never waits for it.
What a handler starts as a task runs after its answer is written.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Any, TypeAlias

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from agent.core.records import dataclass
from agent.ocpp.dialect import RpcErrorCode
from agent.ocpp.dialing import StationSocket, dial
from agent.ocpp.endpoint import Endpoint
from agent.ocpp.framing import Flaw, Payload
from agent.ocpp.outcomes import (
    CallError,
    CallFailed,
    CallTimeout,
    CloseCause,
    Closed,
    ConnectionLost,
    Reply,
)
from agent.ocpp.rpc import CallRejected, Rpc
from agent.ocpp.rpc_events import (
    ErrorReceived,
    IncomingCall,
    IncomingSend,
    ReplyReceived,
    ResultRejected,
    RpcEvent,
    StrayAnswer,
    Transmit,
    Violation,
)
from agent.ocpp.tls import client_context
from agent.ocpp.token_bucket import TokenBucket

__all__ = [
    "CallError",
    "CallFailed",
    "CallTimeout",
    "CloseCause",
    "Closed",
    "Connection",
    "ConnectionLost",
    "Counters",
    "Direction",
    "FrameObserver",
    "Handlers",
    "Reply",
    "connect",
]

logger = logging.getLogger(__name__)


class Direction(StrEnum):
    """Which way a frame goes."""

    IN = "in"
    OUT = "out"


@dataclass(slots=True)
class Counters:
    """What happened on one connection."""

    frames_in: int = 0
    frames_out: int = 0
    calls_answered: int = 0
    calls_refused: int = 0
    calls_timed_out: int = 0
    calls_received: int = 0
    stray_answers: int = 0
    violations: int = 0
    throttled: int = 0

    @property
    def answers(self) -> int:
        """How many CALLs of ours were answered, with a result or an error."""
        return self.calls_answered + self.calls_refused


FrameObserver: TypeAlias = Callable[[Direction, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """Who takes what comes in.

    `on_call` returns the payload of the answer, or None to leave the CALL unanswered; it may raise
    CallRejected. The others are told and must not block.
    """

    on_call: Callable[[str, Payload], Awaitable[Payload | None]]
    on_send: Callable[[str, Payload], None] = lambda _action, _payload: None
    on_violation: Callable[[Flaw], None] = lambda _flaw: None
    on_result_rejected: Callable[[ResultRejected], None] = lambda _rejection: None


async def connect(
    endpoint: Endpoint,
    rpc_factory: Callable[[str], Rpc],
    *,
    on_frame: FrameObserver | None = None,
    tls_context: Callable[[Endpoint], Any] = client_context,
) -> "Connection":
    """Dial; `rpc_factory` is given the subprotocol. Nothing is read before `Connection.start`.

    `on_frame` sees every text frame in full, secrets included. Raises a kind of ConnectFailed.
    """
    socket = await dial(endpoint, tls_context)
    return Connection(endpoint, socket, rpc_factory(str(socket.subprotocol)), on_frame)


class Connection:
    """An open WebSocket with the RPC framework on it; made by `connect`."""

    def __init__(
        self, endpoint: Endpoint, socket: StationSocket, rpc: Rpc, on_frame: FrameObserver | None
    ) -> None:
        self.subprotocol = str(socket.subprotocol)
        self.counters = Counters()
        self._endpoint = endpoint
        self._socket = socket
        self._rpc = rpc
        self._on_frame = on_frame
        self._handlers: Handlers | None = None
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Future[Reply | CallFailed] | None = None
        self._bucket = TokenBucket(endpoint.calls_per_s, endpoint.call_burst)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cause: CloseCause | None = None
        self._closed: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """The CSMS can be called."""
        return self._cause is None and self._socket.state is State.OPEN

    def start(self, handlers: Handlers) -> None:
        """Begin to read; frames that came before are delivered now."""
        if self._handlers is not None:
            raise RuntimeError("the connection is started already")
        self._handlers = handlers
        self._spawn(self._run(handlers))

    async def call(self, action: str, payload: Payload, timeout_s: float | None = None) -> Reply:
        """Send a CALL when it is its turn; return the answer.

        Raises CallError, CallTimeout (then the connection is aborted), ConnectionLost, and
        UnencodableFrame. When cancelled, a CALL that was sent still waits for its answer.
        """
        if self._handlers is None:
            raise RuntimeError("the connection must be started before a call")
        await self._turn.acquire()
        limit_s = self._endpoint.call_timeout_s if timeout_s is None else timeout_s
        return await asyncio.shield(self._spawn(self._exchange(action, payload, limit_s)))

    async def send(self, action: str, payload: Payload) -> None:
        """Send a SEND. Raises MessageTypeUnavailable, UnencodableFrame and ConnectionLost."""
        await self._transmit(self._rpc.send(action, payload))

    async def reject_result(self, reply: Reply, code: RpcErrorCode, description: str = "") -> None:
        """Tell the CSMS that its answer is unusable, if the version can. Raises ConnectionLost."""
        text = self._rpc.reject_result(reply.message_id, code, description)
        if text is not None:
            await self._transmit(text)

    def abort(self) -> None:
        """End the connection now, without a word to the CSMS."""
        self._abort(CloseCause.ABORTED)

    async def close(self, code: int = 1000) -> None:
        """Close in order; the TCP connection is down on return, after 2 s at most by default."""
        self._cause = self._cause or CloseCause.CLOSED_BY_US
        await self._socket.close(code)
        if self._handlers is None:
            self._finish()
        await self.wait_closed()

    async def close_when_idle(self, code: int = 1000) -> None:
        """Close in order once no CALL of ours awaits its answer."""
        async with self._turn:
            await self.close(code)

    async def wait_closed(self) -> Closed:
        """Return how the connection ended, once it has."""
        return await asyncio.shield(self._closed)

    async def _run(self, handlers: Handlers) -> None:
        pinging = self._spawn(self._supervise())
        try:
            await self._read(handlers)
        except Exception:
            logger.exception("reading from the CSMS failed")
        finally:
            pinging.cancel()
            self._socket.abort()
            await self._socket.wait_closed()
            self._finish()

    def _finish(self) -> None:
        code = self._socket.protocol.close_rcvd.code if self._socket.protocol.close_rcvd else None
        cause = CloseCause.LOST if code is None else CloseCause.CLOSED_BY_PEER
        closed = Closed(self._cause or cause, code)
        self._cause = closed.cause
        logger.info("connection to the CSMS ended: %s (code %s)", closed.cause, code)
        if not self._closed.done():
            self._closed.set_result(closed)
        self._settle(ConnectionLost(closed.cause))

    async def _read(self, handlers: Handlers) -> None:
        with contextlib.suppress(ConnectionClosed, ConnectionLost):
            while True:
                received = await self._socket.recv()
                self._note(Direction.IN, received)
                events = self._rpc.receive(received, self._now())
                for event in events:
                    await self._dispatch(event, handlers)
                await self._throttle(events)

    async def _throttle(self, events: list[RpcEvent]) -> None:
        """Read more slowly what the CSMS sends unasked; answers to our CALLs are exempt."""
        if all(isinstance(event, ReplyReceived | ErrorReceived) for event in events) and events:
            return
        wait_s = self._bucket.take(self._now())
        if wait_s > 0:
            self.counters.throttled += 1
            await asyncio.sleep(wait_s)

    async def _dispatch(self, event: RpcEvent, handlers: Handlers) -> None:
        match event:
            case IncomingCall():
                self.counters.calls_received += 1
                self._spawn(self._serve(event, handlers))
            case ReplyReceived():
                self.counters.calls_answered += 1
                self._settle(Reply(event.message_id, event.payload))
            case ErrorReceived():
                self.counters.calls_refused += 1
                self._settle(CallError(event))
            case Transmit():
                await self._transmit(event.text)
            case _:
                self._tell(event, handlers)

    def _tell(
        self,
        event: IncomingSend | ResultRejected | StrayAnswer | Violation,
        handlers: Handlers,
    ) -> None:
        match event:
            case StrayAnswer():
                self.counters.stray_answers += 1
            case Violation():
                self.counters.violations += 1
                _guarded(handlers.on_violation, event.flaw)
            case IncomingSend():
                _guarded(handlers.on_send, event.action, event.payload)
            case ResultRejected():
                _guarded(handlers.on_result_rejected, event)

    async def _serve(self, call: IncomingCall, handlers: Handlers) -> None:
        text = await self._answer(call, handlers)
        if text is not None:
            with contextlib.suppress(ConnectionLost):
                await self._transmit(text)

    async def _answer(self, call: IncomingCall, handlers: Handlers) -> str | None:
        try:
            payload = await handlers.on_call(call.action, call.payload)
            if payload is None:
                self._rpc.ignore(call.message_id)
                return None
            return self._rpc.answer(call.message_id, payload)
        except CallRejected as refusal:
            details = refusal.details
            return self._rpc.reject(call.message_id, refusal.code, refusal.description, details)
        except Exception:
            logger.exception("the handler of %r failed", call.action)
            return self._rpc.reject(call.message_id, RpcErrorCode.INTERNAL_ERROR, "internal error")

    async def _exchange(self, action: str, payload: Payload, timeout_s: float) -> Reply:
        """Do one CALL; the caller has taken the turn, this gives it back."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            self._require_open()
            _, text = self._rpc.call(action, payload, self._now(), timeout_s)
            async with asyncio.timeout(timeout_s):
                await self._transmit(text)
                outcome = await self._waiting
        except TimeoutError:
            self.counters.calls_timed_out += 1
            self._rpc.expire(math.inf)
            self._abort(CloseCause.CALL_TIMEOUT)
            raise CallTimeout(f"{action} was not answered within {timeout_s} s") from None
        finally:
            self._waiting = None
            self._turn.release()
        if isinstance(outcome, CallFailed):
            raise outcome
        return outcome

    def _settle(self, outcome: Reply | CallFailed) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(outcome)

    async def _transmit(self, text: str) -> None:
        self._require_open()
        self._note(Direction.OUT, text)
        try:
            async with asyncio.timeout(self._endpoint.call_timeout_s):
                await self._socket.send(text)
        except TimeoutError:
            self._abort(CloseCause.PEER_NOT_READING)
            raise ConnectionLost(CloseCause.PEER_NOT_READING) from None
        except ConnectionClosed:
            raise ConnectionLost(self._cause or CloseCause.LOST) from None

    async def _supervise(self) -> None:
        """Ping; a ping that nothing follows is the end. Any other sign of life serves as well."""
        interval_s = self._endpoint.ping_interval_s
        while interval_s > 0:
            await asyncio.sleep(interval_s)
            if not await self._is_alive():
                self._abort(CloseCause.PING_UNANSWERED)
                return

    async def _is_alive(self) -> bool:
        asked_at, frames = self._now(), self.counters.frames_in
        try:
            async with asyncio.timeout(self._endpoint.pong_timeout_s):
                await (await self._socket.ping())
        except TimeoutError:
            # Frames that are still being read hold up the pong behind them.
            return self._socket.heard_at > asked_at or self.counters.frames_in > frames
        except ConnectionClosed:
            return True
        return True

    def _require_open(self) -> None:
        if not self.is_open:
            raise ConnectionLost(self._cause or CloseCause.LOST)

    def _abort(self, cause: CloseCause) -> None:
        self._cause = self._cause or cause
        self._socket.abort()

    def _note(self, direction: Direction, text: str | bytes) -> None:
        if direction is Direction.IN:
            self.counters.frames_in += 1
        else:
            self.counters.frames_out += 1
        if self._on_frame is not None and isinstance(text, str):
            _guarded(self._on_frame, direction, text)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[Any]) -> None:
        """Take note of the end, so that a failure nobody awaits any more is not reported."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()


def _guarded(callback: Callable[..., None], *arguments: object) -> None:
    """Tell an observer, whose faults must not end the connection."""
    try:
        callback(*arguments)
    except Exception:
        logger.exception("an observer of the connection failed")
