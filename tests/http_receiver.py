"""A server that logs are uploaded to: keeps what comes, and may refuse, stall or redirect."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are the statuses of the next requests; afterwards it is 201.

    `stall` keeps every answer back until it is set; a request is noted as soon as it has come.
    """

    port: int = 0
    scheme: str = "http"
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    stall: asyncio.Event = field(default_factory=asyncio.Event)
    headers: str = ""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.stall.set()

    def url(self, path: str = "/logs/") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    async def gets(self, count: int) -> Received:
        """Wait for the request of this number."""
        while len(self.received) < count:
            self.came.clear()
            await self.came.wait()
        return self.received[count - 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ")
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.received.append(Received(method, target, headers, body))
            self.came.set()
            await self.stall.wait()
            status = self.answers.pop(0) if self.answers else 201
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{self.headers}\r\n".encode())
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


@asynccontextmanager
async def receiving(context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver on a port of its own."""
    receiver = Receiver(scheme="http" if context is None else "https")
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.stall.set()
        server.close()
