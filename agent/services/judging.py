"""What whoever runs a session asks of others: a verdict on a token, and to be remembered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.core.authorization import Presented
from agent.core.events import TransactionEvent
from agent.core.session_state import SessionState, Stimulus, TokenJudged
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdTokenInfo

Judge = Callable[[Presented], Awaitable[tuple[IdTokenInfo, AuthorizedBy]]]
Observer = Callable[[SessionState, SessionState], None]
Remember = Callable[[TransactionEvent, SessionState], Awaitable[None]]

UNJUDGED = (IdTokenInfo(AuthorizationStatus.INVALID), AuthorizedBy.NOBODY)
"""The verdict on a token that could not be judged."""

log = logging.getLogger(__name__)


class Judging:
    """Has tokens judged beside a session's inbox, and posts the verdicts there."""

    def __init__(self, judge: Judge, post: Callable[[Stimulus], None]) -> None:
        self._judge = judge
        self._post = post
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, presented: Presented) -> None:
        """Have a token judged; there will be a verdict, whatever happens."""
        task = asyncio.create_task(self._have_judged(presented))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _have_judged(self, presented: Presented) -> None:
        info, by = UNJUDGED
        try:
            info, by = await self._judge(presented)
        except Exception:
            log.exception("a token could not be judged at EVSE %d", presented.evse)
        self._post(TokenJudged(presented.token, info, by))
