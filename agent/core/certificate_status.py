"""The status of the station's own V2G certificates: what is asked, and when again (M06)."""

from dataclasses import field
from datetime import datetime, timedelta

from agent.core.contracts import StatusRequest
from agent.core.records import dataclass

REFRESH_AFTER = timedelta(days=6)
"""M06.FR.10: once a week, with a day for connections that are lost and answers that fail."""
LEAST_APART = timedelta(hours=1)
"""A responder whose answers are outdated at once is not asked more often."""


@dataclass(frozen=True, slots=True)
class CertificateStatusAsked:
    """The station asks for the status of one of its certificates (GetCertificateStatus)."""

    request: StatusRequest


@dataclass(frozen=True, slots=True)
class CertificateStatusTold:
    """The answer: `result` is an OCSP response in DER, in base64; None if there is none."""

    result: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OcspResponse:
    """An OCSP response that is about the certificate in question; `status` is its word."""

    der: bytes = field(repr=False)
    status: str
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptStatus:
    """A response as it is kept; `der` is base64."""

    der: str = field(repr=False)
    status: str
    fetched_at: datetime
    next_update: datetime | None = None

    def is_current(self, now: datetime) -> bool:
        """Tell whether a vehicle would take it."""
        return self.next_update is None or now <= self.next_update

    def due_at(self) -> datetime:
        """Return when to ask again (M06.FR.10)."""
        weekly = self.fetched_at + REFRESH_AFTER
        if self.next_update is None:
            return weekly
        return min(weekly, max(self.next_update, self.fetched_at + LEAST_APART))


def is_due(kept: KeptStatus | None, now: datetime) -> bool:
    """Tell whether to ask; what is dated in the future was kept by a wrong clock."""
    return kept is None or now < kept.fetched_at or now >= kept.due_at()
