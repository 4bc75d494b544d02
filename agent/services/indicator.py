"""The status light of each EVSE: shown when it has something else to say, and again now and then.

A light that fails concerns nobody but itself.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from agent.core.indication import Indication, indication
from agent.core.session_state import SessionState
from agent.services.evse import EvseService
from hal.api import Indicator, IndicatorColour, IndicatorPattern, IndicatorRhythm

LOOK_S = 1.0
"""For what no EVSE tells: the connection to the CSMS, and a light that was dark for a while."""
RETRY_S = 10.0
SHOW_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)

PATTERNS: Final[Mapping[Indication, IndicatorPattern]] = MappingProxyType(
    {
        Indication.FAULTED: IndicatorPattern(IndicatorColour.RED),
        Indication.UPDATING: IndicatorPattern(IndicatorColour.WHITE, IndicatorRhythm.FAST),
        Indication.UNAVAILABLE: IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.SLOW),
        Indication.CHARGING: IndicatorPattern(IndicatorColour.BLUE, IndicatorRhythm.SLOW),
        Indication.SUSPENDED_EVSE: IndicatorPattern(IndicatorColour.YELLOW, IndicatorRhythm.SLOW),
        Indication.SUSPENDED_EV: IndicatorPattern(IndicatorColour.BLUE),
        Indication.AUTHORIZED: IndicatorPattern(IndicatorColour.GREEN, IndicatorRhythm.FAST),
        Indication.FINISHED: IndicatorPattern(IndicatorColour.GREEN, IndicatorRhythm.SLOW),
        Indication.PREPARING: IndicatorPattern(IndicatorColour.YELLOW),
        Indication.RESERVED: IndicatorPattern(IndicatorColour.WHITE),
        Indication.OFFLINE: IndicatorPattern(IndicatorColour.GREEN, IndicatorRhythm.FLASH_ONCE),
        Indication.AVAILABLE: IndicatorPattern(IndicatorColour.GREEN),
    }
)
"""What is shown, the same on every station."""


class StatusLight:
    """The light of one EVSE; `shown` is what it shows, None while it cannot be driven.

    `trouble` says why it cannot, empty while it can.
    """

    def __init__(
        self,
        evse: EvseService,
        indicator: Indicator,
        online: Callable[[], bool],
        updating: Callable[[], bool] = lambda: False,
    ) -> None:
        self._evse = evse
        self._indicator = indicator
        self._online = online
        self._updating = updating
        self._changed = asyncio.Event()
        self.trouble = ""
        self.shown: IndicatorPattern | None = None
        evse.observers.append(self._observe)

    async def run(self) -> None:
        """Show what there is to say for ever."""
        while True:
            self._changed.clear()
            pattern = PATTERNS[self._wanted()]
            if pattern != self.shown:
                await self._show(pattern)
            await self._wait(RETRY_S if self.shown is None else LOOK_S)

    def _wanted(self) -> Indication:
        snapshot = self._evse.state.snapshot
        return indication(snapshot, online=self._online(), updating=self._updating())

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _show(self, pattern: IndicatorPattern) -> None:
        try:
            async with asyncio.timeout(SHOW_TIMEOUT_S):
                await self._indicator.show(pattern)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is only a light
            self.shown = None
            words = str(error) or f"it gives no answer within {SHOW_TIMEOUT_S:g} s"
            if not self.trouble:
                log.warning("the light of EVSE %d fails: %s", self._evse.description.evse, words)
            self.trouble = words
            return
        if self.trouble:
            log.info("the light of EVSE %d is back", self._evse.description.evse)
        self.shown, self.trouble = pattern, ""

    def _observe(self, before: SessionState, after: SessionState) -> None:
        if before.snapshot != after.snapshot:
            self._changed.set()
