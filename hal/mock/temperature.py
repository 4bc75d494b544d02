"""The simulated temperature sensor of one EVSE, as the services see it."""

from pathlib import Path

from hal.api import HardwareLost
from hal.mock.channel import BoardChannel


class MockTemperature:
    """Says what the bench has set, 25 °C at first (hal.api.TemperatureSensor)."""

    def __init__(self, evse: int, state_dir: Path) -> None:
        self._evse = evse
        self._channel = BoardChannel(state_dir, [evse])

    async def read_celsius(self) -> float:
        """Return the temperature; raises `HardwareLost`."""
        answer = await self._channel.ask("temperature", self._evse)
        celsius = answer.get("celsius")
        if answer.get("ok") is not True or not isinstance(celsius, int | float):
            raise HardwareLost(f"the simulated temperature sensor of EVSE {self._evse} is broken")
        return float(celsius)

    async def close(self) -> None:
        """Let go of the sensor."""
        self._channel.close()
