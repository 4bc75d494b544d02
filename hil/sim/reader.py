"""A token reader on a pty, and a person who holds cards before it."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from hil.drivers import CardDriver, DriverFailed, Tables, Wire
from hil.sim.resources import PtyReader
from tests.rigs.token_readers import (
    LineReader,
    Misbehaviour,
    Pn532,
    Rdm6300,
    SimulatedReader,
    StrongLink,
    Twn4,
)

if TYPE_CHECKING:
    from hil.target import Target

AWAY_S = 2.0
"""How long a card must have been away to be taken for a new one, with some room."""
LOOKS = 2
"""A reader that is asked so often while a card is there has seen it."""
LONGEST_HOLD_S = 2.0
SHOWN_S = 0.5
"""How long a card is held before a reader that nobody asks."""
_POLL_S = 0.02
_MAKES: dict[str, Callable[..., SimulatedReader]] = {
    "rdm6300": Rdm6300,
    "pn532": Pn532,
    "twn4": Twn4,
    "stronglink": StrongLink,
    "lines": LineReader,
}


class PtyReaderDriver(CardDriver, Wire):
    """Simulates the reader in a thread; the station opens the link `port` to its pty."""

    def __init__(self, resource: PtyReader, target: "Target") -> None:
        super().__init__(resource, target)
        if resource.protocol not in _MAKES:
            known = ", ".join(_MAKES)
            raise DriverFailed(f"{target.bench.path}: {self.name}.protocol is one of {known}")
        self._resource = resource
        self._running = ExitStack()
        self._reader: SimulatedReader
        self._away_since_s = 0.0

    async def begin(self, folder: Path) -> None:
        self.port = folder / self.name
        make = _MAKES[self._resource.protocol]
        reader = make(self.port, baudrate=self._resource.baudrate)
        self._reader = self._running.enter_context(reader)
        self._away_since_s = 0.0

    async def finish(self) -> None:
        self._running.close()

    @property
    def evses(self) -> tuple[int, ...]:
        return self._resource.evses

    def tables(self, evse: int) -> Tables:
        if evse not in self._resource.evses:
            return {}
        return {
            "reader": {
                "backend": "serial",
                "protocol": self._resource.protocol,
                "port": str(self.port),
                "baudrate": self._resource.baudrate,
            }
        }

    async def present(self, token: str) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._away_since_s + AWAY_S - loop.time())
        self._reader.hold_card(token)
        await self._is_looked_at(LOOKS)
        self._reader.remove_card()
        await self._is_looked_at(1)
        self._away_since_s = loop.time()

    async def _is_looked_at(self, times: int) -> None:
        """Wait until the reader was asked so often; or for a while, if nobody asks it."""
        loop = asyncio.get_running_loop()
        asks = self._reader.repeat_s is None
        looks = len(self._reader.heard) + times
        give_up_s = loop.time() + (LONGEST_HOLD_S if asks else SHOWN_S)
        while (  # noqa: ASYNC110 - the reader hears in a thread of its own
            not (asks and len(self._reader.heard) >= looks) and loop.time() < give_up_s
        ):
            await asyncio.sleep(_POLL_S)

    # --- Wire.

    async def unplug(self) -> None:
        self._reader.unplug()

    async def plug(self) -> None:
        self._reader.plug_in()

    async def mute(self, *, on: bool) -> None:
        self._reader.misbehave(Misbehaviour.SILENT if on else Misbehaviour.NONE)

    async def babble(self, *, on: bool) -> None:
        self._reader.misbehave(Misbehaviour.GARBAGE if on else Misbehaviour.NONE)

    async def impersonate(self, *, on: bool) -> None:
        self._reader.misbehave(Misbehaviour.WRONG_DEVICE if on else Misbehaviour.NONE)
