"""One attempt to fetch a file over HTTP: requests, redirects, ranges; it blocks, in a thread.

Sockets are connected here and not by the HTTP client, to exactly the addresses that were judged.
"""

import asyncio
import base64
import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from agent.core.firmware_order import DownloadInterrupted, DownloadRefused
from agent.update.address_rules import (
    MOST_REDIRECTS,
    AddressRules,
    Location,
    check_address,
    checked,
    redirected,
)
from agent.update.partial_file import Origin, PartialFile, digest_of

CHUNK_BYTES: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_MOST_ATTEMPTS: Final = 2

Resolve = Callable[[str, int], tuple[str, ...]]
"""Returns the addresses of a host; raises OSError."""


def resolve(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class _AnotherFile(Exception):
    """What has come cannot be gone on with."""


class Transfer:
    """One attempt; `fetched` counts what came through the network since it began."""

    def __init__(
        self,
        partial: PartialFile,
        rules: AddressRules,
        context: Callable[[], ssl.SSLContext],
        resolver: Resolve,
        *,
        silence_s: float,
        progress: Callable[[int], None],
    ) -> None:
        self.fetched = 0
        self._partial = partial
        self._rules = rules
        self._context = context
        self._resolver = resolver
        self._silence_s = silence_s
        self._progress = progress
        self._told_percent = -1
        self._aborted = threading.Event()
        self._line: socket.socket | None = None

    def start(self, loop: asyncio.AbstractEventLoop, location: str) -> asyncio.Future[None]:
        """Begin; the future holds the outcome. The thread does not outlive the process."""
        done: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            error: Exception | None = None
            try:
                self._run(location)
            except Exception as caught:  # noqa: BLE001 - raised where the future is awaited
                error = caught
            with contextlib.suppress(RuntimeError):  # The loop may be closed by now.
                loop.call_soon_threadsafe(_settle, done, error)

        threading.Thread(target=work, name="firmware-download", daemon=True).start()
        return done

    def abort(self) -> None:
        """Have it end soon, whatever it waits for."""
        self._aborted.set()
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    # --- In the thread.

    def _run(self, location: str) -> None:
        try:
            origin = self._partial.open(location)
            if origin is None or origin.size != self._partial.received:
                self._fetch(location, origin)
            self._partial.finish()
        finally:
            self._partial.close()

    def _fetch(self, location: str, origin: Origin | None) -> None:
        try:
            for _ in range(_MOST_ATTEMPTS):
                with contextlib.suppress(_AnotherFile):
                    self._follow(checked(location, self._rules), location, origin)
                    return
                origin = None
            raise DownloadInterrupted("the server does not send what it was asked for")
        except (OSError, HTTPException, ValueError) as error:
            self._check_not_aborted()
            raise DownloadInterrupted(_words(error)) from error
        finally:
            self._keep()

    def _keep(self) -> None:
        """Let what has come count, even where the attempt fails for something else."""
        with contextlib.suppress(DownloadInterrupted):
            self._partial.sync()

    def _follow(self, place: Location, location: str, origin: Origin | None) -> None:
        for _ in range(MOST_REDIRECTS + 1):
            with (
                self._connected(place) as connection,
                contextlib.closing(self._ask(connection, place, origin)) as response,
            ):
                if response.status not in _REDIRECTS:
                    self._take(response, location, origin)
                    return
                place = redirected(place, response.headers.get("Location", ""), self._rules)
        raise DownloadRefused(f"more than {MOST_REDIRECTS} redirects")

    @contextlib.contextmanager
    def _connected(self, place: Location) -> Iterator[HTTPConnection]:
        connection = HTTPConnection(place.host, place.port, timeout=self._silence_s)
        try:
            connection.sock = self._dialled(place)
            yield connection
        finally:
            connection.close()
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _dialled(self, place: Location) -> socket.socket:
        addresses = self._resolver(place.host, place.port)
        for address in addresses:
            check_address(address, self._rules)
        self._check_not_aborted()
        raw = _first_connected(addresses, place.port, self._silence_s)
        # A second handle on the same connection, by which the loop's thread may end it.
        self._line = raw.dup()
        self._check_not_aborted()
        if place.scheme != "https":
            return raw
        try:
            return self._context().wrap_socket(raw, server_hostname=place.host)
        except BaseException:
            raw.close()
            raise

    def _ask(
        self, connection: HTTPConnection, place: Location, origin: Origin | None
    ) -> HTTPResponse:
        headers = {
            "Host": _host_header(place),
            "User-Agent": "stationd",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if origin is not None:
            headers["Range"] = f"bytes={self._partial.received}-"
            headers["If-Range"] = origin.validator
        if place.credentials is not None:
            pair = ":".join(place.credentials).encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        connection.request("GET", place.target, headers=headers)
        return connection.getresponse()

    def _take(self, response: HTTPResponse, location: str, origin: Origin | None) -> None:
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise DownloadRefused(f"the server sends the file encoded: {encoding[:20]!r}")
        match response.status:
            case HTTPStatus.OK:
                self._partial.restart(_origin_of(response, location, response.length))
            case HTTPStatus.PARTIAL_CONTENT if origin is not None:
                self._check_continues(response, origin)
            case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE if origin is not None:
                raise _AnotherFile
            case status:
                raise DownloadInterrupted(f"the server answered {status}")
        self._partial.make_sure_of_room()
        self._receive(response)

    def _check_continues(self, response: HTTPResponse, origin: Origin) -> None:
        """Make sure that a partial answer is the rest of the file that we have the beginning of."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != self._partial.received:
            raise _AnotherFile
        total = None if found[3] == "*" else int(found[3])
        told = _origin_of(response, "", total)
        same_size = origin.size is None or total in (None, origin.size)
        if not same_size or told.validator not in ("", origin.validator):
            raise _AnotherFile

    def _receive(self, response: HTTPResponse) -> None:
        size = self._partial.size
        while chunk := response.read1(CHUNK_BYTES):
            self._check_not_aborted()
            self.fetched += len(chunk)
            self._partial.write(chunk)
            if size:
                self._tell(self._partial.received * 100 // size)
        self._check_not_aborted()
        if size is not None and self._partial.received < size:
            raise DownloadInterrupted("the connection broke off")

    def _tell(self, percent: int) -> None:
        if percent != self._told_percent:
            self._told_percent = percent
            self._progress(percent)

    def _check_not_aborted(self) -> None:
        if self._aborted.is_set():
            raise DownloadInterrupted("it was aborted")


def _origin_of(response: HTTPResponse, location: str, size: int | None) -> Origin:
    """Name the content: by a strong ETag, or else by its date; a weak one promises too little."""
    tag = response.headers.get("ETag", "")
    strong = tag if tag.startswith('"') else ""
    date = response.headers.get("Last-Modified", "")
    return Origin(location_digest=digest_of(location), validator=strong or date, size=size)


def _first_connected(addresses: tuple[str, ...], port: int, timeout_s: float) -> socket.socket:
    error: OSError = OSError("the host has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout_s)
        except OSError as failure:
            error = failure
    raise error


def _host_header(place: Location) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    usual = {"http": 80, "https": 443}[place.scheme]
    return host if place.port == usual else f"{host}:{place.port}"


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _words(error: Exception) -> str:
    """Say what failed without quoting the server, who may say anything."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"the answer is no HTTP ({type(error).__name__})"
