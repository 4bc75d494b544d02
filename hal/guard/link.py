"""The guard's end of the link to the services: connections, who counts, frames in and out.

Only one connection grants leases: the newest that said hello as the services. A probe is answered
and dismissed. Everything else is refused and counted.
"""

import logging
import os
import select
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from hal.api import GuardStatus, Lease
from hal.guard import endpoint
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

MOST_CONNECTIONS = 8
GREETING_S = 2.0
REPEAT_S = 0.5
NEWS_V = 0.25
# A peer that sends faster than this per round waits for the next one.
FRAMES_PER_ROUND = 32

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    opened_s: float
    role: Role | None = None
    sent: int = 0
    sequence: Sequence = field(default_factory=Sequence)


@dataclass(frozen=True, slots=True)
class Received:
    """What one round brought: leases and unlocks in order, and whether the services are gone."""

    requests: tuple[Lease | Unlock, ...] = ()
    services_gone: bool = False


class ServicesLink:
    """Owns the listening socket and all connections; registers them with the loop's poll object.

    `rejected` counts frames and peers that were refused, `last_seen_s` is when the services were
    last connected.
    """

    def __init__(
        self,
        listener: socket.socket,
        poll: select.poll,
        evses: frozenset[int],
        group: int | None,
        now_s: float,
    ) -> None:
        self._listener = listener
        self._poll = poll
        self._evses = evses
        self._group = group
        self._connections: dict[int, _Connection] = {}
        self._services: _Connection | None = None
        self._told: dict[int, tuple[GuardStatus, float]] = {}
        self.rejected = 0
        self.last_seen_s = now_s
        poll.register(listener, select.POLLIN)

    @property
    def connected(self) -> bool:
        """Tell whether the services are connected."""
        return self._services is not None

    def receive(self, ready: Iterable[int], now_s: float) -> Received:
        """Serve every descriptor of this link that is ready."""
        requests: list[Lease | Unlock] = []
        before = self._services
        for fileno in ready:
            if fileno == self._listener.fileno():
                self._accept(now_s)
            elif fileno in self._connections:
                self._read(self._connections[fileno], requests)
        self._dismiss_silent(now_s)
        if self._services is not None:
            self.last_seen_s = now_s
        return Received(tuple(requests), before is not None and self._services is None)

    def tell(self, statuses: Mapping[int, GuardStatus], now_s: float) -> None:
        """Send what has changed and, every half second, what has not."""
        for evse, status in statuses.items():
            services = self._services
            if services is None:
                return
            told = self._told.get(evse)
            due = told is None or now_s - told[1] >= REPEAT_S or _is_news(told[0], status)
            if due and self._send(services, status):
                self._told[evse] = (status, now_s)

    def close(self) -> None:
        """Say goodbye and close everything."""
        for connection in tuple(self._connections.values()):
            self._dismiss(connection, Farewell.SHUTTING_DOWN)
        self._poll.unregister(self._listener)
        self._listener.close()

    def _accept(self, now_s: float) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
            return
        accepted.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        connection = _Connection(accepted, now_s)
        self._connections[accepted.fileno()] = connection
        self._poll.register(accepted, select.POLLIN)
        crowded = len(self._connections) > MOST_CONNECTIONS
        if crowded or not endpoint.peer_is_allowed(accepted, self._group):
            self._reject("a peer was refused: %s", "too many" if crowded else "not permitted")
            self._dismiss(connection, Farewell.REFUSED)

    def _read(self, connection: _Connection, requests: list[Lease | Unlock]) -> None:
        for _ in range(FRAMES_PER_ROUND):
            try:
                frame = connection.socket.recv(FRAME_BYTES + 1)
            except BlockingIOError:
                return
            except OSError:
                frame = b""
            if not frame:
                self._drop(connection)
                return
            self._take(connection, frame, requests)
            if connection.socket.fileno() < 0:
                return

    def _take(self, connection: _Connection, frame: bytes, requests: list[Lease | Unlock]) -> None:
        try:
            message, sequence = decode(frame)
            connection.sequence.accept(sequence)
            self._obey(connection, message, requests)
        except FrameError as error:
            self._reject("a frame was refused: %s", str(error))

    def _obey(
        self, connection: _Connection, message: Message, requests: list[Lease | Unlock]
    ) -> None:
        match message:
            case Hello(role=Role.SERVICES | Role.PROBE) if connection.role is None:
                self._greet(connection, message)
            case Lease() | Unlock() if connection is self._services:
                if message.evse not in self._evses:
                    raise FrameError(f"there is no EVSE {message.evse}")
                requests.append(message)
            case _:
                raise FrameError(f"{type(message).__name__} from this peer now")

    def _greet(self, connection: _Connection, hello: Hello) -> None:
        connection.role = hello.role
        self._send(connection, Hello(Role.GUARD, os.getpid()))
        if hello.role is Role.PROBE:
            self._drop(connection)
            return
        if self._services is not None:
            self._dismiss(self._services, Farewell.SUPERSEDED)
        self._services = connection
        self._told.clear()
        _log.info("the services are connected (process %d)", hello.pid)

    def _dismiss_silent(self, now_s: float) -> None:
        silent = [
            connection
            for connection in self._connections.values()
            if connection.role is None and now_s - connection.opened_s >= GREETING_S
        ]
        for connection in silent:
            self._reject("a peer was refused: %s", "it did not say hello")
            self._dismiss(connection, Farewell.REFUSED)

    def _dismiss(self, connection: _Connection, reason: Farewell) -> None:
        self._send(connection, Bye(reason))
        _drain(connection.socket)
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        fileno = connection.socket.fileno()
        if self._connections.pop(fileno, None) is None:
            return
        self._poll.unregister(fileno)
        connection.socket.close()
        if connection is self._services:
            self._services = None
            _log.warning("the services are gone")

    def _send(self, connection: _Connection, message: Message) -> bool:
        """Send a frame; a full socket buffer only means that the peer is slow."""
        connection.sent += 1
        try:
            connection.socket.send(encode(message, connection.sent))
        except OSError:
            return False
        return True

    def _reject(self, text: str, reason: str) -> None:
        """Count; tell about the first and then ever more rarely."""
        self.rejected += 1
        if self.rejected & (self.rejected - 1) == 0:
            _log.warning(text + " (%d so far)", reason, self.rejected)


def _is_news(told: GuardStatus, status: GuardStatus) -> bool:
    """Tell whether anything changed but the last digit of a voltage."""
    if status == told:
        return False
    moved_v = max(
        abs(status.pilot_high_v - told.pilot_high_v), abs(status.pilot_low_v - told.pilot_low_v)
    )
    same_v = replace(status, pilot_high_v=told.pilot_high_v, pilot_low_v=told.pilot_low_v)
    return moved_v >= NEWS_V or same_v != told


def _drain(connection: socket.socket) -> None:
    """Take what is left unread: closing over it would take our last frame from the peer."""
    with suppress(OSError):
        for _ in range(FRAMES_PER_ROUND):
            if not connection.recv(FRAME_BYTES):
                return
