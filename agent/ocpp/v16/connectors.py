"""Connectors that a CALL of the CSMS names: the station has them or not."""

from agent.ocpp.codec import CallRejected, CodecContext, Payload
from agent.ocpp.payloads import integer
from agent.ocpp.rpc import RpcErrorCode

STATION = 0
"""The connector number that means the station as a whole, which the core calls EVSE 0."""


class UnknownConnector(ValueError):
    """The CALL names a connector that the station does not have: refuse the CALL."""


def place(payload: Payload, context: CodecContext) -> tuple[int, int] | None:
    """Return (EVSE, connector) of `connectorId`, None if absent; connector 0 is (0, 0).

    Raises `UnknownConnector`.
    """
    connector_id = integer(payload, "connectorId")
    if connector_id is None:
        return None
    found = (0, 0) if connector_id == STATION else context.directory.place_of(connector_id)
    if found is None:
        raise UnknownConnector(f"there is no connector {connector_id}")
    return found


def evse_or_error(payload: Payload, context: CodecContext) -> int:
    """Return the EVSE of a required `connectorId`; raises `CallRejected` as the errata ask for.

    SetChargingProfile and GetCompositeSchedule have no other word for it (S16-SC-09).
    """
    try:
        found = place(payload, context)
    except UnknownConnector as unknown:
        raise CallRejected(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, str(unknown)) from unknown
    return STATION if found is None else found[0]
