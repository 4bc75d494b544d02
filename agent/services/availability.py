"""Availability as ordered by the CSMS: carried out, scheduled, kept over restarts (G03, G04)."""

from collections.abc import Callable, Mapping

from agent.core.availability import Availability, carry_out, change
from agent.core.commands import ChangeAvailability, Outcome
from agent.core.session_state import AvailabilityChanged, SessionState
from agent.ports import Settings
from agent.services.evse import EvseService
from agent.services.tasks import Spawn

_KIND = "availability"
_ORDERED, _SCHEDULED = "ordered", "scheduled"


class AvailabilityService:
    """Holds the orders and tells each EVSE whether it is operative."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        settings: Settings,
        station_changed: Callable[[], None],
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._settings = settings
        self._station_changed = station_changed
        self._spawn = spawn
        self._availability = restored(settings)
        self._held_back = False
        for evse in evses.values():
            evse.observers.append(self._observe)

    @property
    def station_operative(self) -> bool:
        """Tell whether the station as a whole may be used."""
        return self._availability.station_operative

    def operative(self, evse: int) -> bool:
        """Tell whether an EVSE may be used, as ordered."""
        return self._availability.operative(evse) and not self._held_back

    def awaits_update(self, evse: int) -> bool:
        """Tell whether nothing but an update of the software keeps sessions away from an EVSE."""
        return self._held_back and self._availability.operative(evse)

    def hold_back(self, held_back: bool) -> None:  # noqa: FBT001 - it is what is said
        """Keep new sessions away from all EVSEs, or let them come again (L01.FR.07).

        A transaction goes on; no order of the CSMS changes by this, nor does it outlive a restart.
        """
        if held_back != self._held_back:
            self._held_back = held_back
            self._tell_evses()

    async def change(self, order: ChangeAvailability) -> Outcome:
        """Carry an order out or schedule it; it is durable before it is answered."""
        connectors = dict.fromkeys(self._evses, 1)
        outcome, availability = change(self._availability, order, connectors, self._busy())
        await self._adopt(availability)
        return outcome

    async def carry_out_scheduled(self) -> None:
        """Apply what waited for transactions that have ended, EVSE by EVSE."""
        await self._adopt(carry_out(self._availability, self._busy()))
        if self._availability.scheduled or self._held_back:
            self._tell_evses()

    def _busy(self) -> list[int]:
        return [n for n, evse in self._evses.items() if evse.state.transaction is not None]

    async def _adopt(self, availability: Availability) -> None:
        before, self._availability = self._availability, availability
        if availability == before:
            return
        texts = {
            _ORDERED: _as_text(availability.ordered),
            _SCHEDULED: _as_text(availability.scheduled),
        }
        await self._settings.put_many(_KIND, texts)
        self._tell_evses()
        if before.station_operative != availability.station_operative:
            self._station_changed()

    def _tell_evses(self) -> None:
        for number, evse in self._evses.items():
            busy = evse.state.transaction is not None
            operative = self._availability.operative(number, busy=busy)
            operative = operative and (busy or not self._held_back)
            if evse.state.snapshot.operative != operative:
                evse.post(AvailabilityChanged(operative))

    def _observe(self, before: SessionState, after: SessionState) -> None:
        if before.transaction is not None and after.transaction is None:
            self._spawn(self.carry_out_scheduled())


def restored(settings: Settings) -> Availability:
    """Return what was ordered before the restart (B11.FR.02, G03.FR.08)."""
    texts = settings.items(_KIND)
    return Availability(_from_text(texts.get(_ORDERED, "")), _from_text(texts.get(_SCHEDULED, "")))


def _as_text(orders: Mapping[tuple[int, int], bool]) -> str:
    words = {True: "operative", False: "inoperative"}
    return " ".join(f"{e}.{c}={words[operative]}" for (e, c), operative in orders.items())


def _from_text(text: str) -> dict[tuple[int, int], bool]:
    orders = {}
    for item in text.split():
        place, _, word = item.partition("=")
        evse, _, connector = place.partition(".")
        orders[int(evse), int(connector)] = word == "operative"
    return orders
