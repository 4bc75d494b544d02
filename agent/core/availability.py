"""Availability as the CSMS orders it, on three levels independent of each other (G03, G04)."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from agent.core.commands import ACCEPTED, ChangeAvailability, Outcome, Verdict, rejected
from agent.core.records import dataclass

STATION = 0


@dataclass(frozen=True, slots=True)
class Availability:
    """What was ordered, by place: EVSE 0 is the station, connector 0 the EVSE as a whole.

    `scheduled` holds orders that wait for a transaction to end. Places never named are operative.
    """

    ordered: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    scheduled: Mapping[tuple[int, int], bool] = field(default_factory=dict)

    def operative(self, evse: int, connector: int = 1, *, busy: bool = False) -> bool:
        """Tell whether a connector may be used: all three levels must allow it (G03.FR.07).

        What is scheduled holds at once where no transaction runs: no new one may begin there.
        """
        places = ((STATION, 0), (evse, 0), (evse, connector))
        orders = self.ordered if busy else {**self.ordered, **self.scheduled}
        return all(orders.get(place, True) for place in places)

    @property
    def station_operative(self) -> bool:
        """Tell what was ordered for the station as a whole."""
        return self.ordered.get((STATION, 0), True)


def change(
    availability: Availability,
    order: ChangeAvailability,
    connectors: Mapping[int, int],
    busy: Iterable[int],
) -> tuple[Outcome, Availability]:
    """Apply an order, or schedule it until the transactions that it touches have ended.

    `connectors` maps each EVSE to its number of connectors, `busy` names EVSEs in transaction.
    """
    evse, connector = order.evse or STATION, order.connector or 0
    if evse and evse not in connectors:
        return rejected("UnknownEvse", f"there is no EVSE {evse}"), availability
    if connector > connectors.get(evse, 0):
        return rejected("UnknownConnectorId", f"EVSE {evse} has no connector {connector}"), (
            availability
        )
    place = (evse, connector)
    touched = set(connectors) if evse == STATION else {evse}
    differs = availability.ordered.get(place, True) != order.operative
    if differs and not order.operative and touched & set(busy):
        scheduled = {**availability.scheduled, place: order.operative}
        return Outcome(Verdict.SCHEDULED), replace(availability, scheduled=scheduled)
    return ACCEPTED, _ordered(availability, {place: order.operative})


def carry_out(availability: Availability, busy: Iterable[int]) -> Availability:
    """Apply scheduled orders whose EVSEs are free now."""
    occupied = set(busy)
    free = {
        place: operative
        for place, operative in availability.scheduled.items()
        if not (occupied if place[0] == STATION else occupied & {place[0]})
    }
    return _ordered(availability, free) if free else availability


def _ordered(availability: Availability, orders: Mapping[tuple[int, int], bool]) -> Availability:
    waiting = {p: o for p, o in availability.scheduled.items() if p not in orders}
    return Availability({**availability.ordered, **orders}, waiting)
