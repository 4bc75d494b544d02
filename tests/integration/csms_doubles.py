"""CSMSs for tests: scripted on websockets, and on the bare socket for what a library hides."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from agent.ocpp.endpoint import Endpoint, SecurityProfile

Script = Callable[[ServerConnection], Awaitable[None]]
RawScript = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def make_endpoint(url: str, **settings: Any) -> Endpoint:
    defaults: dict[str, Any] = {
        "identity": "CS 1/ü",
        "subprotocols": ("made.up2", "made.up1"),
        "security_profile": SecurityProfile.NONE,
        "allow_insecure": True,
        "ping_interval_s": 0,
        "pong_timeout_s": 0.05,
        "call_timeout_s": 2.0,
        "open_timeout_s": 2.0,
        "close_timeout_s": 0.05,
    }
    return Endpoint(url=url, **(defaults | settings))


@asynccontextmanager
async def scripted_csms(script: Script, **options: Any) -> AsyncIterator[str]:
    """Serve `script` on a port of the loopback; yield the URL."""
    settings: dict[str, Any] = {"subprotocols": [Subprotocol("made.up1")], "close_timeout": 0.1}
    async with serve(script, "127.0.0.1", 0, **(settings | options)) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        scheme = "wss" if options.get("ssl") else "ws"
        yield f"{scheme}://127.0.0.1:{port}/ocpp"


@asynccontextmanager
async def raw_csms(script: RawScript) -> AsyncIterator[str]:
    """Serve `script` on the bare TCP socket; yield the URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task) if (task := asyncio.current_task()) else None
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def accept(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subprotocol: str | None
) -> str:
    """Complete the handshake by hand; return the request."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
    magic = headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    digest = hashlib.sha1(magic.encode(), usedforsecurity=False).digest()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    return request


def answering(status: str, *headers: str) -> RawScript:
    """Return a script that answers the handshake with that HTTP status."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        lines = [f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        await writer.drain()

    return script


async def receive(socket: ServerConnection) -> Any:
    return json.loads(await socket.recv())


async def answer(socket: ServerConnection, payload: object = None) -> Any:
    """Answer the next CALL; return it."""
    call = await receive(socket)
    await socket.send(json.dumps([3, call[1], payload or {}]))
    return call


async def answer_all(socket: ServerConnection) -> None:
    async for text in socket:
        frame = json.loads(text)
        if frame[0] == 2:
            await socket.send(json.dumps([3, frame[1], {}]))
