"""The services' end of the link to the guard: connects, reconnects, grants, tells everybody.

Leases are not renewed here: whoever grants one renews it, so that a hanging service loses its
permission like a dead one.
"""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from hal.api import Fault, GuardGone, GuardStatus, Lease
from hal.guard import endpoint, trouble
from hal.guard.protocol import (
    FRAME_BYTES,
    Bye,
    Farewell,
    FrameError,
    Hello,
    Message,
    Role,
    Sequence,
    Unlock,
    decode,
    encode,
)

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0
# The guard repeats every status each half second; this long without one it hangs.
SILENCE_S = 2.0
LONGEST_BACKLOG = 1024

_log = logging.getLogger(__name__)

Event = GuardStatus | GuardGone


class GuardClient:
    """A `GuardLink` over the guard's socket: an async context manager, or `start` and `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: socket.socket | None = None
        self._sent = 0
        self._task: asyncio.Task[None] | None = None
        self._subscriptions: set[_Subscription] = set()
        self._known: dict[int, GuardStatus] = {}
        self._gone: GuardGone | None = None
        self._last_words = ""
        self._guard_pid: int | None = None

    @property
    def guard_pid(self) -> int | None:
        """The process of the guard that was heard last."""
        return self._guard_pid

    @property
    def connected(self) -> bool:
        """Tell whether a guard is at the other end."""
        return self._connection is not None

    async def __aenter__(self) -> Self:
        """Start to connect."""
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection; the guard notices at once."""
        await self.close()

    def start(self) -> None:
        """Connect in the background, again and again, until closed."""
        if self._task is None:
            self._task = asyncio.create_task(self._stay_connected(), name="guard link")

    async def close(self) -> None:
        """Close the connection and end every iteration over `statuses`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for subscription in tuple(self._subscriptions):
            subscription.end()

    async def grant(self, lease: Lease) -> None:
        """Send a lease; raises `FrameError` for one that no guard accepts."""
        self._send(lease)

    async def unlock(self, evse: int) -> None:
        """Send a request to release the retention lock once."""
        self._send(Unlock(evse))

    async def statuses(self) -> AsyncIterator[Event]:
        """Yield what is known now, then every change and each EVSE at least every second.

        A consumer that falls more than a thousand events behind loses the oldest ones.
        """
        subscription = _Subscription(self._known.values() if self._gone is None else [self._gone])
        self._subscriptions.add(subscription)
        try:
            while (event := await subscription.next()) is not None:
                yield event
        finally:
            self._subscriptions.discard(subscription)

    def _send(self, message: Message) -> None:
        self._sent += 1
        frame = encode(message, self._sent)
        if self._connection is None:
            return
        try:
            self._connection.send(frame)
        except OSError as error:
            # A full buffer is a guard that hangs, a broken pipe one that is gone: the reading side
            # notices both, and the lease runs out by itself.
            _log.debug("the guard does not take frames: %s", error)

    async def _stay_connected(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                reason, settled = await self._serve_once()
            except OSError as error:
                reason, settled = f"{self._path}: {error.strerror}", False
            self._lose(reason)
            retry_s = FIRST_RETRY_S if settled else min(retry_s * 2, LONGEST_RETRY_S)
            await asyncio.sleep(retry_s)

    async def _serve_once(self) -> tuple[str, bool]:
        """Serve one connection to its end; return why it ended and whether to retry quickly."""
        connection = endpoint.connect(self._path)
        try:
            self._sent += 1
            connection.send(encode(Hello(Role.SERVICES, os.getpid()), self._sent))
            return await self._listen(connection)
        finally:
            self._connection = None
            connection.close()

    async def _listen(self, connection: socket.socket) -> tuple[str, bool]:
        loop = asyncio.get_running_loop()
        sequence = Sequence()
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    frame = await loop.sock_recv(connection, FRAME_BYTES + 1)
            except TimeoutError:
                return f"the guard has been silent for {SILENCE_S:g} s", False
            if not frame:
                return "the guard closed the connection", True
            try:
                message, number = decode(frame)
                sequence.accept(number)
            except FrameError as error:
                return f"the guard sent a wrong frame: {error}", False
            if isinstance(message, Bye):
                return _farewell(message), message.reason is Farewell.SHUTTING_DOWN
            self._take(message, connection)

    def _take(self, message: Message, connection: socket.socket) -> None:
        match message:
            case Hello():
                self._connection = connection
                self._guard_pid = message.pid
                self._gone = None
                _log.info("connected to the guard (process %d)", message.pid)
            case GuardStatus():
                self._hear(message)
            case _:
                _log.warning("the guard sent %s, which is not for us", type(message).__name__)

    def _hear(self, status: GuardStatus) -> None:
        if Fault.LINES_LOST in status.faults:
            status = replace(status, trouble=trouble.read(self._path))
        self._known[status.evse] = status
        self._publish(status)

    def _lose(self, reason: str) -> None:
        """Tell everybody once that the guard is gone, and again when it has said why."""
        self._known.clear()
        last_words = trouble.read(self._path)
        if self._gone is not None and last_words == self._last_words:
            return
        self._last_words = last_words
        self._gone = GuardGone(f"it said: {last_words}" if last_words else reason)
        _log.warning("the guard is gone: %s", self._gone.reason)
        self._publish(self._gone)

    def _publish(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.put(event)


def _farewell(bye: Bye) -> str:
    match bye.reason:
        case Farewell.SHUTTING_DOWN:
            return "the guard is shutting down"
        case Farewell.SUPERSEDED:
            return "another process took over the guard; only one may run"
        case Farewell.REFUSED:
            return "the guard refused this process; see [guard] group"


class _Subscription:
    """The backlog of one consumer; None is its end."""

    def __init__(self, known: Iterable[Event]) -> None:
        self._events: deque[Event | None] = deque(known, maxlen=LONGEST_BACKLOG)
        self._filled = asyncio.Event()
        if self._events:
            self._filled.set()

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._filled.set()

    def end(self) -> None:
        self._events.append(None)
        self._filled.set()

    async def next(self) -> Event | None:
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        return self._events.popleft()
