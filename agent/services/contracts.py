"""Contracts of vehicles: examined, then judged by the CSMS or by local knowledge (C07)."""

import logging
from collections.abc import Callable
from datetime import datetime

from agent.core.contracts import (
    ContractEvidence,
    ContractPolicy,
    ContractStep,
    contract_step,
    evidence,
)
from agent.core.vocabulary import IdToken
from agent.ports import ContractExaminer

log = logging.getLogger(__name__)


class ContractService:
    """Decides who validates a contract."""

    def __init__(
        self,
        examiner: ContractExaminer,
        policy: Callable[[], ContractPolicy],
        now: Callable[[], datetime],
    ) -> None:
        self._examiner = examiner
        self._policy = policy
        self._now = now

    def decide(
        self, emaid: IdToken, chain: str, *, online: bool
    ) -> tuple[ContractStep, ContractEvidence]:
        """Return what happens to a contract, and what Authorize tells of it if it is asked."""
        contract = self._examiner.examine(chain, emaid.value, self._now())
        step = contract_step(contract.finding, self._policy(), online=online)
        if step is ContractStep.REFUSE:
            log.warning("a vehicle's contract is refused: %s", contract.finding)
        return step, evidence(contract, step)
