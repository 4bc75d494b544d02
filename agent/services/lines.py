"""The electrical facts of an EVSE in the session's words, from what the guard says."""

from collections.abc import Iterable

from agent.core.session_state import LinesChanged, SessionState
from agent.core.snapshot import EvseSnapshot
from hal.api import Fault, GuardStatus, PilotState

_PLUGGED_STATES = (PilotState.B, PilotState.C, PilotState.D)
_READY_STATES = (PilotState.C, PilotState.D)
_SAY_NOTHING_OF_THE_PLUG = (PilotState.E, PilotState.F)


def plugged_in(status: GuardStatus, *, before: bool) -> bool:
    """Tell whether an EV is plugged in; in states E and F nobody can see it: it is where it was."""
    if status.pilot_state in _SAY_NOTHING_OF_THE_PLUG:
        return before
    return status.pilot_state in _PLUGGED_STATES


def lines_of(
    status: GuardStatus, further_faults: Iterable[str], *, plugged_in: bool
) -> LinesChanged:
    """Return the lines as the guard measures them, with faults that it does not know."""
    return LinesChanged(
        plugged_in=plugged_in,
        ev_ready=status.pilot_state in _READY_STATES,
        power_path_closed=status.contactor_closed,
        faults=frozenset({fault.value for fault in status.faults} | {*further_faults}),
        connection=status.connection,
        cable_max_a=status.cable_rating_a,
    )


def lines_without_guard(state: SessionState) -> LinesChanged:
    """Return the lines of a guard that is gone: its contactor has fallen, the plug stays."""
    return LinesChanged(
        plugged_in=state.snapshot.plugged_in,
        ev_ready=False,
        power_path_closed=False,
        faults=frozenset({Fault.GUARD_LOST.value}),
        connection=state.connection,
        cable_max_a=state.cable_max_a,
    )


def is_opening(snapshot: EvseSnapshot) -> bool:
    """Tell whether energy may flow for another moment though a fault forbids it.

    A fault is told when it is safe: who reads Faulted must not find current flowing.
    """
    welded = Fault.CONTACTOR_WELDED.value in snapshot.faults
    return snapshot.faulted and snapshot.power_path_closed and not welded
