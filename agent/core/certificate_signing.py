"""How the station gets one of its certificates signed: asked, awaited, asked again, given up.

Pure: the service keeps a `Signing` on the disk and asks here what follows from what happened.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent.core.certificates import CertificateUse
from agent.core.records import dataclass

RENEWAL_BEFORE_EXPIRY = timedelta(days=30)
"""A03.FR.02: one month."""


class Phase(StrEnum):
    """What the station does about a certificate that it wants."""

    ASKING = "Asking"
    """SignCertificate must be sent, or sent again, as soon as there is a connection."""
    AWAITING = "Awaiting"
    """The CSMS has accepted the CSR and owes a CertificateSigned."""
    EXHAUSTED = "Exhausted"
    """All repetitions went unanswered; a late certificate is still welcome (A02.FR.19)."""
    REFUSED = "Refused"
    """The CSMS has rejected the CSR."""
    HALTED = "Halted"
    """The CSMS sent an invalid certificate: nothing more until it asks for it (A02.FR.20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """One wish for a certificate. `key` names the key pair, which outlives repetitions."""

    use: CertificateUse
    request_id: int
    key: str
    phase: Phase = Phase.ASKING
    repeats: int = 0

    @property
    def is_outstanding(self) -> bool:
        """Tell whether a CertificateSigned may answer it."""
        return self.phase in (Phase.ASKING, Phase.AWAITING, Phase.EXHAUSTED)


def answered(signing: Signing, *, accepted: bool) -> Signing:
    """Take in the answer to SignCertificate."""
    return replace(signing, phase=Phase.AWAITING if accepted else Phase.REFUSED)


def wait_s(signing: Signing, minimum_s: float) -> float:
    """Return how long to await the certificate: twice as long each time (A02.FR.17, A02.FR.18)."""
    return float(minimum_s * 2**signing.repeats)


def unanswered(signing: Signing, repeat_times: int) -> Signing:
    """Ask again, or give up after CertSigningRepeatTimes repetitions (A02.FR.17, A02.FR.19)."""
    if signing.repeats >= repeat_times:
        return replace(signing, phase=Phase.EXHAUSTED)
    return replace(signing, phase=Phase.ASKING, repeats=signing.repeats + 1)


def invalid_came(signing: Signing) -> Signing:
    """Stop after a certificate that had to be rejected (A02.FR.20)."""
    return replace(signing, phase=Phase.HALTED)


def renewal_is_due(
    expires_at: datetime | None, now: datetime, phase: Phase | None, *, refused_lately: bool
) -> bool:
    """Tell whether the station must ask for a new certificate of its own accord (A03.FR.02).

    `phase` is that of the last wish, None if it was fulfilled. The station does not ask while it
    does so already, nor after it gave up until the CSMS triggers it (A03.FR.19, A03.FR.20).
    """
    if expires_at is None or now < expires_at - RENEWAL_BEFORE_EXPIRY:
        return False
    return phase is None or (phase is Phase.REFUSED and not refused_lately)
