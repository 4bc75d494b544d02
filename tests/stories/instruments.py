"""Instruments of the stories beyond meter and reader, at the hardware's ports."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace

from agent.app.hardware import Hardware
from hal.api import (
    EnergyMeter,
    GuardGone,
    GuardStatus,
    HardwareLost,
    Indicator,
    IndicatorPattern,
    Lease,
    TemperatureSensor,
)
from tests.stories.board import VirtualBoard

SENSOR = 'temperature = { backend = "mock" }\n'
LIGHT = 'indicator = { backend = "mock" }\n'


@dataclass
class VirtualTemperature:
    """The temperature sensor of one EVSE (hal.api.TemperatureSensor)."""

    board: VirtualBoard
    number: int

    async def read_celsius(self) -> float:
        celsius = self.board.bench.surroundings.celsius(self.number)
        if celsius is None:
            raise HardwareLost("the sensor 28-0001 is not on its bus; check its three wires")
        return celsius

    async def close(self) -> None:
        return None


@dataclass
class VirtualLight:
    """A status light that remembers what it showed (hal.api.Indicator)."""

    shown: list[IndicatorPattern] = field(default_factory=list)
    failure: Exception | None = None

    async def show(self, pattern: IndicatorPattern) -> None:
        if self.failure is not None:
            raise self.failure
        self.shown.append(pattern)

    async def close(self) -> None:
        return None


def with_sensors(board: Callable[[], VirtualBoard]) -> Callable[[Hardware], Hardware]:
    """Give each EVSE a temperature sensor."""

    def fit(hardware: Hardware) -> Hardware:
        sensors: dict[int, TemperatureSensor] = {
            number: VirtualTemperature(board(), number) for number in hardware.meters
        }
        return replace(hardware, temperatures=sensors)

    return fit


def with_lights(lights: Iterable[VirtualLight]) -> Callable[[Hardware], Hardware]:
    """Give the EVSEs these lights."""
    numbered: dict[int, Indicator] = dict(enumerate(lights, start=1))
    return lambda hardware: replace(hardware, indicators=numbered)


def with_meter(wrap: Callable[[int, EnergyMeter], EnergyMeter]) -> Callable[[Hardware], Hardware]:
    """Put another meter in the place of each EVSE's own."""

    def fit(hardware: Hardware) -> Hardware:
        meters = {number: wrap(number, meter) for number, meter in hardware.meters.items()}
        return replace(hardware, meters=meters)

    return fit


class Housing:
    """The guard's link with a tamper input at each EVSE (hal.api.GuardLink)."""

    def __init__(self, guard: VirtualBoard) -> None:
        self._guard = guard
        self.open: set[int] = set()

    def turn(self, evse: int, *, is_open: bool) -> None:
        """Open or close the housing of an EVSE; the guard tells it."""
        (self.open.add if is_open else self.open.discard)(evse)
        self._guard._publish(self._guard._statuses[evse])

    async def grant(self, lease: Lease) -> None:
        await self._guard.grant(lease)

    async def unlock(self, evse: int) -> None:
        await self._guard.unlock(evse)

    async def statuses(self) -> AsyncIterator[GuardStatus | GuardGone]:
        async for news in self._guard.statuses():
            if isinstance(news, GuardStatus):
                yield replace(news, tampered=news.evse in self.open)
            else:
                yield news
