"""A simulated contact of somebody else's relay; `relay` of the bench switches it."""

from pathlib import Path

from hal.api import HardwareLost
from hal.mock.channel import BoardChannel


class MockRelay:
    """Says what the bench has set, off at first (hal.api.RelayContact)."""

    def __init__(self, name: str, state_dir: Path) -> None:
        self._name = name
        self._channel = BoardChannel(state_dir, [1])

    async def is_on(self) -> bool:
        """Tell whether the relay is on; raises `HardwareLost`."""
        answer = await self._channel.ask("relay", self._name)
        on = answer.get("on")
        if answer.get("ok") is not True or not isinstance(on, bool):
            raise HardwareLost(f"the simulated relay {self._name} is broken")
        return on

    async def close(self) -> None:
        """Let go of the contact."""
        self._channel.close()
