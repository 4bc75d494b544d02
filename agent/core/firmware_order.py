"""What the CSMS orders of a firmware update, and how an order is answered (L01, L02)."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from agent.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareOrder:
    """What UpdateFirmware asks for; `request_id` None is 1.6's unsigned order, which has none.

    `signing_certificate` is PEM and `signature` base64, as they came; both are None for L02 and
    for 1.6's unsigned order. `retries` and `retry_interval_s` None leave it to the station. The
    location may hold a password, so it is never shown as it is.
    """

    request_id: int | None
    location: str = field(repr=False)
    retrieve_at: datetime
    install_at: datetime | None = None
    signing_certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_interval_s: int | None = None

    @property
    def is_signed(self) -> bool:
        """Tell whether the order carries what the image is to be verified with (L01)."""
        return self.signing_certificate is not None and self.signature is not None

    @property
    def is_half_signed(self) -> bool:
        """Tell whether it has only one of certificate and signature, which proves nothing."""
        return (self.signing_certificate is None) is not (self.signature is None)


class UpdateStatus(StrEnum):
    """UpdateFirmwareStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"


@dataclass(frozen=True, slots=True)
class UpdateAnswer:
    """How an order is answered, with the standard's reason code and words where it is refused.

    Without `offered` the station has no updates of this kind at all; a version whose answer has no
    status says so by an error.
    """

    status: UpdateStatus
    reason_code: str = ""
    info: str = ""
    offered: bool = True


class DownloadInterrupted(Exception):
    """A download broke off, or the server had no good answer; it may be tried again."""


class DownloadRefused(Exception):
    """A file may not be fetched at all: from such an address, or because it is too large."""


class SignatureRefused(Exception):
    """The signature does not prove that an image comes from its signer."""
