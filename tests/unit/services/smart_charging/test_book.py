"""What of the installed profiles is on the disk, and when."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from agent.core.smart_charging.profiles import Installed
from agent.services.smart_charging.book import LATER_S, ProfileBook
from tests.unit.core.smart_charging.builders import installed
from tests.unit.services.smart_charging.charging_rig import Store

FIRST = installed((0, 10), number=1)
SECOND = installed((0, 11), number=2)


class Desk:
    """A book with its disk and whoever follows."""

    def __init__(self, *kept: Any, takes_s: float = 0.0) -> None:
        self.store = Store(profiles=tuple(kept), takes_s=takes_s)
        self.followed: list[Installed] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.book = ProfileBook(self.store, self._spawn)
        self.book.follow = self.followed.append

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))


def added(one: Any) -> Any:
    return lambda profiles: (*profiles, one)


def nothing(_profiles: Installed) -> Installed:
    return ()


async def test_what_was_kept_is_there_again() -> None:
    assert Desk(FIRST).book.installed == (FIRST,)


async def test_a_change_is_on_the_disk_before_it_is_followed() -> None:
    desk = Desk(takes_s=1.0)
    change = asyncio.create_task(desk.book.change(added(FIRST)))
    await asyncio.sleep(0.5)
    assert desk.followed == []
    await change
    assert desk.store.profiles == (FIRST,)
    assert desk.followed == [(FIRST,)]


async def test_what_ends_while_a_change_is_written_stays_ended() -> None:
    desk = Desk(FIRST, takes_s=1.0)
    change = asyncio.create_task(desk.book.change(added(SECOND)))
    await asyncio.sleep(0.5)
    desk.book.change_at_once(nothing)
    await change
    await asyncio.sleep(3)
    assert desk.book.installed == desk.store.profiles == (SECOND,)


async def test_a_change_at_once_is_followed_and_soon_on_the_disk() -> None:
    desk = Desk()
    desk.book.change_at_once(added(FIRST))
    assert desk.followed == [(FIRST,)]
    await asyncio.sleep(0.1)
    assert desk.store.profiles == (FIRST,)


async def test_no_change_is_neither_followed_nor_written() -> None:
    desk = Desk(FIRST)
    desk.book.change_at_once(lambda profiles: profiles)
    await asyncio.sleep(LATER_S + 1)
    assert (desk.followed, desk.store.saves) == ([], 0)


async def test_limits_that_change_all_the_time_are_written_once_a_minute() -> None:
    desk = Desk()
    for number in range(120):
        one = installed((0, 6 + number % 10), number=number)
        desk.book.change_at_once(lambda _old, one=one: (one,), within_s=LATER_S)  # type: ignore[misc]
        await asyncio.sleep(1)
    assert desk.store.saves in (1, 2)
    await asyncio.sleep(LATER_S)
    assert desk.store.profiles == desk.book.installed


async def test_what_may_be_written_later_does_not_delay_what_may_not() -> None:
    desk = Desk()
    desk.book.change_at_once(added(FIRST), within_s=LATER_S)
    desk.book.change_at_once(added(SECOND))
    await asyncio.sleep(0.1)
    assert desk.store.profiles == (FIRST, SECOND)
    await asyncio.sleep(LATER_S + 1)
    assert desk.store.saves == 1


async def test_an_orderly_end_leaves_nothing_unwritten() -> None:
    desk = Desk()
    desk.book.change_at_once(added(FIRST), within_s=LATER_S)
    await desk.book.flush()
    assert desk.store.profiles == (FIRST,)
    await desk.book.flush()
    assert desk.store.saves == 1
