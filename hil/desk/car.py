"""A car made of relays, and the contact that tells where the contactor is."""

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from hal.api import PilotState
from hil.desk.relays import RelayBoardDriver
from hil.desk.resources import RelayCar
from hil.drivers import CarDriver, DriverFailed, OutletDriver, OutletFacts
from hil.target import NotOnBench

if TYPE_CHECKING:
    import serial

    from hil.target import Target

CONTACT_LINES = ("cts", "dsr", "cd", "ri")
MAINS_V = 230.0
WH_PER_WS = Decimal(1) / 3600


class RelayCarDriver(CarDriver, OutletDriver):
    """Plugs in by relays; counts the energy that would flow while the contactor is closed."""

    def __init__(self, resource: RelayCar, target: "Target") -> None:
        super().__init__(resource, target)
        if resource.contact_line not in CONTACT_LINES:
            raise DriverFailed(f"{self.name}: contact_line is one of {', '.join(CONTACT_LINES)}")
        self._resource = resource
        self._contact: serial.Serial | None = None
        self._plugged = self._wants = self._was_closed = False
        self._counted_s = 0.0
        self._energy_ws = Decimal(0)

    async def begin(self, folder: Path) -> None:
        del folder
        self._plugged, self._wants = False, True
        self._energy_ws, self._counted_s = Decimal(0), time.monotonic()
        self._was_closed = self._is_closed()

    async def finish(self) -> None:
        self._plugged = False
        self._apply()

    def close(self) -> None:
        if self._contact is not None:
            self._contact.close()

    # --- CarDriver.

    async def plug_in(self, evse: int) -> None:
        self._check(evse)
        self._plugged, self._wants = True, True
        self._apply()

    async def unplug(self, evse: int) -> None:
        self._check(evse)
        self._plugged = False
        self._apply()

    async def want(self, evse: int, *, energy: bool) -> None:
        self._check(evse)
        self._wants = energy
        self._apply()

    async def fit(self, evse: int, *, max_a: float, phases: int) -> None:
        self._check(evse)
        raise NotOnBench(f"a car made of relays cannot become one of {max_a} A on {phases} phases")

    # --- OutletDriver.

    def facts(self, evse: int) -> OutletFacts:
        self._check(evse)
        self._count()
        load_a = self._resource.load_a if self._was_closed else 0.0
        return OutletFacts(
            contactor_closed=self._was_closed,
            pilot_state=self._pilot_state(),
            duty=None,
            sees_pilot=False,
            current_a=load_a,
            delivered_wh=self._energy_ws * WH_PER_WS,
            plugged=self._plugged,
        )

    def _pilot_state(self) -> PilotState:
        if not self._plugged:
            return PilotState.A
        return PilotState.C if self._wants else PilotState.B

    def _count(self) -> None:
        """Count the energy since the last look; the contact moves only when it is looked at."""
        now_s, closed = time.monotonic(), self._is_closed()
        if self._was_closed:
            watts = MAINS_V * self._resource.load_a * self._resource.phases
            self._energy_ws += Decimal(watts * (now_s - self._counted_s))
        self._counted_s, self._was_closed = now_s, closed

    def _is_closed(self) -> bool:
        contact = self._contact or self._connect()
        return bool(getattr(contact, self._resource.contact_line))

    def _apply(self) -> None:
        """Close the relays of the present state; before C there is always B."""
        board = self.target.named(self._resource.relay_board, RelayBoardDriver)
        if self._resource.proximity:
            board.switch(self._resource.proximity, closed=self._plugged)
        board.switch(self._resource.state_b, closed=self._plugged)
        board.switch(self._resource.state_c, closed=self._plugged and self._wants)

    def _check(self, evse: int) -> None:
        if evse != self._resource.evse:
            raise NotOnBench(f"{self.name} is at EVSE {self._resource.evse}, not at {evse}")

    def _connect(self) -> "serial.Serial":
        import serial  # noqa: PLC0415 - only a desk has such an adapter

        try:
            self._contact = serial.Serial(self._resource.contact_port, exclusive=True)
        except serial.SerialException as error:
            raise DriverFailed(
                f"{self.name}: {self._resource.contact_port} cannot be opened: {error}; is the"
                " adapter plugged in, and may you use the port (group dialout)?"
            ) from error
        self._contact.rts = True  # feeds the contact
        return self._contact
