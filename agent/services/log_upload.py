"""Uploading logs for the CSMS (N01; GetLog and GetDiagnostics of 1.6): one upload at a time.

A newer order cancels the one that is running. How an upload ended is told as soon as there is a
connection; one that a restart has ended is told as failed.
"""

import asyncio
import json
import logging
from pathlib import Path
from typing import Final, Protocol

from agent.core.log_upload import GetLog, LogOutcome, LogVerdict, UploadFailed
from agent.core.progress import LogUploadProgress, LogUploadStatus
from agent.core.records import dataclass
from agent.ports import (
    Csms,
    CsmsRefused,
    CsmsUnavailable,
    Settings,
    StorageRefused,
)
from agent.services.tasks import Spawn

KIND: Final = "log_upload"
RUNNING: Final = "running"
UNTOLD_RETRY_S: Final = 10.0
COLLECTING_S: Final = 15.0

log = logging.getLogger(__name__)


class LogSource(Protocol):
    """Collects logs into files."""

    async def collect(self, order: GetLog) -> Path | None:
        """Write the log that is asked for; None if there is nothing in it. Raises OSError."""

    def tidy(self) -> None:
        """Remove files that an earlier run has left behind. Blocks; raises OSError."""


class LogUploader(Protocol):
    """Sends files to where the CSMS wants them."""

    def objection(self, location: str) -> str:
        """Return why nothing can be sent to a location, "" if that is to be tried."""

    async def upload(self, file: Path, location: str) -> None:
        """Send a file once; raises UploadFailed. It may be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogUploadPorts:
    """Whom the service works with."""

    csms: Csms
    source: LogSource
    uploader: LogUploader
    documents: Settings
    spawn: Spawn


@dataclass(frozen=True, slots=True, eq=False)
class _Upload:
    """One order that was accepted, and how it is called off."""

    order: GetLog
    file: Path
    canceled: asyncio.Event
    done: asyncio.Event


class LogUploadService:
    """Takes orders for logs and carries them out."""

    def __init__(self, ports: LogUploadPorts) -> None:
        self._ports = ports
        self._turn = asyncio.Lock()
        self._current: _Upload | None = None

    def progress(self, *, of_diagnostics: bool = False) -> LogUploadProgress:
        """Return how far the upload has come; Idle if none of that kind runs (F06.FR.14, FR.15)."""
        current = self._current
        if current is None or (current.order.request_id is None) is not of_diagnostics:
            return LogUploadProgress(of_diagnostics=of_diagnostics)
        return _progress(current.order, LogUploadStatus.UPLOADING)

    async def get(self, order: GetLog) -> LogOutcome:
        """Promise an upload, or say why there is none (N01.FR.01 to FR.05, FR.12)."""
        objection = self._ports.uploader.objection(order.location)
        if objection:
            return _rejected("InvalidURL", objection)
        async with self._turn:
            try:
                async with asyncio.timeout(COLLECTING_S):
                    file = await self._ports.source.collect(order)
            except (OSError, StorageRefused, TimeoutError) as error:
                log.error("the log cannot be collected: %s", error)
                return _rejected("InternalError", "the log cannot be collected")
            if file is None:
                return _rejected("NotFound", "there is no such log in this window")
            await self._ports.documents.put(KIND, RUNNING, _note(order))
            previous = self._current
            self._current = _Upload(order, file, asyncio.Event(), asyncio.Event())
            self._ports.spawn(self._carry_out(self._current, previous))
        if previous is None:
            return LogOutcome(LogVerdict.ACCEPTED, file.name)
        previous.canceled.set()
        return LogOutcome(LogVerdict.ACCEPTED_CANCELED, file.name)

    async def run(self) -> None:
        """Tell what became of an upload that ended with the last run."""
        await asyncio.to_thread(self._tidy)
        text = self._ports.documents.get(KIND, RUNNING)
        if text is not None and self._current is None:
            await self._tell(_failed_with_the_last_run(text))
            await self._forget()

    def _tidy(self) -> None:
        try:
            self._ports.source.tidy()
        except OSError as error:
            log.error("old logs cannot be removed: %s", error)

    async def _carry_out(self, upload: _Upload, previous: _Upload | None) -> None:
        if previous is not None:
            await previous.done.wait()
        try:
            await self._tell(_progress(upload.order, LogUploadStatus.UPLOADING), insist=False)
            status = await self._until_canceled(upload)
            upload.file.unlink(missing_ok=True)
            if self._current is upload:
                self._current = None
            is_final = status is not LogUploadStatus.ACCEPTED_CANCELED
            await self._tell(_progress(upload.order, status), insist=is_final)
            await self._forget()
        finally:
            upload.file.unlink(missing_ok=True)
            upload.done.set()

    async def _until_canceled(self, upload: _Upload) -> LogUploadStatus:
        work = asyncio.create_task(self._attempts(upload))
        end = asyncio.create_task(upload.canceled.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else LogUploadStatus.ACCEPTED_CANCELED
        finally:
            work.cancel()
            end.cancel()
            await asyncio.gather(work, end, return_exceptions=True)

    async def _attempts(self, upload: _Upload) -> LogUploadStatus:
        """Try until it works, or has been tried often enough (N01.FR.08 to FR.10)."""
        order, file = upload.order, upload.file
        for attempt in range(1, order.attempts + 1):
            try:
                await self._ports.uploader.upload(file, order.location)
            except UploadFailed as failure:
                log.warning("attempt %d to upload a log failed: %s", attempt, failure)
                if attempt == order.attempts or failure.for_good:
                    return failure.status
                await asyncio.sleep(order.pause_s)
            else:
                break
        log.info("the log %s was uploaded", file.name)
        return LogUploadStatus.UPLOADED

    async def _forget(self) -> None:
        if self._current is None:
            await self._ports.documents.delete(KIND, RUNNING)

    async def _tell(self, progress: LogUploadProgress, *, insist: bool = True) -> None:
        """Tell how an upload goes; with `insist` later, once there is a connection."""
        while True:
            try:
                await self._ports.csms.ask(progress)
            except CsmsRefused as refusal:
                log.info("the CSMS does not take the status of a log upload: %s", refusal)
            except CsmsUnavailable:
                if insist:
                    await asyncio.sleep(UNTOLD_RETRY_S)
                    continue
            return


def _progress(order: GetLog, status: LogUploadStatus) -> LogUploadProgress:
    return LogUploadProgress(
        status=status, request_id=order.request_id, of_diagnostics=order.request_id is None
    )


def _rejected(reason_code: str, info: str) -> LogOutcome:
    return LogOutcome(LogVerdict.REJECTED, reason_code=reason_code, info=info)


def _note(order: GetLog) -> str:
    return json.dumps({"request_id": order.request_id})


def _failed_with_the_last_run(text: str) -> LogUploadProgress:
    """Read which upload has failed because the station was restarted."""
    try:
        number = json.loads(text)["request_id"]
    except (ValueError, TypeError, KeyError):
        number = None
    request_id = number if isinstance(number, int) else None
    return LogUploadProgress(
        status=LogUploadStatus.UPLOAD_FAILURE,
        request_id=request_id,
        of_diagnostics=request_id is None,
    )
