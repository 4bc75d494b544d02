"""Contract certificates of ISO 15118: who validates them, and what follows (C07).

The chain itself is examined where certificates are understood; the rules here decide by what was
found there.
"""

from dataclasses import field
from enum import StrEnum

from agent.core.certificates import CertificateHashData
from agent.core.records import dataclass

AUTHORIZE_HASHES: int = 4
"""More hash data than this do not fit into Authorize."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """OCSPRequestDataType: a certificate, and where its status can be asked."""

    hash_data: CertificateHashData
    responder_url: str = ""


class ContractFinding(StrEnum):
    """What the station can say of a chain by itself."""

    VALID = "it is valid and leads to a root that is installed here"
    ROOT_UNKNOWN = "it is sound, but its root is not installed here"
    INVALID = "it is not valid"


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract chain as the vehicle presented it, and what was found of it."""

    finding: ContractFinding
    chain: str = field(repr=False)
    status_requests: tuple[StatusRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class ContractPolicy:
    """The device-model variables that steer Plug & Charge."""

    enabled: bool = True
    validates_offline: bool = True
    central_validation: bool = False


@dataclass(frozen=True, slots=True)
class ContractEvidence:
    """What Authorize tells besides the eMAID; a `chain` only for the CSMS to validate it."""

    status_requests: tuple[StatusRequest, ...] = ()
    chain: str | None = field(default=None, repr=False)


class ContractStep(StrEnum):
    """What happens to a contract."""

    REFUSE = "refuse"
    ASK = "ask the CSMS"
    ASK_WITH_CHAIN = "have the CSMS validate the chain"
    JUDGE_LOCALLY = "look the eMAID up"


def contract_step(
    finding: ContractFinding, policy: ContractPolicy, *, online: bool
) -> ContractStep:
    """Decide about a contract (C07.FR.01, FR.06 to FR.09).

    A chain that the station knows to be invalid is refused whatever the CSMS would say.
    """
    if not policy.enabled or finding is ContractFinding.INVALID:
        return ContractStep.REFUSE
    valid = finding is ContractFinding.VALID
    if not online:
        local = valid and policy.validates_offline
        return ContractStep.JUDGE_LOCALLY if local else ContractStep.REFUSE
    if valid:
        return ContractStep.ASK
    return ContractStep.ASK_WITH_CHAIN if policy.central_validation else ContractStep.REFUSE


def evidence(contract: Contract, step: ContractStep) -> ContractEvidence:
    """Return what Authorize tells of a contract (C07.FR.02, C07.FR.06)."""
    chain = contract.chain if step is ContractStep.ASK_WITH_CHAIN else None
    return ContractEvidence(contract.status_requests[:AUTHORIZE_HASHES], chain)


def emaid_of(text: str) -> str:
    """Return an eMAID as it is compared: without separators, in capitals (ISO 15118-2)."""
    return text.replace("-", "").replace(" ", "").upper()
