"""How the limits of a session change: what smart charging tells, and the ceiling of everybody else.

The two are kept apart, so that neither has to know the other: when the heat is over, what smart
charging told last holds again.
"""

from dataclasses import replace

from agent.core.session_state import CeilingChanged, LimitChanged, SessionState


def limited(state: SessionState, stimulus: LimitChanged | CeilingChanged) -> SessionState:
    """Return the state under other limits."""
    match stimulus:
        case LimitChanged(limit_a=limit_a, phases=phases, phase=phase):
            return replace(state, limit_a=limit_a, wanted_phases=phases, wanted_phase=phase)
        case CeilingChanged(ceiling_a=ceiling_a):
            return replace(state, ceiling_a=ceiling_a)


def grants_other(before: SessionState, after: SessionState) -> bool:
    """Tell whether an EV may draw another current than before, or on other phases."""
    was, now = (
        (state.granted_a, state.wanted_phases, state.wanted_phase) for state in (before, after)
    )
    return was != now


def is_news(stimulus: LimitChanged | CeilingChanged) -> bool:
    """Tell whether the CSMS is to hear of it (LimitChangeSignificance, K12.FR.02)."""
    return not isinstance(stimulus, LimitChanged) or stimulus.significant
