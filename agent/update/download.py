"""Fetches firmware over HTTP and HTTPS, from a server that may break off, lie, or never end.

The standard library's client runs in a thread of its own. The event loop supervises it: whoever
sends too slowly, in headers or in the body, is cut off. What has come is kept and gone on with as
long as the server proves that it still has the same file (RFC 9110: Range, If-Range).
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from agent.core.firmware_order import DownloadInterrupted, DownloadRefused
from agent.core.records import dataclass
from agent.transfer.addresses import AddressForbidden, AddressRules, checked
from agent.transfer.line import Line, Resolve, resolve
from agent.update.partial_file import PartialFile
from agent.update.transfer import Transfer

ABORT_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadLimits:
    """How large, how slow and how long a download may be.

    `least_bytes` must come within each `window_s`, from the first byte of the answer on.
    """

    max_bytes: int = 512 * 1024 * 1024
    silence_s: float = 30.0
    window_s: float = 60.0
    least_bytes: int = 16 * 1024
    longest_s: float = 6 * 3600.0


class HttpDownload:
    """Fetches files. `context` makes the TLS context of each attempt, with our own anchors."""

    def __init__(
        self,
        rules: AddressRules,
        limits: DownloadLimits,
        context: Callable[[], ssl.SSLContext],
        resolver: Resolve = resolve,
    ) -> None:
        self._rules = rules
        self._limits = limits
        self._context = context
        self._resolver = resolver

    def objection(self, location: str) -> str:
        """Return why nothing is fetched from a location, '' if that is to be tried."""
        try:
            checked(location, self._rules)
        except AddressForbidden as error:
            return str(error)
        return ""

    async def fetch(self, location: str, image: Path, progress: Callable[[int], None]) -> None:
        """Fetch a file, going on with what came of it before; `progress` is in percent.

        Raises `DownloadInterrupted`, `DownloadRefused`. It may be cancelled.
        """
        log.info("fetching %s", self._shown(location))
        loop = asyncio.get_running_loop()
        transfer = Transfer(
            PartialFile(image, self._limits.max_bytes),
            self._line(),
            progress=lambda percent: _post(loop, progress, percent),
        )
        done = transfer.start(loop, location)
        try:
            await self._supervise(transfer, done)
        finally:
            transfer.abort()
            # Whatever an aborted attempt ends with is of no interest any more.
            await asyncio.wait({done}, timeout=ABORT_S)
            _ = done.done() and done.exception()
        await done

    def forget(self, image: Path) -> None:
        """Remove what came of a file."""
        try:
            PartialFile(image, 0).forget()
        except OSError as error:
            log.warning("%s: what is left of the download stays: %s", image, error)

    def _shown(self, location: str) -> str:
        try:
            return checked(location, self._rules).shown
        except AddressForbidden as error:
            raise DownloadRefused(str(error)) from error

    def _line(self) -> Line:
        silence_s = self._limits.silence_s
        return Line(self._rules, self._context, silence_s=silence_s, resolver=self._resolver)

    async def _supervise(self, transfer: Transfer, done: asyncio.Future[None]) -> None:
        """Return when the transfer has ended; raises `DownloadInterrupted` for a slow one."""
        limits, loop = self._limits, asyncio.get_running_loop()
        give_up_s, before = loop.time() + limits.longest_s, -limits.least_bytes
        while not done.done():
            await asyncio.wait({done}, timeout=limits.window_s)
            if done.done():
                return
            if transfer.fetched - before < limits.least_bytes:
                raise DownloadInterrupted("the server sends too slowly")
            if loop.time() >= give_up_s:
                raise DownloadInterrupted("the download takes too long")
            before = transfer.fetched


def _post(loop: asyncio.AbstractEventLoop, progress: Callable[[int], None], percent: int) -> None:
    # The loop may have been closed meanwhile; then nobody wants to know.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(progress, percent)
