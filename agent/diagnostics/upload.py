"""Sends a file to an HTTP server: one attempt, in a thread, to an address that was judged.

The standard library's client does the talking. The socket is connected here, to exactly the address
that passed the rules, so that a name cannot mean another one a moment later. A redirect is a
failure (N01.FR.30). The station's password for the CSMS is never sent along (N01.FR.17 of 1.6).
"""

import asyncio
import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from agent.core.log_upload import UploadFailed
from agent.core.progress import LogUploadStatus
from agent.diagnostics.upload_address import (
    UploadAddress,
    UploadRules,
    address_of,
    check_address,
)

SILENCE_S: Final = 30.0
"""A server that takes nothing and says nothing for so long has failed."""
LONGEST_S: Final = 900.0
CONTENT_TYPE: Final = "application/gzip"
_PUT_IS_UNKNOWN: Final = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_STATUSES: Final[Mapping[int, LogUploadStatus]] = {
    HTTPStatus.BAD_REQUEST: LogUploadStatus.BAD_MESSAGE,
    HTTPStatus.UNAUTHORIZED: LogUploadStatus.PERMISSION_DENIED,
    HTTPStatus.FORBIDDEN: LogUploadStatus.PERMISSION_DENIED,
    HTTPStatus.METHOD_NOT_ALLOWED: LogUploadStatus.NOT_SUPPORTED_OPERATION,
    HTTPStatus.NOT_IMPLEMENTED: LogUploadStatus.NOT_SUPPORTED_OPERATION,
}


class HttpUploader:
    """Uploads files; `context` makes the TLS context of each attempt, with our trust anchors."""

    def __init__(self, rules: UploadRules, context: Callable[[], ssl.SSLContext]) -> None:
        self._rules = rules
        self._context = context

    def objection(self, location: str) -> str:
        """Return why nothing can be sent to a location, "" if that is to be tried."""
        try:
            address_of(location, "log", self._rules)
        except UploadFailed as failure:
            return str(failure)
        return ""

    async def upload(self, file: Path, location: str) -> None:
        """Send a file; raises UploadFailed. If it is cancelled the connection is cut."""
        attempt = _Attempt(file, address_of(location, file.name, self._rules), self._rules)
        try:
            async with asyncio.timeout(LONGEST_S):
                await asyncio.to_thread(attempt.run, self._context)
        except TimeoutError as error:
            raise UploadFailed(f"it took longer than {LONGEST_S:.0f} s") from error
        finally:
            attempt.abort()


class _Attempt:
    """One attempt; `run` blocks, `abort` ends it from another thread."""

    def __init__(self, file: Path, address: UploadAddress, rules: UploadRules) -> None:
        self._file = file
        self._address = address
        self._rules = rules
        self._line: socket.socket | None = None
        self._aborted = threading.Event()

    def abort(self) -> None:
        self._aborted.set()
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def run(self, context: Callable[[], ssl.SSLContext]) -> None:
        try:
            status = self._send("PUT", context)
            if status in _PUT_IS_UNKNOWN:
                status = self._send("POST", context)
        except (OSError, HTTPException, ValueError) as error:
            raise UploadFailed(_words(error)) from error
        if status not in range(200, 300):
            known = _STATUSES.get(status, LogUploadStatus.UPLOAD_FAILURE)
            raise UploadFailed(f"the server answered {status}", known)

    def _send(self, method: str, context: Callable[[], ssl.SSLContext]) -> int:
        address = self._address
        connection = HTTPConnection(address.host, address.port, timeout=SILENCE_S)
        try:
            connection.sock = self._connected(context)
            with self._file.open("rb") as body:
                connection.request(method, address.target, body=body, headers=self._headers())
            response: HTTPResponse = connection.getresponse()
            return response.status
        finally:
            connection.close()
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _headers(self) -> dict[str, str]:
        headers = {
            "User-Agent": "stationd",
            "Content-Type": CONTENT_TYPE,
            "Content-Disposition": f'attachment; filename="{self._file.name}"',
            "Content-Length": str(self._file.stat().st_size),
            "Connection": "close",
        }
        if self._address.login is not None:
            pair = ":".join(self._address.login).encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return headers

    def _connected(self, context: Callable[[], ssl.SSLContext]) -> socket.socket:
        raw = self._dialled()
        # A second handle on the same connection, by which another thread may end it.
        self._line = raw.dup()
        if self._aborted.is_set():
            raw.close()
            raise OSError("it was aborted")
        if self._address.scheme != "https":
            return raw
        try:
            return context().wrap_socket(raw, server_hostname=self._address.host)
        except BaseException:
            raw.close()
            raise

    def _dialled(self) -> socket.socket:
        """Connect to the first address that answers, once all of them have passed the rules."""
        address = self._address
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        texts = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in texts:
            check_address(text, self._rules)
        trouble: OSError = OSError("the host has no address")
        for text in texts:
            try:
                return socket.create_connection((text, address.port), timeout=SILENCE_S)
            except OSError as error:
                trouble = error
        raise trouble


def upload_context(csms_roots_pem: str) -> ssl.SSLContext:
    """Return a context that trusts the roots of the CSMS and the usual ones (N01.FR.15, FR.16)."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if csms_roots_pem:
        context.load_verify_locations(cadata=csms_roots_pem)
    return context


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
