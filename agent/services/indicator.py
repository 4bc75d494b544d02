"""The status light of each EVSE: shown when it has something else to say.

A token that is refused is signalled in between. A light that fails concerns nobody but itself.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from agent.core.indication import Indication, LightSettings, indication
from agent.core.session_state import SessionState
from agent.services.evse import EvseService
from hal.api import Indicator, IndicatorColour, IndicatorPattern, IndicatorRhythm

LOOK_S = 1.0
"""For what no EVSE tells: the connection to the CSMS, an update, and how bright the light is."""
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
        Indication.OFFLINE: IndicatorPattern(IndicatorColour.GREEN, IndicatorRhythm.FLASH),
        Indication.AVAILABLE: IndicatorPattern(IndicatorColour.GREEN),
    }
)
"""What is shown, the same on every station."""
REFUSED: Final = IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.FAST)
"""How a refused token is signalled, as often as BlinkRepeat says."""


class StatusLight:
    """The light of one EVSE; `shown` is what it shows, None while it cannot be driven."""

    def __init__(
        self,
        evse: EvseService,
        indicator: Indicator,
        online: Callable[[], bool],
        updating: Callable[[], bool] = lambda: False,
        settings: Callable[[], LightSettings] = LightSettings,
    ) -> None:
        self._evse = evse
        self._indicator = indicator
        self._online = online
        self._updating = updating
        self._settings = settings
        self._refusal = evse.refusal
        self._to_signal = False
        self._changed = asyncio.Event()
        self.shown: IndicatorPattern | None = None
        evse.observers.append(self._observe)

    async def run(self) -> None:
        """Show what there is to say for ever."""
        while True:
            self._changed.clear()
            if self._to_signal:
                await self._signal()
            pattern = self._wanted()
            if pattern != self.shown:
                await self._show(pattern)
            await self._wait(RETRY_S if self.shown is None else LOOK_S)

    def refused(self) -> None:
        """Signal that a token was refused."""
        self._to_signal = True
        self._changed.set()

    def _said(self) -> Indication:
        snapshot = self._evse.state.snapshot
        return indication(snapshot, online=self._online(), updating=self._updating())

    def _wanted(self) -> IndicatorPattern:
        said = self._said()
        intensity_percent = self._settings().intensity_for(said)
        return replace(PATTERNS[said], intensity_percent=intensity_percent)

    async def _signal(self) -> None:
        """Blink until that is done, or until the light has something else to say."""
        self._to_signal, settings, said = False, self._settings(), self._said()
        if not settings.signals:
            return
        signal = replace(
            REFUSED,
            intensity_percent=settings.intensity_percent,
            times=settings.blink_repeat,
        )
        await self._show(signal)
        now_s = asyncio.get_running_loop().time
        over_s = now_s() + (signal.lasts_s or 0.0)
        while self.shown == signal and self._said() is said and now_s() < over_s:
            self._changed.clear()
            await self._wait(over_s - now_s())

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
            if not self._evse.light_trouble:
                log.warning("the light of EVSE %d fails: %s", self._evse.description.evse, words)
            self._evse.light_trouble = words
            return
        if self._evse.light_trouble:
            log.info("the light of EVSE %d is back", self._evse.description.evse)
        self.shown, self._evse.light_trouble = pattern, ""

    def _observe(self, before: SessionState, after: SessionState) -> None:
        if self._evse.refusal is not self._refusal:
            self._refusal = self._evse.refusal
            if self._refusal is not None:
                self.refused()
        if before.snapshot != after.snapshot:
            self._changed.set()
