from itertools import product

import pytest

from agent.core.certificates import CertificateHashData, HashAlgorithm
from agent.core.contracts import (
    Contract,
    ContractEvidence,
    ContractFinding,
    ContractPolicy,
    ContractStep,
    StatusRequest,
    contract_step,
    evidence,
)

REQUEST = StatusRequest(CertificateHashData(HashAlgorithm.SHA256, "a", "b", "1"), "http://o")
VALID, UNKNOWN, INVALID = (
    ContractFinding.VALID,
    ContractFinding.ROOT_UNKNOWN,
    ContractFinding.INVALID,
)


@pytest.mark.requirement("C07.FR.01", "C07.FR.06", "C07.FR.07", "C07.FR.08")
@pytest.mark.parametrize(
    ("finding", "online", "offline_too", "central", "step"),
    [
        (VALID, True, False, False, ContractStep.ASK),
        (VALID, False, False, True, ContractStep.REFUSE),
        (VALID, False, True, False, ContractStep.JUDGE_LOCALLY),
        (UNKNOWN, True, True, False, ContractStep.REFUSE),
        (UNKNOWN, True, False, True, ContractStep.ASK_WITH_CHAIN),
        (UNKNOWN, False, True, True, ContractStep.REFUSE),
    ],
)
def test_who_judges_a_contract(
    finding: ContractFinding, step: ContractStep, *, online: bool, offline_too: bool, central: bool
) -> None:
    policy = ContractPolicy(validates_offline=offline_too, central_validation=central)
    assert contract_step(finding, policy, online=online) is step


def test_an_invalid_contract_and_a_station_without_plug_and_charge_refuse_always() -> None:
    for online, offline_too, central in product((False, True), repeat=3):
        on = ContractPolicy(validates_offline=offline_too, central_validation=central)
        off = ContractPolicy(False, offline_too, central)
        assert contract_step(INVALID, on, online=online) is ContractStep.REFUSE
        assert contract_step(VALID, off, online=online) is ContractStep.REFUSE


@pytest.mark.requirement("C07.FR.02", "C07.FR.06")
def test_the_chain_is_told_only_for_the_csms_to_validate_it() -> None:
    contract = Contract(UNKNOWN, "PEM", (REQUEST,) * 5)
    told = evidence(contract, ContractStep.ASK_WITH_CHAIN)
    assert told == ContractEvidence((REQUEST,) * 4, "PEM")
    assert evidence(contract, ContractStep.ASK).chain is None
