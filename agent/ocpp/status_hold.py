"""Statuses that must last before they are told (MinimumStatusDuration of 1.6, S16-STAT-01).

What a connector was for too short a time is not told at all: when the time is over, its state then
is told as the change from what the CSMS knows.
"""

import asyncio
from collections.abc import Callable

from agent.core.events import EvseChanged
from agent.core.records import dataclass

IsNews = Callable[[EvseChanged], bool]
"""Tells whether a change has a word in the version that is spoken."""


@dataclass(frozen=True, slots=True)
class _Held:
    change: EvseChanged
    timer: asyncio.TimerHandle


class StatusHold:
    """Holds changes back for a while; `release` takes the last one of each connector."""

    def __init__(
        self, duration_s: Callable[[], float], release: Callable[[EvseChanged], None]
    ) -> None:
        self._duration_s = duration_s
        self._release = release
        self._held: dict[int, _Held] = {}

    def takes(self, change: EvseChanged, is_news: IsNews) -> bool:
        """Hold a change back, unless it may be told at once.

        The time begins anew with each other status, but not with what is none.
        """
        duration_s = self._duration_s()
        held = self._held.pop(change.evse, None)
        if change.before is None or duration_s <= 0:
            _drop(held)
            return False
        since_held = None if held is None else _since(held.change, change)
        if held is not None and since_held is not None and not is_news(since_held):
            self._held[change.evse] = _Held(change, held.timer)
            return True
        _drop(held)
        timer = asyncio.get_running_loop().call_later(duration_s, self._over, change.evse)
        self._held[change.evse] = _Held(change, timer)
        return True

    def clear(self) -> None:
        """Forget everything: the present state will be told instead."""
        while self._held:
            _drop(self._held.popitem()[1])

    def _over(self, evse: int) -> None:
        self._release(self._held.pop(evse).change)


def _since(earlier: EvseChanged, later: EvseChanged) -> EvseChanged:
    return EvseChanged(
        at=later.at,
        evse=later.evse,
        connector=later.connector,
        before=earlier.after,
        after=later.after,
        vendor_error=later.vendor_error,
    )


def _drop(held: _Held | None) -> None:
    if held is not None:
        held.timer.cancel()
