"""Judging tokens: local knowledge first, then the CSMS, then the offline rule."""

import logging
from collections.abc import Callable

from agent.core.authorization import AuthorizationPolicy, Judgement, Presented, judge
from agent.core.events import AuthorizationAsked
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo
from agent.ports import Csms, CsmsRefused, CsmsUnavailable
from agent.services.authorization_cache import AuthorizationCacheService
from agent.services.local_authorization_list import LocalAuthorizationListService

INVALID = IdTokenInfo(AuthorizationStatus.INVALID)

log = logging.getLogger(__name__)


class AuthorizationService:
    """Judges tokens; the local list is asked before the cache (C13.FR.01, C14.FR.01).

    `caches_listed` tells whether a token of the list enters the cache as well: not in 1.6.
    """

    def __init__(
        self,
        csms: Csms,
        policy: Callable[[], AuthorizationPolicy],
        local_list: LocalAuthorizationListService,
        cache: AuthorizationCacheService,
        caches_listed: Callable[[], bool],
    ) -> None:
        self._csms = csms
        self._policy = policy
        self._list = local_list
        self._cache = cache
        self._caches_listed = caches_listed

    async def judge(self, presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        """Return a verdict, always; a CSMS that refuses to judge has not accepted (C01)."""
        known = self._judge_locally(presented, online=self._csms.online)
        if known.info is not None:
            return known.info, known.by
        asked = AuthorizationAsked(id_token=presented.token, evse=presented.evse)
        try:
            fact = await self._csms.ask(asked)
        except CsmsUnavailable:
            offline = self._judge_locally(presented, online=False)
            return offline.info or INVALID, offline.by
        except CsmsRefused as refusal:
            log.warning("Authorize was not answered with a verdict: %s", refusal)
            return INVALID, AuthorizedBy.CSMS
        if not isinstance(fact, TokenJudged):
            return INVALID, AuthorizedBy.CSMS
        self.learn(presented.token, fact.info)
        return fact.info, AuthorizedBy.CSMS

    def learn(self, token: IdToken, info: IdTokenInfo) -> None:
        """Remember what the CSMS said of a token (C10.FR.04, C10.FR.05)."""
        if self._caches_listed() or self._list.look_up(token) is None:
            self._cache.note(token, info)

    def _judge_locally(self, presented: Presented, *, online: bool) -> Judgement:
        sources = (self._list, self._cache)
        found = judge(presented, self._policy(), sources, online=online)
        if found.by is AuthorizedBy.CACHE:
            self._cache.used(presented.token)
        return found
