"""Limits from outside: taken, kept, obeyed and told (K11-K13, K27, K29)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from agent.core.records import dataclass
from agent.core.smart_charging.news import ChargingLimitCleared, ChargingLimitTold
from agent.core.smart_charging.outside import (
    LimitOrigin,
    OutsideLimit,
    changes_by,
    found,
    limit_of,
    with_limit,
    without_limit,
)
from agent.core.smart_charging.profiles import ChargingSchedule, InstalledProfile
from agent.ports import Clock
from agent.services.smart_charging.book import ProfileBook
from agent.services.smart_charging.policy import ChargingPolicy
from agent.services.smart_charging.teller import ChargingTeller
from agent.services.tasks import Spawn


class LimitRefused(Exception):
    """A limit from outside cannot be obeyed; the message says why."""


@dataclass(frozen=True, slots=True)
class OutsideTerms:
    """What limits are taken under; `delay_s` rolls how long a change by the grid is put off."""

    policy: Callable[[], ChargingPolicy]
    evses: tuple[int, ...]
    delay_s: Callable[[], int]


class OutsideLimitService:
    """Takes limits from whoever is on site, and releases them."""

    def __init__(
        self,
        book: ProfileBook,
        teller: ChargingTeller,
        clock: Clock,
        terms: OutsideTerms,
        spawn: Spawn,
    ) -> None:
        self._book = book
        self._teller = teller
        self._clock = clock
        self._policy = terms.policy
        self._evses = terms.evses
        self._delay_s = terms.delay_s
        self._spawn = spawn
        self._latest: dict[LimitOrigin, object] = {}

    def set(self, limit: OutsideLimit) -> int:
        """Obey a limit; return in how many seconds. Raises `LimitRefused`."""
        if (fault := limit.fault(self._evses)) is not None:
            raise LimitRefused(fault)
        if not self._policy().obeys_outside:
            raise LimitRefused("SmartChargingCtrlr does not allow limits from outside")
        delay_s = 0 if limit.grid_critical else self._delay_s()
        self._soon(limit.origin, delay_s, lambda: self._take(limit))
        return delay_s

    def release(self, origin: LimitOrigin) -> int:
        """Let a limit go; return in how many seconds. Raises `LimitRefused` if there is none."""
        if found(self._book.installed, origin) is None and origin not in self._latest:
            raise LimitRefused("there is no such limit")
        delay_s = self._delay_s()
        self._soon(origin, delay_s, lambda: self._let_go(origin))
        return delay_s

    def _soon(self, origin: LimitOrigin, delay_s: int, act: Callable[[], None]) -> None:
        """Act now, or later by chance: a whole town must not switch at the same instant."""
        ticket = object()
        self._latest[origin] = ticket
        if delay_s:
            self._spawn(self._later(origin, ticket, delay_s, act))
        else:
            self._latest.pop(origin)
            act()

    async def _later(
        self, origin: LimitOrigin, ticket: object, delay_s: int, act: Callable[[], None]
    ) -> None:
        await asyncio.sleep(delay_s)
        if self._latest.get(origin) is ticket:
            self._latest.pop(origin)
            act()

    def _take(self, limit: OutsideLimit) -> None:
        before, policy = found(self._book.installed, limit.origin), self._policy()
        highest_id, now = policy.highest_external_id, self._clock.now()
        self._book.change_at_once(partial(with_limit, limit=limit, highest_id=highest_id, at=now))
        told = None if before is None else limit_of(before, limit.unit)
        if changes_by(told, limit.limit, policy.significance_percent):
            self._teller.tell(limit.origin, partial(self._word, limit))

    def _let_go(self, origin: LimitOrigin) -> None:
        if found(self._book.installed, origin) is not None:
            self._book.change_at_once(partial(without_limit, origin=origin))
            cleared = ChargingLimitCleared(evse=origin.evse, source=origin.source.value)
            self._teller.tell(origin, lambda: cleared)

    def _word(self, limit: OutsideLimit) -> ChargingLimitTold:
        """Word the limit, with its schedule where the CSMS wants that (K11.FR.03, K27.FR.04)."""
        origin = limit.origin
        schedules: tuple[ChargingSchedule, ...] = ()
        profile = found(self._book.installed, origin)
        if profile is not None and self._policy().tells_schedules:
            schedules = (_dated(profile),)
        return ChargingLimitTold(
            evse=origin.evse,
            source=origin.source.value,
            grid_critical=limit.grid_critical,
            local_generation=origin.generation,
            schedules=schedules,
        )


def _dated(installed: InstalledProfile) -> ChargingSchedule:
    profile = installed.profile
    return replace(profile.schedules[0], start=profile.updated_at)
