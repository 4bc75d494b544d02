"""Why a token was refused, as far as the driver's next question goes."""

from enum import StrEnum

from agent.core.records import dataclass
from agent.core.session_state import SessionState, Stimulus, TokenJudged
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, TokenType

SHOWN_DIGITS = 4
"""As many of a token's last digits tell cards apart, and nobody can charge with them."""


class RefusalCause(StrEnum):
    """What spoke against a token."""

    VERDICT = "verdict"
    NOBODY_TO_ASK = "nobody_to_ask"
    OTHER_EVSE = "other_evse"
    FAULTED = "faulted"
    INOPERATIVE = "inoperative"
    RESERVED = "reserved"
    IN_USE = "in_use"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused token, `token` without all but its last digits; `status` is the verdict on it."""

    token: str
    cause: RefusalCause
    status: AuthorizationStatus | None = None
    by: AuthorizedBy | None = None


def refusal(before: SessionState, stimulus: Stimulus, token: IdToken) -> Refusal:
    """Return why a session in the state `before` refused a token at this stimulus."""
    shown = shown_token(token)
    if not isinstance(stimulus, TokenJudged):
        return Refusal(shown, _obstacle(before))
    status, by = stimulus.info.status, stimulus.by
    if not stimulus.info.accepted:
        unasked = by is AuthorizedBy.OFFLINE and status is AuthorizationStatus.UNKNOWN
        cause = RefusalCause.NOBODY_TO_ASK if unasked else RefusalCause.VERDICT
        return Refusal(shown, cause, status, by)
    elsewhere = stimulus.info.evse_ids and before.evse not in stimulus.info.evse_ids
    return Refusal(shown, RefusalCause.OTHER_EVSE if elsewhere else _obstacle(before), status, by)


def shown_token(token: IdToken) -> str:
    """Return what may be shown of a token."""
    if token.type == TokenType.KEY_CODE or len(token.value) <= SHOWN_DIGITS:
        return "…"
    return f"…{token.value[-SHOWN_DIGITS:]}"


def _obstacle(state: SessionState) -> RefusalCause:
    """Return what at the EVSE itself spoke against any other token."""
    snapshot = state.snapshot
    if snapshot.faulted:
        return RefusalCause.FAULTED
    if state.authorization is not None or state.transaction is not None:
        return RefusalCause.IN_USE
    if not snapshot.operative:
        return RefusalCause.INOPERATIVE
    held = state.hold is not None and state.hold.held
    return RefusalCause.RESERVED if held else RefusalCause.IN_USE
