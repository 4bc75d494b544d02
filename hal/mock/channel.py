"""An asynchronous connection to the board for instruments: questions, answers and events."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterable
from pathlib import Path

from hal.api import HardwareLost
from hal.mock import wire
from hal.mock.client import connect, try_connect

ANSWER_TIMEOUT_S = 2.0

Message = dict[str, object]


class BoardChannel:
    """Connects when first used, and again after the board was lost.

    `evses` are announced to the board at each connection. One question is outstanding at a time.
    """

    def __init__(self, state_dir: Path, evses: Iterable[int]) -> None:
        self._state_dir = state_dir
        self._evses = sorted(evses)
        self._connection: socket.socket | None = None
        self._number = 0
        self._turn = asyncio.Lock()
        self._receiving = False
        self._closed = False
        self.token = ""

    async def ask(self, what: str, body: object) -> Message:
        """Return the board's answer; raises `HardwareLost`, and `ValueError` for no JSON body.

        A connection that broke since the last question is renewed once without a word.
        """
        async with self._turn:
            fresh = self._connection is None
            try:
                return await self._converse(what, body)
            except HardwareLost:
                if fresh:
                    raise
            return await self._converse(what, body)

    async def receive(self) -> Message:
        """Wait for the next message; raises `HardwareLost`."""
        connection = self._connection
        if connection is None:
            raise HardwareLost("the simulated board is not connected")
        self._receiving = True
        try:
            datagram = await asyncio.get_running_loop().sock_recv(connection, wire.MAX_DATAGRAM)
        except OSError as error:
            raise HardwareLost(f"the simulated board is gone: {error}") from error
        finally:
            self._receiving = False
            if connection is not self._connection:
                connection.close()
        if not datagram:
            raise HardwareLost("the simulated board has closed the connection")
        message: Message = json.loads(datagram)
        return message

    def disconnect(self) -> None:
        """Give the connection up and wake whoever is receiving; `ask` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(OSError):  # the other end may be gone already
            connection.shutdown(socket.SHUT_RDWR)
        if not self._receiving:  # else the event loop still watches it; `receive` closes it
            connection.close()

    def close(self) -> None:
        """Disconnect for good."""
        self._closed = True
        self.disconnect()

    async def _converse(self, what: str, body: object) -> Message:
        if self._connection is None:
            await self._connect()
        try:
            return await self._exchange(what, body)
        except HardwareLost:
            self.disconnect()
            raise

    async def _connect(self) -> None:
        if self._closed:
            raise HardwareLost("this connection to the simulated board has been closed")
        connection = try_connect(self._state_dir)
        if connection is None:
            connection = await asyncio.to_thread(connect, self._state_dir)
        connection.setblocking(False)  # noqa: FBT003  # the standard library's signature
        self._connection = connection
        try:
            answer = await self._exchange("open", self._evses)
        except BaseException:
            self.disconnect()
            raise
        self.token = str(answer.get("token", ""))

    async def _exchange(self, what: str, body: object) -> Message:
        self._number += 1
        question = json.dumps({"id": self._number, "ask": what, "body": body}).encode()
        if len(question) > wire.MAX_DATAGRAM:
            raise ValueError(f"a request of {len(question)} bytes is too long")
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._send(question)
                answer = await self.receive()
                while answer.get("id") != self._number:
                    answer = await self.receive()
        except TimeoutError as error:
            raise HardwareLost("the simulated board does not answer; is it stopped?") from error
        return answer

    async def _send(self, question: bytes) -> None:
        if self._connection is None:
            raise HardwareLost("the simulated board is not connected")
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, question)
        except OSError as error:
            raise HardwareLost(f"the simulated board is gone: {error}") from error
