"""One EVSE's state as data, and the pure projections that OCPP 2.x shows of it.

`EvseSnapshot` holds facts; a status is never stored. 1.6's nine statuses are another projection of
the same facts, kept with the 1.6 codec.
"""

from agent.core.fault_taxonomy import FAULTS
from agent.core.records import dataclass
from agent.core.vocabulary import ChargingState, ConnectorStatus

FAULTS_THAT_STAY_AVAILABLE = frozenset(kind.name for kind in FAULTS if not kind.prevents_charging)


@dataclass(frozen=True, slots=True)
class EvseSnapshot:
    """What is true of one EVSE now.

    `operative` is the effective availability (station, EVSE and connector together); `faults` are
    names from the hardware's taxonomy; `ev_ready` is pilot state C or D; `offered` means that the
    EVSE allows energy (authorized, at least 6 A, available); `power_path_closed` is the contactor
    as read back; `transaction_ended` means that a transaction ended and its cable is still in;
    `cable_kept` that a cable is locked in the outlet until its owner comes (None is no).
    """

    operative: bool = True
    faults: frozenset[str] = frozenset()
    reserved: bool = False
    plugged_in: bool = False
    ev_ready: bool = False
    authorized: bool = False
    awaiting_ev: bool = False
    offered: bool = False
    power_path_closed: bool = False
    in_transaction: bool = False
    transaction_ended: bool = False
    cable_kept: bool | None = None

    @property
    def faulted(self) -> bool:
        """Tell whether a fault makes charging impossible."""
        return bool(self.faults - FAULTS_THAT_STAY_AVAILABLE)

    @property
    def energy_flows(self) -> bool:
        """Tell whether the power path is closed on both sides."""
        return self.power_path_closed and self.ev_ready


def charging_state(snapshot: EvseSnapshot) -> ChargingState:
    """Project onto ChargingStateEnumType."""
    if not snapshot.plugged_in:
        return ChargingState.IDLE
    if not snapshot.authorized:
        return ChargingState.EV_CONNECTED
    if snapshot.energy_flows:
        return ChargingState.CHARGING
    if not snapshot.offered:
        return ChargingState.SUSPENDED_EVSE
    return ChargingState.EV_CONNECTED if snapshot.ev_ready else ChargingState.SUSPENDED_EV


def connector_status(snapshot: EvseSnapshot) -> ConnectorStatus:
    """Project onto ConnectorStatusEnumType; a transaction keeps the connector occupied.

    A reserved connector stays Reserved until the token arrives that it waits for (G01.FR.09), also
    where plugging in alone starts a transaction.
    """
    if snapshot.faulted:
        return ConnectorStatus.FAULTED
    if not snapshot.operative and not snapshot.in_transaction:
        return ConnectorStatus.UNAVAILABLE
    if snapshot.reserved and not (snapshot.plugged_in and snapshot.authorized):
        return ConnectorStatus.RESERVED
    occupied = snapshot.in_transaction or snapshot.plugged_in or snapshot.cable_kept
    return ConnectorStatus.OCCUPIED if occupied else ConnectorStatus.AVAILABLE
