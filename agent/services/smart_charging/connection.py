"""Follows the connection to the CSMS, on which some limits depend, and remembers its absence."""

from datetime import datetime, timedelta

from agent.ports import Clock, CsmsLink, Settings
from agent.services.smart_charging.service import SmartChargingService

KIND = "smart_charging"
KEY = "offline_since"
LONGEST = timedelta(days=3650)


class ConnectionWatch:
    """Tells the profiles of the connection; an absence goes on over a restart."""

    def __init__(
        self, csms: CsmsLink, profiles: SmartChargingService, memory: Settings, clock: Clock
    ) -> None:
        self._csms = csms
        self._profiles = profiles
        self._memory = memory
        self._clock = clock
        if (kept := memory.get(KIND, KEY)) is not None:
            absent = clock.now() - datetime.fromisoformat(kept)
            if timedelta(0) < absent < LONGEST:
                profiles.standing.was_offline_for(absent.total_seconds())

    async def run(self) -> None:
        """Follow the connection for ever."""
        while True:
            await self._csms.wait_up()
            self._profiles.connection_is(up=True)
            if self._memory.get(KIND, KEY) is not None:
                await self._memory.delete(KIND, KEY)
            await self._csms.wait_down()
            self._profiles.connection_is(up=False)
            if self._profiles.depends_on_connection:
                await self._memory.put(KIND, KEY, self._clock.now().isoformat())
