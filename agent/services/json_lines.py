"""A local socket that answers one JSON line with one JSON line; it never reaches a network.

The socket is open to the user that runs the station alone. Orders are taken from that user and from
root, whatever rights somebody gives the socket later.
"""

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

LONGEST_LINE = 65_536
MODE = 0o600
ROOT = 0
_CREDENTIALS = struct.Struct("3i")
"""Linux's struct ucred: process, user, group."""

Answerer = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

log = logging.getLogger(__name__)


class JsonLinesServer:
    """Serves one socket; whatever a client sends gets an answer or a clear error.

    `orders` are the operations that change something.
    """

    def __init__(self, path: Path, answer: Answerer, orders: frozenset[str] = frozenset()) -> None:
        self._path = path
        self._answer = answer
        self._orders = orders
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; a socket left over from a killed process is replaced. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        # A bound name is as long as the kernel allows; a long path is reached through its folder.
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            short = f"/proc/self/fd/{folder}/{self._path.name}"
            self._server = await asyncio.start_unix_server(self._serve, short, limit=LONGEST_LINE)
        finally:
            os.close(folder)
        self._path.chmod(MODE)

    async def close(self) -> None:
        """Stop listening and let the clients go."""
        if self._server is not None:
            self._server.close()
            for client in tuple(self._clients):
                client.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await _line(reader):
                writer.write(json.dumps(await self._reply(line, writer)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            log.debug("a client of %s left", self._path.name)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _reply(self, line: bytes, writer: asyncio.StreamWriter) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            return failure(f"this line is no JSON: {error}")
        if not isinstance(request, dict) or not isinstance(request.get("op"), str):
            return failure('a request is an object with an "op", for example {"op": "state"}')
        if request["op"] in self._orders and not _may_order(writer):
            return failure(
                f"{request['op']} is an order: ask as the user that runs the station, or as root"
            )
        try:
            return await self._answer(request)
        except (TypeError, ValueError, KeyError) as error:
            return failure(f"{request['op']}: {error}")


def failure(error: str) -> dict[str, Any]:
    """Return the answer to a request that cannot be served."""
    return {"ok": False, "error": error}


def _may_order(writer: asyncio.StreamWriter) -> bool:
    """Tell whether the peer is this process's own user or root, as the kernel knows it."""
    connection = writer.get_extra_info("socket")
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _process, user, _group = _CREDENTIALS.unpack(told)
    return user in {ROOT, os.geteuid()}


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, b'' at the end or when a line is too long."""
    try:
        return await reader.readline()
    except ValueError:
        return b""
