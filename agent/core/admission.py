"""Whom an EVSE lets in here and now, and who may stop in whose place."""

from dataclasses import replace

from agent.core.reservation import admits, may_admit
from agent.core.session_state import GroupTold, SessionState
from agent.core.vocabulary import IdToken


def may_start(state: SessionState, token: IdToken, group: IdToken | None = None) -> bool:
    """Tell whether this token may be authorized here and now (C01.FR.23, H03.FR.01-06)."""
    return _is_open_to(state, token) and admits(state.hold, token, group)


def starts_by_token(state: SessionState) -> bool:
    """Tell whether a token can only start here: it neither stops anything nor frees a cable."""
    transaction = state.transaction
    held = transaction is not None and transaction.holder is not None
    return state.authorization is None and state.cable_keeper is None and not held


def may_be_judged(state: SessionState, token: IdToken) -> bool:
    """Tell the same of a token whose group is not known yet (H03.FR.08)."""
    return _is_open_to(state, token) and may_admit(state.hold, token)


def same_group(one: IdToken | None, other: IdToken | None) -> bool:
    """Tell whether two groups are one; no group is nobody's (C09.FR.02)."""
    return one is not None and one.same_as(other)


def with_group(state: SessionState, told: GroupTold) -> SessionState:
    """Learn the group of whoever charges, so that others of it may stop (C09.FR.03)."""
    transaction, holder = state.transaction, state.authorization
    running = transaction is not None and transaction.id == told.transaction_id
    if not running or holder is None or not holder.token.same_as(told.token):
        return state
    return replace(state, authorization=replace(holder, group=told.group))


def _is_open_to(state: SessionState, token: IdToken) -> bool:
    transaction, snapshot = state.transaction, state.snapshot
    if snapshot.faulted:
        return False
    if transaction is None:
        return snapshot.operative
    held_by = transaction.holder
    return transaction.ending is None and (held_by is None or held_by.token.same_as(token))
