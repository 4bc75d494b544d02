"""What the guard is to be told, derived from a session's state."""

from dataclasses import replace

from agent.core.session_state import SessionState
from hal.api import Lease, PilotMode

LEASE_S = 1.0
"""How long the guard trusts a lease; renewing it several times as often bridges a slow moment."""
RENEWAL_S = 0.25


def lease_for(state: SessionState, *, lockable: bool, phases: int = 3, phase: int = 1) -> Lease:
    """Return the permission that follows from the state; the same state always gives the same.

    `phases` are those on which the EVSE is to charge, `phase` is which one, if it is one.
    """
    snapshot = state.snapshot
    lock = lockable and _wants_lock(state)
    if snapshot.offered:
        granted_a = float(state.granted_a)
        return Lease(state.evse, PilotMode.OFFER, granted_a, lock, LEASE_S, phases, phase)
    idle = not snapshot.in_transaction and not snapshot.power_path_closed
    mode = PilotMode.UNAVAILABLE if idle and not snapshot.operative else PilotMode.STANDBY
    return Lease(state.evse, mode, 0.0, lock, LEASE_S, phases, phase)


def _wants_lock(state: SessionState) -> bool:
    """Lock while a driver may charge, until the end is told, and while a cable is kept.

    A driver who has stopped gets the cable back also where the transaction goes on until unplugging
    (E06.FR.10, E07.FR.07, E08.FR.03).
    """
    transaction = state.transaction
    ending = transaction is not None and transaction.ending is not None
    in_use = state.snapshot.plugged_in and (state.snapshot.authorized or ending)
    return in_use or state.cable_keeper is not None


def withdraws(new: Lease, old: Lease) -> bool:
    """Tell whether a lease allows less than the one before; then it cannot wait for the disk.

    Another phase is less on the one before, and more only after the pause of a change.
    """
    if new.mode is not PilotMode.OFFER:
        return True
    lower = new.limit_a < old.limit_a or new.phases < old.phases
    elsewhere = new.phase != old.phase
    return old.mode is PilotMode.OFFER and (lower or elsewhere)


def withdrawn(lease: Lease) -> Lease:
    """Return a lease that allows no energy and leaves the lock as it is."""
    return replace(lease, mode=PilotMode.STANDBY, limit_a=0.0)
