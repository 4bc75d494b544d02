"""Judging tokens: local knowledge first, then the CSMS, then the offline rule."""

import logging
from collections.abc import Callable
from functools import partial

from agent.core.authorization import AuthorizationPolicy, Judgement, Presented, judge
from agent.core.contracts import ContractEvidence, ContractStep
from agent.core.events import AuthorizationAsked
from agent.core.facts import TokenJudged
from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo, TokenType
from agent.core.wrong_codes import WrongCodes
from agent.ports import Csms, CsmsRefused, CsmsUnavailable
from agent.services.authorization_cache import AuthorizationCacheService
from agent.services.contracts import ContractService
from agent.services.learnt_cards import LearntCardsService
from agent.services.local_authorization_list import LocalAuthorizationListService
from agent.services.price_wait import PriceWait

INVALID = IdTokenInfo(AuthorizationStatus.INVALID)

NOBODY_WAITS = PriceWait(lambda: 0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalKnowledge:
    """What the station knows of tokens by itself.

    `caches_listed` tells whether a token of the list enters the cache as well: not in 1.6.
    `on_conflict` is told that the CSMS and its own list do not agree on a token.
    """

    local_list: LocalAuthorizationListService
    cache: AuthorizationCacheService
    learnt: LearntCardsService
    caches_listed: Callable[[], bool]
    on_conflict: Callable[[], None] = lambda: None

    def learn(self, token: IdToken, info: IdTokenInfo) -> None:
        """Remember what the CSMS said of a token (C10.FR.04, C10.FR.05)."""
        listed = self.local_list.look_up(token)
        if listed is not None and listed.info.accepted != info.accepted:
            log.warning("the CSMS does not agree with its local list on a token")
            self.on_conflict()
        if self.caches_listed() or listed is None:
            self.cache.note(token, info)


class AuthorizationService:
    """Judges tokens; the local list is asked before the cache (C13.FR.01, C14.FR.01).

    Codes rest after wrong ones (C04.FR.06). Whom the CSMS lets in may have to wait for a price.
    """

    def __init__(
        self,
        csms: Csms,
        policy: Callable[[], AuthorizationPolicy],
        local: LocalKnowledge,
        contracts: ContractService,
        now_s: Callable[[], float],
        prices: PriceWait = NOBODY_WAITS,
    ) -> None:
        self._csms = csms
        self._policy = policy
        self._local = local
        self._contracts = contracts
        self._now_s = now_s
        self._prices = prices
        self._wrong_codes = WrongCodes()

    async def judge(self, presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        """Return a verdict, always; a CSMS that refuses to judge has not accepted (C01)."""
        if presented.contract is not None:
            return await self._judge_contract(presented, presented.contract)
        if presented.token.type == TokenType.KEY_CODE:
            return await self._judge_code(presented)
        return await self._judge(presented)

    async def _judge(self, presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        known = self._judge_locally(presented, online=self._csms.online)
        if known.info is not None:
            return known.info, known.by
        try:
            return await self._ask(presented)
        except CsmsUnavailable:
            return self._judge_offline(presented)

    async def _judge_code(self, presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        if self._wrong_codes.rests(self._now_s()):
            log.warning("a code is not judged: too many were wrong")
            return INVALID, AuthorizedBy.NOBODY
        info, by = await self._judge(presented)
        self._wrong_codes = self._wrong_codes.after(self._now_s(), accepted=info.accepted)
        return info, by

    async def _judge_contract(
        self, presented: Presented, chain: str
    ) -> tuple[IdTokenInfo, AuthorizedBy]:
        """Judge a vehicle's contract (C07): online the CSMS does, if the chain is not known bad."""
        decide = partial(self._contracts.decide, presented.token, chain)
        step, evidence = decide(online=self._csms.online)
        if step in (ContractStep.ASK, ContractStep.ASK_WITH_CHAIN):
            try:
                return await self._ask(presented, evidence)
            except CsmsUnavailable:
                step, _ = decide(online=False)
        if step is ContractStep.JUDGE_LOCALLY:
            return self._judge_offline(presented)
        return INVALID, AuthorizedBy.NOBODY

    def _judge_offline(self, presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        offline = self._judge_locally(presented, online=False)
        return offline.info or INVALID, offline.by

    async def _ask(
        self, presented: Presented, contract: ContractEvidence | None = None
    ) -> tuple[IdTokenInfo, AuthorizedBy]:
        """Ask the CSMS, and wait for the price of whom it lets in; raises `CsmsUnavailable`."""
        with self._prices.listening(presented.token) as price_comes:
            verdict = await self._ask_alone(presented, contract)
            if presented.starts and verdict[0].accepted:
                await price_comes()
        return verdict

    async def _ask_alone(
        self, presented: Presented, contract: ContractEvidence | None
    ) -> tuple[IdTokenInfo, AuthorizedBy]:
        asked = AuthorizationAsked(id_token=presented.token, evse=presented.evse, contract=contract)
        try:
            fact = await self._csms.ask(asked)
        except CsmsRefused as refusal:
            log.warning("Authorize was not answered with a verdict: %s", refusal)
            return INVALID, AuthorizedBy.CSMS
        if not isinstance(fact, TokenJudged):
            return INVALID, AuthorizedBy.CSMS
        self._local.learn(presented.token, fact.info)
        return fact.info, AuthorizedBy.CSMS

    def _judge_locally(self, presented: Presented, *, online: bool) -> Judgement:
        sources = (self._local.local_list, self._local.learnt, self._local.cache)
        found = judge(presented, self._policy(), sources, online=online)
        if found.by is AuthorizedBy.CACHE:
            self._local.cache.used(presented.token)
        return found
