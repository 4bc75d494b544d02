"""What whoever runs a session asks of others: a verdict on a token, and to be remembered."""

from collections.abc import Awaitable, Callable

from agent.core.authorization import Presented
from agent.core.events import TransactionEvent
from agent.core.session_state import SessionState
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdTokenInfo

Judge = Callable[[Presented], Awaitable[tuple[IdTokenInfo, AuthorizedBy]]]
Observer = Callable[[SessionState, SessionState], None]
Remember = Callable[[TransactionEvent, SessionState], Awaitable[None]]

UNJUDGED = (IdTokenInfo(AuthorizationStatus.INVALID), AuthorizedBy.NOBODY)
"""The verdict on a token that could not be judged."""
