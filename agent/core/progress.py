"""How far long-running work for the CSMS has come: log uploads and firmware updates."""

from enum import StrEnum

from agent.core.records import dataclass


class LogUploadStatus(StrEnum):
    """UploadLogStatusEnumType."""

    ACCEPTED_CANCELED = "AcceptedCanceled"
    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOADING = "Uploading"
    UPLOAD_FAILURE = "UploadFailure"


class FirmwareStatus(StrEnum):
    """FirmwareStatusEnumType."""

    DOWNLOADED = "Downloaded"
    DOWNLOADING = "Downloading"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOAD_PAUSED = "DownloadPaused"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLED = "Installed"
    INSTALLING = "Installing"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_VERIFIED = "SignatureVerified"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogUploadProgress:
    """A log upload's state; `request_id` names the GetLog, None while nothing is uploaded.

    `of_diagnostics`: it was ordered, or is asked for, by the messages that have no request id.
    """

    status: LogUploadStatus = LogUploadStatus.IDLE
    request_id: int | None = None
    of_diagnostics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareProgress:
    """A firmware update's state; `request_id` names the UpdateFirmware, None without one.

    `signed` is the kind of update that it is about, for a version with a message for each.
    `asked_for` tells the present state again, which a version that lacks its word must not pass
    over.
    """

    status: FirmwareStatus = FirmwareStatus.IDLE
    request_id: int | None = None
    signed: bool = True
    asked_for: bool = False
