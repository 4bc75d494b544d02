"""Asks for the limits of Dynamic profiles whose time has come (K28.FR.10)."""

import asyncio
from datetime import datetime
from functools import partial

from agent.core.facts import Fact
from agent.core.smart_charging.installation import updated
from agent.core.smart_charging.news import DynamicUpdateAsked, DynamicUpdateTold
from agent.core.smart_charging.profiles import InstalledProfile
from agent.ports import Clock
from agent.services.smart_charging.book import LATER_S, ProfileBook
from agent.services.smart_charging.teller import ChargingTeller

LOOK_S = 1.0


class DynamicPulls:
    """Counts the intervals on the monotonic clock, from the last update or question."""

    def __init__(self, book: ProfileBook, teller: ChargingTeller, clock: Clock) -> None:
        self._book = book
        self._teller = teller
        self._clock = clock
        self._asked: dict[int, tuple[datetime | None, float]] = {}
        self._changed = asyncio.Event()

    def profiles_changed(self) -> None:
        """Look whether there is a profile now whose limits are to be asked for."""
        self._changed.set()

    async def run(self) -> None:
        """Ask for ever what is due."""
        while True:
            self._changed.clear()
            pulled = [one for one in self._book.installed if one.profile.update_interval_s]
            self._asked = {
                one.profile.id: self._asked[one.profile.id]
                for one in pulled
                if one.profile.id in self._asked
            }
            for one in pulled:
                self._look(one)
            if pulled:
                await asyncio.sleep(LOOK_S)
            else:
                await self._changed.wait()

    def _look(self, one: InstalledProfile) -> None:
        profile, now_s = one.profile, self._clock.monotonic_s()
        updated_at, since_s = self._asked.get(profile.id, (None, now_s))
        if updated_at != profile.updated_at:
            self._asked[profile.id] = (profile.updated_at, now_s - self._age_s(profile.updated_at))
        elif now_s - since_s >= (profile.update_interval_s or 0):
            self._asked[profile.id] = (profile.updated_at, now_s)
            asked = DynamicUpdateAsked(profile_id=profile.id)
            answered = partial(self._answered, profile.id)
            self._teller.tell((DynamicUpdateAsked, profile.id), lambda: asked, answered)

    def _age_s(self, updated_at: datetime | None) -> float:
        if updated_at is None:
            return 0.0
        return max(0.0, (self._clock.now() - updated_at).total_seconds())

    def _answered(self, profile_id: int, fact: Fact | None) -> None:
        """Follow what came (K28.FR.08); without another limit the present one stays."""
        limit = fact.limit if isinstance(fact, DynamicUpdateTold) else None
        if limit is None or not limit.is_finite() or limit < 0:
            return
        change = partial(updated, profile_id=profile_id, limit=limit, at=self._clock.now())
        self._book.change_at_once(change, within_s=LATER_S)
