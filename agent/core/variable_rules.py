"""Rules of the device model that tie values to each other or to the world outside it.

Each function makes one `VariableRule`; the application hands in what only it knows (which network
profiles are valid, whether a security profile's prerequisites are met).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from agent.core.standard_variables import (
    ALLOW_SECURITY_PROFILE_DOWNGRADE,
    NETWORK_CONFIGURATION_PRIORITY,
    SAMPLED_SIGN_READINGS,
    SECURITY_PROFILE,
    TX_START_POINT,
    TX_STOP_POINT,
    temperature,
)
from agent.core.variable_access import ValueReader, VariableRule
from agent.core.variable_definition import list_members
from agent.core.vocabulary import TxPoint

_LATE_POINTS = frozenset(TxPoint) - {TxPoint.DATA_SIGNED}
_ONCE_PLUGGED_AND_AUTHORIZED = _LATE_POINTS - {TxPoint.ENERGY_TRANSFER}
_ENDED_BY: Mapping[TxPoint, frozenset[TxPoint]] = {
    TxPoint.PARKING_BAY_OCCUPANCY: frozenset({TxPoint.PARKING_BAY_OCCUPANCY}),
    TxPoint.EV_CONNECTED: frozenset({TxPoint.PARKING_BAY_OCCUPANCY, TxPoint.EV_CONNECTED}),
    TxPoint.AUTHORIZED: _ONCE_PLUGGED_AND_AUTHORIZED,
    TxPoint.POWER_PATH_CLOSED: _ONCE_PLUGGED_AND_AUTHORIZED,
    TxPoint.ENERGY_TRANSFER: _LATE_POINTS,
    TxPoint.DATA_SIGNED: _LATE_POINTS,
}
"""For each start point the stop points that are bound to come, whatever the driver does.

A transaction ends when a condition becomes false, so it must have been true: one that starts at
plug-in and stops only when authorization ends stays open for ever if nobody ever authorizes.
"""

_TLS_WITH_CLIENT_CERTIFICATE = 3
_TLS_WITH_BASIC_AUTH = 2


def transaction_points_rule() -> VariableRule:
    """Refuse start and stop points by which a transaction never starts or ends (E01, E06)."""
    variables = {TX_START_POINT, TX_STOP_POINT, SAMPLED_SIGN_READINGS}
    return VariableRule(frozenset(variables), _endless_or_never)


def network_priority_rule(objection_to: Callable[[int], str | None]) -> VariableRule:
    """Accept only priority lists whose slots can all be dialled (B10.FR.01, B10.FR.02, A05).

    `objection_to` tells why a slot cannot be. Slots that are in the list already are judged again:
    what they need may be gone.
    """

    def objection(_: ValueReader, proposed: ValueReader) -> str | None:
        slots = list_members(proposed(NETWORK_CONFIGURATION_PRIORITY) or "")
        if not slots or len(set(slots)) < len(slots):
            return "must name at least one slot, and none twice"
        if strange := [slot for slot in slots if not _is_number(slot)]:
            return f"must be a list of slot numbers, which {strange[0]} is not"
        return next((o for s in slots if (o := objection_to(int(s))) is not None), None)

    return VariableRule(frozenset({NETWORK_CONFIGURATION_PRIORITY}), objection)


def security_profile_rule(missing_for: Callable[[int], str | None]) -> VariableRule:
    """Guard changes of the security profile (A05.FR.02, A05.FR.03, A05.FR.08 to A05.FR.10).

    `missing_for` names what a profile still lacks (password, CSMS root, station certificate), or
    None.
    """

    def objection(current: ValueReader, proposed: ValueReader) -> str | None:
        old, new = int(current(SECURITY_PROFILE) or 0), int(proposed(SECURITY_PROFILE) or 0)
        if new == old:
            return "the security profile is already in use"
        if new < old and not _is_permitted_downgrade(current, old, new):
            return "the security profile cannot be lowered"
        return missing_for(new)

    return VariableRule(frozenset({SECURITY_PROFILE}), objection)


def derating_rule(evse_id: int) -> VariableRule:
    """Refuse thresholds of an EVSE's derating that do not rise."""
    keys = [temperature(evse_id, name) for name in ("DeratingStart", "DeratingEnd", "Limit")]

    def objection(_: ValueReader, proposed: ValueReader) -> str | None:
        start, end, limit = (Decimal(proposed(key) or 0) for key in keys)
        if start < end < limit:
            return None
        return "DeratingStart, DeratingEnd and Limit must rise in this order"

    return VariableRule(frozenset(keys), objection)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and text == str(int(text))


def _endless_or_never(_: ValueReader, proposed: ValueReader) -> str | None:
    starts = _points(proposed(TX_START_POINT))
    stops = _points(proposed(TX_STOP_POINT))
    if not starts or not stops:
        return "a transaction needs at least one start point and one stop point"
    if starts == {TxPoint.DATA_SIGNED} and proposed(SAMPLED_SIGN_READINGS) != "true":
        return "DataSigned never comes true while SampledDataCtrlr.SignReadings is false"
    if TxPoint.DATA_SIGNED in stops:
        return "DataSigned is no stop point"
    endless = sorted(start for start in starts if _ENDED_BY[start].isdisjoint(stops))
    if endless:
        return f"a transaction that starts at {', '.join(endless)} could stay open for ever"
    return None


def _points(text: str | None) -> frozenset[TxPoint]:
    return frozenset(TxPoint(member) for member in list_members(text or ""))


def _is_permitted_downgrade(current: ValueReader, old: int, new: int) -> bool:
    return (
        old == _TLS_WITH_CLIENT_CERTIFICATE
        and new == _TLS_WITH_BASIC_AUTH
        and current(ALLOW_SECURITY_PROFILE_DOWNGRADE) == "true"
    )
