"""Limits from outside: taken, kept, obeyed and told (K11-K13, K27, K29)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from agent.core.records import dataclass
from agent.core.smart_charging.news import ChargingLimitCleared, ChargingLimitTold
from agent.core.smart_charging.outside import (
    LimitOrigin,
    LimitSource,
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
        self._reserved: dict[LimitOrigin, str] = {}

    def reserve(self, origin: LimitOrigin, owner: str) -> None:
        """Let a limit follow the device `owner`, so that people can neither set nor release it."""
        self._reserved[origin] = owner

    def set(self, limit: OutsideLimit) -> int:
        """Obey a limit; return in how many seconds. Raises `LimitRefused`."""
        if (fault := limit.fault(self._evses)) is not None:
            raise LimitRefused(fault)
        self._refuse_reserved(limit.origin)
        if not self._policy().obeys_outside:
            raise LimitRefused("SmartChargingCtrlr does not allow limits from outside")
        return self._set(limit)

    def release(self, origin: LimitOrigin) -> int:
        """Let a limit go; return in how many seconds. Raises `LimitRefused` if there is none."""
        self._refuse_reserved(origin)
        if not self._is_known(origin):
            raise LimitRefused("there is no such limit")
        return self._release(origin)

    @property
    def held(self) -> tuple[InstalledProfile, ...]:
        """The limits from outside that are kept, whether or not the variables let them hold."""
        return tuple(one for one in self._book.installed if one.is_external)

    @property
    def is_obeyed(self) -> bool:
        """Whether the variables let limits from outside hold."""
        return self._policy().obeys_outside

    def follow(self, origin: LimitOrigin, limit: OutsideLimit | None) -> None:
        """Obey the device that a limit is reserved for; None releases it.

        While the variables do not allow limits from outside it is kept, so that it holds as soon as
        they do again.
        """
        if limit is not None:
            self._set(limit)
        elif self._is_known(origin):
            self._release(origin)

    def _set(self, limit: OutsideLimit) -> int:
        delay_s = self._delay_s() if self._is_spread(limit) else 0
        self._soon(limit.origin, delay_s, lambda: self._take(limit))
        return delay_s

    def _release(self, origin: LimitOrigin) -> int:
        delay_s = self._delay_s() if origin.source is LimitSource.SO else 0
        self._soon(origin, delay_s, lambda: self._let_go(origin))
        return delay_s

    def _is_spread(self, limit: OutsideLimit) -> bool:
        """Tell whether chance decides when a limit begins to hold.

        Only what the grid changes is spread. A critical limit holds at once, but what the grid
        gives back is spread nevertheless: there is no hurry to take more.
        """
        if limit.origin.source is not LimitSource.SO:
            return False
        before = found(self._book.installed, limit.origin)
        held = None if before is None else limit_of(before, limit.unit)
        return not limit.grid_critical or (held is not None and limit.limit > held)

    def _is_known(self, origin: LimitOrigin) -> bool:
        return found(self._book.installed, origin) is not None or origin in self._latest

    def _refuse_reserved(self, origin: LimitOrigin) -> None:
        if (owner := self._reserved.get(origin)) is not None:
            raise LimitRefused(f"this limit follows the receiver {owner}; choose another source")

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
        significant = changes_by(told, limit.limit, policy.significance_percent)
        if significant and policy.obeys_outside:
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
