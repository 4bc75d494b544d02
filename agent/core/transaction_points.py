"""Where a transaction starts and stops: conditions of TxStartPoint and TxStopPoint (E01, E06)."""

from agent.core.session_state import SessionPolicy
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import TxPoint


def holding(snapshot: EvseSnapshot) -> frozenset[TxPoint]:
    """Return the conditions that hold now; there is no parking bay sensor.

    Energy counts as transferred from the moment the contactor closes for a ready EV. The start
    record is signed as soon as the power path may close, so DataSigned holds with it (E01.FR.04).
    """
    both = snapshot.authorized and snapshot.plugged_in
    conditions = {
        TxPoint.EV_CONNECTED: snapshot.plugged_in,
        TxPoint.AUTHORIZED: snapshot.authorized,
        TxPoint.POWER_PATH_CLOSED: both,
        TxPoint.DATA_SIGNED: both,
        TxPoint.ENERGY_TRANSFER: both and snapshot.energy_flows,
    }
    return frozenset(point for point, holds in conditions.items() if holds)


def starts(snapshot: EvseSnapshot, policy: SessionPolicy) -> bool:
    """Tell whether a transaction starts, as none is running (E01.FR.01-06).

    A cable that stayed in after a transaction starts the next one only together with a new
    authorization. An EVSE that cannot be used starts none, unless energy flows: it is never lost.
    """
    conditions = holding(snapshot)
    if TxPoint.ENERGY_TRANSFER not in conditions and (snapshot.faulted or not snapshot.operative):
        return False
    used_up = snapshot.transaction_ended and TxPoint.POWER_PATH_CLOSED not in conditions
    return not used_up and bool(_starting(conditions, policy))


def starts_by_signature(snapshot: EvseSnapshot, policy: SessionPolicy) -> bool:
    """Tell whether only the signed begin value is what a transaction starts with (E01.FR.04)."""
    return _starting(holding(snapshot), policy) == {TxPoint.DATA_SIGNED}


def stops(before: EvseSnapshot, after: EvseSnapshot, policy: SessionPolicy) -> bool:
    """Tell whether a configured stop condition has just become false (E06.FR.01-07).

    With StopTxOnEVSideDisconnect false an unplugged EV may come back, so that only the loss of
    authorization counts (E10, S16-TXN-08). With neither EV nor authorization nothing is left that
    could become false, so that the transaction is over (E03.FR.05); only a parking bay keeps it.
    """
    if after.authorized and not after.plugged_in and not policy.stop_on_ev_side_disconnect:
        return False
    nothing_left = not after.authorized and not after.plugged_in
    lost = holding(before) - holding(after) - {TxPoint.DATA_SIGNED}
    abandoned = nothing_left and TxPoint.PARKING_BAY_OCCUPANCY not in policy.stop_points
    return abandoned or bool(lost & policy.stop_points)


def _starting(conditions: frozenset[TxPoint], policy: SessionPolicy) -> frozenset[TxPoint]:
    """Return the start points that hold; nothing is signed where readings are not to be."""
    unsigned = frozenset[TxPoint]() if policy.signing.sampled else {TxPoint.DATA_SIGNED}
    return conditions & policy.start_points - unsigned
