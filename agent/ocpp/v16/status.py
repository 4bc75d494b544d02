"""The nine states of ChargePointStatus as a pure projection of an EVSE's facts.

The first line that holds decides:

=====================================================================  =============
facts                                                                  status
=====================================================================  =============
a fault that makes charging impossible                                 Faulted
transaction; contactor closed and EV ready                             Charging
transaction; authorized; unplugged (the EV may come back)              SuspendedEV
transaction; authorized; nothing offered (whatever the EV does)        SuspendedEVSE
transaction; authorized; offered                                       SuspendedEV
transaction; not authorized; unplugged or contactor closed (it ends)   Finishing
transaction; not authorized; plugged in (no token was shown yet)       Preparing
no transaction; inoperative                                            Unavailable
no transaction; authorized                                             Preparing
no transaction; plugged in after a transaction or a time-out           Finishing
no transaction; plugged in                                             Preparing
reserved                                                               Reserved
otherwise                                                              Available
=====================================================================  =============

"Transaction" is the core's. Where it starts before a token is known, 1.6 knows no transaction yet
and the connector is Preparing. An offer that the EV has not taken yet counts as SuspendedEV, also
in the instant in which the contactor closes, so that Charging is not preceded by a false
SuspendedEVSE. The state before a fault returns with the facts when the fault clears (S16-STAT-07).
"""

from enum import StrEnum
from typing import Final

from agent.core.events import EvseChanged, LocalListConflict, StationChanged
from agent.core.records import dataclass
from agent.core.snapshot import FAULTS_THAT_STAY_AVAILABLE, EvseSnapshot
from agent.ocpp.codec import Call, CodecContext
from agent.ocpp.payloads import present, shorten
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v16.connectors import STATION
from agent.ocpp.v16.error_codes import (
    NO_ERROR,
    VENDOR_ERROR_CODE_LENGTH,
    ErrorReport,
    error_report,
)

_EV_SIDE_DISCONNECTED: Final = "EV side disconnected"
_LOCAL_LIST_CONFLICT: Final = "LocalListConflict"


class ChargePointStatus(StrEnum):
    """ChargePointStatus of 1.6."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class ConnectorReport:
    """What StatusNotification says of a connector, apart from time and place."""

    status: ChargePointStatus
    error: ErrorReport = NO_ERROR


def status_notification(event: EvseChanged, context: CodecContext) -> tuple[Call, ...]:
    """Tell a connector's state if it, or its error, is not what it was (S16-STAT-01).

    An EV that leaves its transaction is news in any state (S16-STAT-09).
    """
    after, disconnected = connector_report(event.after), _left_transaction(event)
    if event.before is not None and connector_report(event.before) == after and not disconnected:
        return ()
    connector = context.directory.connector_of(event.evse, event.connector)
    payload = _payload(connector, after) | {"timestamp": format_datetime(event.at)}
    if disconnected:
        payload["info"] = _EV_SIDE_DISCONNECTED
    if event.vendor_error:
        payload.pop("vendorId", None)
        payload["vendorErrorCode"] = shorten(event.vendor_error, VENDOR_ERROR_CODE_LENGTH)
    return (Call("StatusNotification", payload),)


def station_status_notification(event: StationChanged, _context: CodecContext) -> tuple[Call, ...]:
    """Tell the state of the station as a whole, connector 0 (S16-STAT-02)."""
    if event.faults - FAULTS_THAT_STAY_AVAILABLE:
        status = ChargePointStatus.FAULTED
    else:
        usable = event.operative
        status = ChargePointStatus.AVAILABLE if usable else ChargePointStatus.UNAVAILABLE
    report = ConnectorReport(status, error_report(event.faults))
    payload = _payload(STATION, report) | {"timestamp": format_datetime(event.at)}
    return (Call("StatusNotification", payload),)


def local_list_conflict(event: LocalListConflict, _context: CodecContext) -> tuple[Call, ...]:
    """Tell that list and CSMS do not agree, as an error of the station (S16-LIST-09)."""
    status = ChargePointStatus.AVAILABLE if event.operative else ChargePointStatus.UNAVAILABLE
    payload = {
        "connectorId": STATION,
        "errorCode": _LOCAL_LIST_CONFLICT,
        "status": status.value,
        "timestamp": format_datetime(event.at),
    }
    return (Call("StatusNotification", payload),)


def connector_report(snapshot: EvseSnapshot) -> ConnectorReport:
    """Project onto status and error."""
    return ConnectorReport(charge_point_status(snapshot), error_report(snapshot.faults))


def charge_point_status(snapshot: EvseSnapshot) -> ChargePointStatus:
    """Project onto ChargePointStatus by the module's table."""
    if snapshot.faulted:
        return ChargePointStatus.FAULTED
    if snapshot.in_transaction:
        return _in_transaction(snapshot)
    if not snapshot.operative:
        return ChargePointStatus.UNAVAILABLE
    left_over = snapshot.cable_kept or (snapshot.plugged_in and snapshot.transaction_ended)
    if left_over and not snapshot.authorized:
        return ChargePointStatus.FINISHING
    if snapshot.plugged_in or snapshot.authorized:
        return ChargePointStatus.PREPARING
    return ChargePointStatus.RESERVED if snapshot.reserved else ChargePointStatus.AVAILABLE


def _in_transaction(snapshot: EvseSnapshot) -> ChargePointStatus:
    if snapshot.energy_flows:
        return ChargePointStatus.CHARGING
    if snapshot.authorized:
        withheld = snapshot.plugged_in and not snapshot.offered
        return ChargePointStatus.SUSPENDED_EVSE if withheld else ChargePointStatus.SUSPENDED_EV
    ending = snapshot.power_path_closed or not snapshot.plugged_in
    return ChargePointStatus.FINISHING if ending else ChargePointStatus.PREPARING


def _left_transaction(event: EvseChanged) -> bool:
    was_plugged_in = event.before is not None and event.before.plugged_in
    return was_plugged_in and event.after.in_transaction and not event.after.plugged_in


def _payload(connector: int, report: ConnectorReport) -> dict[str, object]:
    return present(
        {
            "connectorId": connector,
            "errorCode": report.error.code.value,
            "status": report.status.value,
            "info": report.error.info,
            "vendorId": report.error.vendor_id,
            "vendorErrorCode": report.error.vendor_error_code,
        }
    )
