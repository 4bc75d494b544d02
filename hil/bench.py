"""The bench of the stories (tests.stories.bench), by the drivers of the bench under test."""

from decimal import Decimal

from hal.api import Fault, PilotState
from hal.mock.pilot_circuit import offered_current_a
from hil.drivers import (
    CardDriver,
    CarDriver,
    FaultDriver,
    MeterDriver,
    OutletDriver,
    OutletFacts,
    Wire,
)
from hil.machine import BenchMachine
from hil.target import NotOnBench, Target
from tests.stories.bench import Bench
from tests.stories.words import TOKEN

LEAST_CURRENT_A = 0.5


class DriverBench(Bench):
    """Asks each driver for what it can do; what no driver can do skips the test."""

    def __init__(self, target: Target, machine: BenchMachine) -> None:
        self._target = target
        self._machine = machine
        self._outlet = target.driver(OutletDriver)

    async def plug_in(self, evse: int = 1, *, max_a: float | None = None) -> None:
        if max_a is not None:
            await self.car(evse, max_a=max_a)
        await self._car.plug_in(evse)

    async def unplug(self, evse: int = 1) -> None:
        await self._car.unplug(evse)

    async def car(self, evse: int = 1, *, max_a: float = 32, phases: int = 3) -> None:
        await self._car.fit(evse, max_a=max_a, phases=phases)

    async def car_pauses(self, evse: int = 1) -> None:
        await self._car.want(evse, energy=False)

    async def car_resumes(self, evse: int = 1) -> None:
        await self._car.want(evse, energy=True)

    async def swipe(self, token: str = TOKEN, evse: int | None = None) -> None:
        """Hold a card before the reader of an EVSE; without `evse`, before that of the station."""
        served = self._machine.evses if evse is None else {evse}
        for reader in self._target.drivers(CardDriver):
            if served <= set(reader.evses):
                await reader.present(token)
                return
        numbers = ", ".join(map(str, sorted(served)))
        raise NotOnBench(f"bench '{self._target.bench.name}' has no reader for EVSE {numbers}")

    async def fault(self, code: str, evse: int = 1) -> None:
        await self._set_fault(code, evse, on=True)

    async def repair(self, code: str, evse: int = 1) -> None:
        await self._set_fault(code, evse, on=False)

    async def _set_fault(self, code: str, evse: int, *, on: bool) -> None:
        if (wire := self._wire(code, evse)) is not None:
            await wire.vanish(on=on)
            return
        driver = self._target.driver(FaultDriver)
        if code not in driver.faults:
            raise NotOnBench(f"bench '{self._target.bench.name}' cannot break '{code}'")
        await driver.set_fault(evse, code, on=on)

    def _wire(self, code: str, evse: int) -> Wire | None:
        """Return the wire of the device whose absence is that fault, None if it is no device's."""
        devices: list[MeterDriver] | list[CardDriver]
        if code == Fault.METER_LOST:
            devices = [meter for meter in self._target.drivers(MeterDriver) if meter.evse == evse]
        elif code == Fault.READER_LOST:
            devices = [card for card in self._target.drivers(CardDriver) if evse in card.evses]
        else:
            return None
        return next((device for device in devices if isinstance(device, Wire)), None)

    # --- What instruments show.

    def plant(self, evse: int = 1) -> OutletFacts:
        return self._outlet.facts(evse)

    def is_delivering(self, evse: int = 1) -> bool:
        facts = self.plant(evse)
        return facts.contactor_closed and facts.current_a > LEAST_CURRENT_A

    def holds_closed(self, evse: int = 1) -> bool:
        facts = self.plant(evse)
        return facts.contactor_closed and facts.coil is not False

    def closings(self, evse: int = 1) -> int:
        counted = self.plant(evse).closings
        if counted is None:
            raise NotOnBench(f"bench '{self._target.bench.name}' does not count closings")
        return counted

    def offered_a(self, evse: int = 1) -> float:
        facts = self.plant(evse)
        if not facts.sees_pilot:
            raise NotOnBench(f"bench '{self._target.bench.name}' cannot measure the pilot")
        return round(offered_current_a(facts.duty), 1)

    def current_a(self, evse: int = 1) -> float:
        return round(self.plant(evse).current_a, 1)

    def pilot(self, evse: int = 1) -> PilotState:
        return self.plant(evse).pilot_state

    def delivered_wh(self, evse: int = 1) -> Decimal:
        return self.plant(evse).delivered_wh

    @property
    def _car(self) -> CarDriver:
        return self._target.driver(CarDriver)
