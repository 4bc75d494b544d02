"""Plug-ins as the guard counts them: what happened to the cable while nobody looked."""

from dataclasses import replace
from datetime import datetime

from agent.core.events import ConnectorUnplugged
from agent.core.session_state import LinesChanged, Resumed, SessionState, Stimulus

_COUNTER_BITS = 16


def parts(state: SessionState, stimulus: Stimulus) -> tuple[Stimulus, ...]:
    """Return a stimulus in the steps that it hides: an EV swapped unseen was unplugged first."""
    lines = stimulus.lines if isinstance(stimulus, Resumed) else stimulus
    if not isinstance(lines, LinesChanged) or not _numbers_differ(state, lines):
        return (stimulus,)
    if guards_differ(state, lines):
        return (stimulus,)
    gone = replace(lines, plugged_in=False, ev_ready=False, power_path_closed=False)
    if isinstance(stimulus, Resumed):
        return (replace(stimulus, lines=gone), lines)
    return (gone, lines)


def unplugged(
    before: SessionState, after: SessionState, at: datetime
) -> tuple[ConnectorUnplugged, ...]:
    """Return the end of the stay of an EV whose transaction had ended before, if this is it.

    Where the transaction ends with the cable itself, its own end tells when that was; and where
    the next one begins without it, there is none.
    """
    left = not after.snapshot.plugged_in or before.connection != after.connection
    if before.ended is None or after.ended == before.ended or not left:
        return ()
    return (ConnectorUnplugged(at=at, transaction_id=before.ended),)


def guards_differ(state: SessionState, lines: LinesChanged) -> bool:
    """Tell whether nobody watched the cable for a while: the guard itself started anew."""
    started_anew = lines.connection >> _COUNTER_BITS != state.connection >> _COUNTER_BITS
    return started_anew and _numbers_differ(state, lines)


def _numbers_differ(state: SessionState, lines: LinesChanged) -> bool:
    """Tell whether a cable that seems to have stayed in was out meanwhile, or may have been."""
    stayed = state.snapshot.plugged_in and lines.plugged_in
    known = state.connection != 0 and lines.connection != 0
    return stayed and known and state.connection != lines.connection
