"""Judging tokens: local knowledge first, then the CSMS, then the offline rule."""

import logging
from collections.abc import Callable

from agent.core.authorization import AuthorizationPolicy, LocalSource, judge
from agent.core.events import AuthorizationAsked
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo
from agent.ports import Csms, CsmsRefused, CsmsUnavailable

INVALID = IdTokenInfo(AuthorizationStatus.INVALID)

log = logging.getLogger(__name__)


class AuthorizationService:
    """Judges a token for an EVSE; `sources` are asked in order (local list before cache)."""

    def __init__(
        self,
        csms: Csms,
        policy: Callable[[], AuthorizationPolicy],
        sources: tuple[LocalSource, ...] = (),
    ) -> None:
        self._csms = csms
        self._policy = policy
        self._sources = sources

    async def judge(self, token: IdToken, evse: int) -> tuple[IdTokenInfo, AuthorizedBy]:
        """Return a verdict, always; a CSMS that refuses to judge has not accepted (C01)."""
        known = judge(token, self._policy(), self._sources, online=self._csms.online)
        if known.info is not None:
            return known.info, known.by
        try:
            fact = await self._csms.ask(AuthorizationAsked(id_token=token, evse=evse))
        except CsmsUnavailable:
            return self._judge_offline(token)
        except CsmsRefused as refusal:
            log.warning("Authorize was not answered with a verdict: %s", refusal)
            return INVALID, AuthorizedBy.CSMS
        info = fact.info if isinstance(fact, TokenJudged) else INVALID
        return info, AuthorizedBy.CSMS

    def _judge_offline(self, token: IdToken) -> tuple[IdTokenInfo, AuthorizedBy]:
        known = judge(token, self._policy(), self._sources, online=False)
        return known.info or INVALID, known.by
