"""GetLog of the security extension, GetDiagnostics of the core, and how far an upload has come.

Both are the same order to the station. The older one has no request id, and its news fewer words.
"""

from types import MappingProxyType
from typing import Final

from agent.core.commands import Command
from agent.core.log_upload import GetLog, LogOutcome, LogType
from agent.core.progress import LogUploadProgress, LogUploadStatus
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import instant, integer, present

_OF_DIAGNOSTICS: Final = MappingProxyType(
    {
        LogUploadStatus.IDLE: "Idle",
        LogUploadStatus.UPLOADED: "Uploaded",
        LogUploadStatus.UPLOADING: "Uploading",
    }
)
_FAILED: Final = "UploadFailed"
_OF_LOGS: Final = MappingProxyType({LogUploadStatus.ACCEPTED_CANCELED: "UploadFailure"})
"""The schemas of 1.6 have no word for an upload that was cancelled."""


def get_log_reply(outcome: LogOutcome, _request: Payload, _context: CodecContext) -> Payload:
    """Tell what will be uploaded under which name, or that nothing will (N01.FR.01)."""
    return present({"status": outcome.verdict.value, "filename": outcome.file_name})


def get_diagnostics(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetDiagnostics (S16-DIAG-01)."""
    return GetLog(
        type=LogType.DIAGNOSTICS,
        location=payload["location"],
        oldest=instant(payload, "startTime"),
        latest=instant(payload, "stopTime"),
        retries=integer(payload, "retries"),
        retry_interval_s=integer(payload, "retryInterval"),
    )


def get_diagnostics_reply(
    outcome: LogOutcome, _request: Payload, _context: CodecContext
) -> Payload:
    """Name the file; an answer without one says that nothing will be uploaded (S16-DIAG-01)."""
    return present({"fileName": outcome.file_name})


def upload_status_notification(
    event: LogUploadProgress, _context: CodecContext
) -> tuple[Call, ...]:
    """Tell how far an upload has come, by the message of the order that it came from."""
    if event.of_diagnostics:
        word = _OF_DIAGNOSTICS.get(event.status, _FAILED)
        return (Call("DiagnosticsStatusNotification", {"status": word}),)
    word = _OF_LOGS.get(event.status, event.status.value)
    payload = {"status": word, "requestId": event.request_id}
    return (Call("LogStatusNotification", present(payload)),)
