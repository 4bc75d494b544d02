"""Sends a file to an HTTP server: one attempt, in a thread. A redirect is a failure (N01.FR.30)."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Final

from agent.core.log_upload import UploadFailed
from agent.core.progress import LogUploadStatus
from agent.transfer.addresses import AddressForbidden, AddressRules, Location, checked
from agent.transfer.line import Line, request_headers

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


def destination(location: str, file_name: str, rules: AddressRules) -> Location:
    """Return where a file goes: as the location says, or below it if it ends in a slash.

    Source: N01.FR.21, N01.FR.29. Raises UploadFailed for a location that is not permitted.
    """
    try:
        place = checked(location, rules)
    except AddressForbidden as error:
        raise UploadFailed(str(error), for_good=True) from error
    is_folder = place.target.endswith("/") and "?" not in place.target
    return replace(place, target=place.target + file_name) if is_folder else place


class HttpUploader:
    """Uploads files; `context` makes the TLS context of each attempt, with our trust anchors."""

    def __init__(self, rules: AddressRules, context: Callable[[], ssl.SSLContext]) -> None:
        self._rules = rules
        self._context = context

    def objection(self, location: str) -> str:
        """Return why nothing can be sent to a location, "" if that is to be tried."""
        try:
            destination(location, "log", self._rules)
        except UploadFailed as failure:
            return str(failure)
        return ""

    async def upload(self, file: Path, location: str) -> None:
        """Send a file; raises UploadFailed. If it is cancelled the connection is cut."""
        place = destination(location, file.name, self._rules)
        line = Line(self._rules, self._context, silence_s=SILENCE_S)
        try:
            async with asyncio.timeout(LONGEST_S):
                await asyncio.to_thread(_attempt, file, place, line)
        except TimeoutError as error:
            raise UploadFailed(f"it took longer than {LONGEST_S:.0f} s") from error
        finally:
            line.abort()


def _attempt(file: Path, place: Location, line: Line) -> None:
    """Send it in one of the two ways; it blocks."""
    try:
        status = _send("PUT", file, place, line)
        if status in _PUT_IS_UNKNOWN:
            status = _send("POST", file, place, line)
    except AddressForbidden as error:
        raise UploadFailed(str(error), for_good=True) from error
    except (OSError, HTTPException, ValueError) as error:
        raise UploadFailed(line.failure(error)) from error
    if status not in range(200, 300):
        known = _STATUSES.get(status, LogUploadStatus.UPLOAD_FAILURE)
        raise UploadFailed(f"the server answered {status}", known)


def _send(method: str, file: Path, place: Location, line: Line) -> int:
    """Return the status of the answer."""
    headers = request_headers(place) | {
        "Content-Type": CONTENT_TYPE,
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(file.stat().st_size),
    }
    with line.connected(place) as connection, file.open("rb") as body:
        connection.request(method, place.target, body=body, headers=headers)
        with contextlib.closing(connection.getresponse()) as response:
            return response.status
