"""A car made of relays, and the contact that tells where the contactor is."""

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from hal.api import PilotState
from hil.desk.load import CONTACT_LINES
from hil.desk.relays import RelayBoardDriver
from hil.desk.resources import RelayCar
from hil.drivers import CarDriver, DriverFailed, OutletDriver, OutletFacts
from hil.sim.instruments import BayDriver
from hil.target import NotOnBench

if TYPE_CHECKING:
    from hil.target import Target


class RelayCarDriver(CarDriver, OutletDriver):
    """Plugs in by relays; the process of the devices looks at the contact and counts the energy."""

    def __init__(self, resource: RelayCar, target: "Target") -> None:
        super().__init__(resource, target)
        if resource.contact_line not in CONTACT_LINES:
            raise DriverFailed(f"{self.name}: contact_line is one of {', '.join(CONTACT_LINES)}")
        self._resource = resource
        self._plugged = self._wants = False

    @property
    def evse(self) -> int:
        """The EVSE that it is at."""
        return self._resource.evse

    async def begin(self, folder: Path) -> None:
        del folder
        self._plugged, self._wants = False, True
        self.target.driver(BayDriver).order(
            "load",
            name=self.name,
            port=self._resource.contact_port,
            line=self._resource.contact_line,
            load_a=self._resource.load_a,
            phases=self._resource.phases,
        )

    async def finish(self) -> None:
        self._plugged = False
        self._apply()

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
        flow = json.loads(str(self.target.driver(BayDriver).order("flow", name=self.name)))
        return OutletFacts(
            contactor_closed=flow["closed"],
            pilot_state=self._pilot_state(),
            duty=None,
            sees_pilot=False,
            current_a=max(flow["current_a"]),
            delivered_wh=Decimal(flow["milli_wh"]) / 1000,
            plugged=self._plugged,
        )

    def _pilot_state(self) -> PilotState:
        if not self._plugged:
            return PilotState.A
        return PilotState.C if self._wants else PilotState.B

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
