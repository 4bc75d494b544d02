"""The board process: it runs the plant in real time and serves its clients.

One thread sleeps until a client speaks or the plant's next event is due, so an idle world costs
nothing. It leaves when its state directory is wiped or nobody has been connected for a while.
"""

import logging
import os
import select
import socket
import time
from collections.abc import Iterable, Mapping

from hal.mock import wire
from hal.mock.instrument_server import InstrumentServer
from hal.mock.line_server import LineServer, peer_uid
from hal.mock.memory import RegisterMemory
from hal.mock.plant import Evse, Plant
from hal.mock.wire import EvseSettings
from hal.mock.world import World

LINGER_S = 30.0
WATCH_NS = 900_000_000
STORE_NS = 250_000_000

_log = logging.getLogger(__name__)


class Board:
    """A plant with its clock, clients and memory."""

    def __init__(
        self, world: World, listener: socket.socket, user: int, linger_s: float = LINGER_S
    ) -> None:
        self._world = world
        self._listener = listener
        self._user = user
        self._linger_ns = int(linger_s * 1e9)
        self._plant = Plant()
        self._memories: dict[int, RegisterMemory] = {}
        self._clients: dict[int, socket.socket] = {}
        self._lines = LineServer(self._plant, self._configure)
        self._instruments = InstrumentServer(
            self._plant, world.token, self._add_default, self._cut_guard_later
        )
        self._power_failing = False
        self._buffer = memoryview(bytearray(wire.MAX_DATAGRAM))
        self._now_ns = time.monotonic_ns()
        self._alone_since_ns = self._now_ns
        self._store_at_ns = self._now_ns
        self._watch_at_ns = self._now_ns
        self._poll = select.epoll()
        listener.setblocking(False)  # noqa: FBT003  # the standard library's signature
        self._poll.register(listener.fileno(), select.EPOLLIN)
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stopped = False
        self._poll.register(self._stop, select.EPOLLIN)

    def run(self) -> None:
        """Serve until nobody needs this world or `stop` is called."""
        while self._is_needed():
            ready = self._poll.poll(self._sleep_s())
            self._now_ns = time.monotonic_ns()
            self._plant.advance(self._now_ns)
            for fileno, _ in ready:
                self._serve(fileno)
            self._publish()
            if self._now_ns >= self._store_at_ns:
                self._store()

    def stop(self) -> None:
        """Let `run` return soon; for signal handlers and other threads."""
        os.eventfd_write(self._stop, 1)

    def close(self) -> None:
        """Store the registers and give everything back."""
        self._now_ns = time.monotonic_ns()
        self._store()
        for client in self._clients.values():
            client.close()
        for memory in self._memories.values():
            memory.close()
        self._poll.close()
        os.close(self._stop)
        self._listener.close()
        self._world.close()

    def _is_needed(self) -> bool:
        if self._now_ns >= self._watch_at_ns:
            self._watch_at_ns = self._now_ns + WATCH_NS
            if not self._world.is_ours():
                _log.info("the state directory was wiped; this world ends")
                return False
        if self._stopped:
            return False
        return bool(self._clients) or self._now_ns < self._alone_since_ns + self._linger_ns

    def _sleep_s(self) -> float:
        until_ns = self._watch_at_ns
        due_ns = self._plant.due_ns
        if due_ns is not None:
            until_ns = min(until_ns, due_ns)
        if self._is_unstored():
            until_ns = min(until_ns, self._store_at_ns)
        if not self._clients:
            until_ns = min(until_ns, self._alone_since_ns + self._linger_ns)
        return max(0, until_ns - time.monotonic_ns()) / 1e9

    def _serve(self, fileno: int) -> None:
        if fileno == self._listener.fileno():
            self._accept()
        elif fileno == self._stop:
            self._stopped = True
        elif (client := self._clients.get(fileno)) is not None:
            self._listen_to(client)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        if peer_uid(client) not in {0, self._user}:
            client.close()
            return
        client.setblocking(False)  # noqa: FBT003  # the standard library's signature
        self._clients[client.fileno()] = client
        self._poll.register(client.fileno(), select.EPOLLIN)

    def _listen_to(self, client: socket.socket) -> None:
        try:
            datagram = bytes(self._buffer[: client.recv_into(self._buffer)])
        except BlockingIOError:
            return  # the event was for an earlier client with this number
        except OSError:
            datagram = b""
        try:
            if not datagram:
                self._drop(client)
            elif datagram[0] == wire.MAGIC:
                self._lines.serve(client, datagram, self._now_ns)
            else:
                self._answer(client, datagram)
        except (OSError, wire.BadFrame) as error:
            _log.warning("a client of the board was dropped: %s", error)
            self._drop(client)

    def _answer(self, client: socket.socket, datagram: bytes) -> None:
        answer = self._instruments.serve(client, datagram, self._now_ns)
        self._publish()
        self._store()  # what was displayed once must never be taken back
        client.send(answer)
        if self._power_failing:
            self._power_failing = False
            self._cut_guard()

    def _publish(self) -> None:
        try:
            self._lines.publish()
        except wire.BadFrame as error:
            _log.warning("%s", error)
            self._cut_guard()

    def _cut_guard_later(self) -> None:
        self._power_failing = True

    def _cut_guard(self) -> None:
        if self._lines.owner is not None:
            self._drop(self._lines.owner)

    def _drop(self, client: socket.socket) -> None:
        if self._clients.pop(client.fileno(), None) is None:
            return
        self._lines.lost(client, self._now_ns)
        self._instruments.lost(client)
        self._poll.unregister(client.fileno())
        client.close()
        if not self._clients:
            self._alone_since_ns = self._now_ns

    def _configure(self, settings: Mapping[int, EvseSettings], now_ns: int) -> None:
        self._add_default(settings, now_ns)
        for number, built in settings.items():
            self._plant.evses[number].configure(built, now_ns)

    def _add_default(self, numbers: Iterable[int], now_ns: int) -> None:
        for number in numbers:
            if number not in self._plant.evses:
                memory = RegisterMemory(self._world.directory / f"register-{number}")
                self._memories[number] = memory
                self._plant.add(number, Evse(EvseSettings(), memory.micro_wh, now_ns), now_ns)

    def _is_unstored(self) -> bool:
        return self._plant.flowing or any(
            memory.micro_wh != self._plant.evses[number].register.micro_wh(self._now_ns)
            for number, memory in self._memories.items()
        )

    def _store(self) -> None:
        for number, memory in self._memories.items():
            memory.store(self._plant.evses[number].register.micro_wh(self._now_ns))
        self._store_at_ns = self._now_ns + STORE_NS
