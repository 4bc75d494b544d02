"""One attempt to fetch a file over HTTP: requests, redirects, ranges; it blocks, in a thread."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from agent.core.firmware_order import DownloadInterrupted, DownloadRefused
from agent.transfer.addresses import (
    MOST_REDIRECTS,
    AddressForbidden,
    Location,
    checked,
    redirected,
)
from agent.transfer.line import Line, request_headers
from agent.update.partial_file import Origin, PartialFile, digest_of

CHUNK_BYTES: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_MOST_ATTEMPTS: Final = 2


class _AnotherFile(Exception):
    """What has come cannot be gone on with."""


class Transfer:
    """One attempt; `fetched` counts what came through the network since it began."""

    def __init__(
        self, partial: PartialFile, line: Line, *, progress: Callable[[int], None]
    ) -> None:
        self.fetched = 0
        self._partial = partial
        self._line = line
        self._progress = progress
        self._told_percent = -1

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
        self._line.abort()

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
                    self._follow(checked(location, self._line.rules), location, origin)
                    return
                origin = None
            raise DownloadInterrupted("the server does not send what it was asked for")
        except AddressForbidden as error:
            raise DownloadRefused(str(error)) from error
        except (OSError, HTTPException, ValueError) as error:
            raise DownloadInterrupted(self._line.failure(error)) from error
        finally:
            self._keep()

    def _keep(self) -> None:
        """Let what has come count, even where the attempt fails for something else."""
        with contextlib.suppress(DownloadInterrupted):
            self._partial.sync()

    def _follow(self, place: Location, location: str, origin: Origin | None) -> None:
        for _ in range(MOST_REDIRECTS + 1):
            with (
                self._line.connected(place) as connection,
                contextlib.closing(self._ask(connection, place, origin)) as response,
            ):
                if response.status not in _REDIRECTS:
                    self._take(response, location, origin)
                    return
                to = response.headers.get("Location", "")
                place = redirected(place, to, self._line.rules)
        raise DownloadRefused(f"more than {MOST_REDIRECTS} redirects")

    def _ask(
        self, connection: HTTPConnection, place: Location, origin: Origin | None
    ) -> HTTPResponse:
        headers = request_headers(place) | {"Accept-Encoding": "identity"}
        if origin is not None:
            headers["Range"] = f"bytes={self._partial.received}-"
            headers["If-Range"] = origin.validator
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
            self._line.check_not_aborted()
            self.fetched += len(chunk)
            self._partial.write(chunk)
            if size:
                self._tell(self._partial.received * 100 // size)
        self._line.check_not_aborted()
        if size is not None and self._partial.received < size:
            raise DownloadInterrupted("the connection broke off")

    def _tell(self, percent: int) -> None:
        if percent != self._told_percent:
            self._told_percent = percent
            self._progress(percent)


def _origin_of(response: HTTPResponse, location: str, size: int | None) -> Origin:
    """Name the content: by a strong ETag, or else by its date; a weak one promises too little."""
    tag = response.headers.get("ETag", "")
    strong = tag if tag.startswith('"') else ""
    date = response.headers.get("Last-Modified", "")
    return Origin(location_digest=digest_of(location), validator=strong or date, size=size)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
