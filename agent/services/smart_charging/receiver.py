"""A receiver with relays, read through the contacts of the board (agent.ports.site_limiter)."""

import asyncio
import logging
from collections.abc import Mapping

from agent.core.smart_charging.outside import LimitOrigin
from agent.core.smart_charging.receiver import (
    Demand,
    ReceiverRule,
    Settling,
    Signal,
    demand,
    settle,
)
from hal.api import HardwareError, RelayContact

READ_TIMEOUT_S = 0.5

log = logging.getLogger(__name__)


class RelayReceiver:
    """A ripple control receiver or a relay of the grid operator."""

    def __init__(self, rule: ReceiverRule, contacts: Mapping[str, RelayContact]) -> None:
        self._rule = rule
        self._contacts = contacts
        self._settling: Settling | None = None
        self._failed = False

    @property
    def name(self) -> str:
        """Return what people know it by."""
        return self._rule.id

    @property
    def origin(self) -> LimitOrigin:
        """Return whose limit it is, and where."""
        return self._rule.origin

    async def look(self, now_s: float) -> Demand:
        """Read the relays; what has lasted long enough counts."""
        signal = await self._signal()
        self._settling = settle(self._settling, signal, now_s, self._rule.debounce_s)
        return demand(self._rule, self._settling.counts)

    async def close(self) -> None:
        """Let go of the contacts."""
        for contact in self._contacts.values():
            await contact.close()

    async def _signal(self) -> Signal:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                on = {name for name, it in self._contacts.items() if await it.is_on()}
        except TimeoutError:
            return Signal(trouble=f"no answer within {READ_TIMEOUT_S:g} s")
        except HardwareError as error:
            return Signal(trouble=str(error))
        except Exception as error:
            if not self._failed:
                log.exception("the driver of receiver %s failed", self.name)
            self._failed = True
            return Signal(trouble=f"its driver failed with {type(error).__name__}; see the log")
        self._failed = False
        return Signal(frozenset(on))
