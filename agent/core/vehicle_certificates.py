"""Contract certificates for vehicles: what the CSMS is asked, and how often (M01, M02).

The station understands neither request nor response: they are EXI between the vehicle and those who
sign contracts. It says what kind of request it is, and fetches as many chains as there are.
"""

from dataclasses import field
from enum import StrEnum

from agent.core.records import dataclass

_ISO_15118_2 = "urn:iso:15118:2:"
MOST_CHAINS = 16
"""More chains are not fetched for one request, whatever the CSMS says is left."""


class CertificateAction(StrEnum):
    """CertificateActionEnumType."""

    INSTALL = "Install"
    UPDATE = "Update"


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleCertificateAsked:
    """A vehicle's request, to be passed on; `exi` is base64. `max_chains`: ISO 15118-20 only."""

    action: CertificateAction
    schema: str
    exi: str = field(repr=False)
    max_chains: int | None = None


@dataclass(frozen=True, slots=True)
class VehicleCertificateTold:
    """The answer; `exi` is the response for the vehicle, also one that tells it of a failure."""

    accepted: bool
    exi: str = field(default="", repr=False)
    remaining: int = 0


def certificate_asked(
    schema: str, exi: str, *, updates: bool, max_chains: int | None
) -> VehicleCertificateAsked:
    """Word a vehicle's request (M01.FR.01 to FR.03, M02.FR.01, M02.FR.02).

    Only ISO 15118-2 has a request of its own to update a certificate, and it has no number of
    chains.
    """
    if schema.startswith(_ISO_15118_2):
        action = CertificateAction.UPDATE if updates else CertificateAction.INSTALL
        return VehicleCertificateAsked(action=action, schema=schema, exi=exi)
    return VehicleCertificateAsked(
        action=CertificateAction.INSTALL, schema=schema, exi=exi, max_chains=max_chains
    )


def goes_on(before: int | None, told: VehicleCertificateTold, fetched: int) -> bool:
    """Tell whether to ask for the next chain (M01.FR.06).

    `before` is how many were left before this one. A number that does not fall leads nowhere.
    """
    falls = before is None or told.remaining < before
    return told.accepted and told.remaining > 0 and falls and fetched < MOST_CHAINS
