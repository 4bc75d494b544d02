"""Whom an EVSE lets in here and now, and who may stop in whose place."""

from agent.core.session_state import SessionState
from agent.core.vocabulary import IdToken


def may_start(state: SessionState, token: IdToken) -> bool:
    """Tell whether this token may be authorized here and now (C01.FR.23)."""
    transaction, snapshot = state.transaction, state.snapshot
    if snapshot.faulted:
        return False
    if transaction is None:
        return snapshot.operative
    held_by = transaction.holder
    return transaction.ending is None and (held_by is None or held_by.token.same_as(token))


def same_group(one: IdToken | None, other: IdToken | None) -> bool:
    """Tell whether two groups are one; no group is nobody's (C09.FR.02)."""
    return one is not None and one.same_as(other)
