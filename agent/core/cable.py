"""Whose cable stays locked in the outlet although nothing is being charged (E05, E09, E10).

The guard locks whenever it must for safety; this is about property: a cable that its driver left
behind, or was left with after a refusal, is given back to that driver's token only.
"""

from agent.core.session_state import Authorization, Cause, LinesChanged, SessionPolicy, SessionState
from agent.core.vocabulary import IdToken, StoppedReason, TokenType


def keeper_after_lines(
    before: SessionState, lines: LinesChanged, policy: SessionPolicy
) -> Authorization | None:
    """Return for whom the cable is kept once the guard has reported these lines.

    A cable that an authorized driver unplugs at the EV stays locked unless the operator wants it
    free (E09.FR.02, E09.FR.03); where the transaction goes on it stays locked anyway (E10.FR.01).
    An attached cable, and one that is gone, is nobody's; so is one without a token to come back.
    """
    if lines.cable_max_a is None:
        return None
    holder = before.authorization
    if holder is None or holder.token.type == TokenType.NO_AUTHORIZATION:
        return before.cable_keeper
    if lines.plugged_in:
        return None
    unplugged = before.snapshot.plugged_in
    keeps = not policy.stop_on_ev_side_disconnect or not policy.unlock_on_ev_side_disconnect
    return holder if unplugged and keeps else before.cable_keeper


def keeper_after_end(state: SessionState, cause: Cause) -> Authorization | None:
    """Return for whom the cable is kept once a transaction has ended.

    After the CSMS has refused the token it waits for its owner (E05.FR.11).
    """
    transaction = state.transaction
    refused = cause.stopped_reason is StoppedReason.DE_AUTHORIZED
    if refused and transaction is not None and state.cable_max_a is not None:
        return transaction.holder
    return state.cable_keeper


def may_take(keeper: Authorization, token: IdToken, group: IdToken | None = None) -> bool:
    """Tell whether a token, or the group that it turned out to belong to, releases the cable."""
    of_group = keeper.group is not None and keeper.group.same_as(group)
    return keeper.token.same_as(token) or of_group
