"""The simulated status light of one EVSE, as the services see it; `state` of the bench shows it."""

from pathlib import Path

from hal.api import HardwareLost, IndicatorPattern
from hal.mock.channel import BoardChannel


class MockIndicator:
    """Shows what it is told (hal.api.Indicator)."""

    def __init__(self, evse: int, state_dir: Path) -> None:
        self._evse = evse
        self._channel = BoardChannel(state_dir, [evse])

    async def show(self, pattern: IndicatorPattern) -> None:
        """Show a pattern; raises `HardwareLost`."""
        shown = [pattern.colour.value, pattern.rhythm.value]
        body = [self._evse, *shown, pattern.intensity_percent, pattern.times]
        answer = await self._channel.ask("indicate", body)
        if answer.get("ok") is not True:
            raise HardwareLost(f"the simulated light of EVSE {self._evse} does not answer")

    async def close(self) -> None:
        """Let go of the light, which shows on what it was told last."""
        self._channel.close()
