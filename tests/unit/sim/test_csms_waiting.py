import asyncio

import pytest

from agent.sim.csms_waiting import Waiters


async def test_a_condition_that_holds_already_is_not_waited_for() -> None:
    assert await Waiters().wait_for(lambda: "yes", 0, "nothing") == "yes"


async def test_the_value_comes_with_the_change_that_makes_it_true() -> None:
    waiters, things = Waiters(), list[int]()
    waiting = asyncio.create_task(waiters.wait_for(lambda: things and things[0], 1, "a thing"))
    await asyncio.sleep(0)
    waiters.changed()
    assert not waiting.done()
    things.append(7)
    waiters.changed()
    assert await waiting == 7


async def test_what_a_condition_raises_reaches_the_one_who_waits() -> None:
    waiters, things = Waiters(), [0]
    waiting = asyncio.create_task(waiters.wait_for(lambda: things[0] and 1 / 0, 1, "trouble"))
    await asyncio.sleep(0)
    things[0] = 1
    waiters.changed()
    with pytest.raises(ZeroDivisionError):
        await waiting


async def test_giving_up_names_what_was_waited_for_and_leaves_nothing_behind() -> None:
    waiters = Waiters()
    with pytest.raises(TimeoutError, match="a miracle"):
        await waiters.wait_for(lambda: False, 0.001, "a miracle")
    waiters.changed()
