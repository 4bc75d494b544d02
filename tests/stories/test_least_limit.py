"""Stories of the least of all limits: cable, board, supply, and what holds without connection."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.in_process_bench import InProcessBench
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.words import TOKEN
from tests.stories.world import World


async def test_no_profile_offers_more_than_cable_and_board_carry(
    world: World, bench: Bench, csms: Desk
) -> None:
    assert isinstance(bench, InProcessBench)
    await world.start()
    await bench.operate("vehicle", cable_a=20)
    await world.charges()
    assert await csms.sets_profile(40) == "Accepted"
    await world.pass_s(6)
    assert bench.offered_a() == 20.0
    assert [period["limit"] for period in await csms.composite(600)] == [20]
    assert await csms.sets_profile(13) == "Accepted"
    await world.until(lambda: bench.offered_a() == 13.0, "the profile", within_s=6)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await bench.operate("vehicle", cable_a=63)
    assert await csms.sets_profile(50) == "Accepted"
    await world.charges()
    await world.pass_s(6)
    assert bench.offered_a() == 32.0
    assert [period["limit"] for period in await csms.composite(600)] == [32]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize(("limit_a", "offered_a"), [(8, 8.0), (0, 0.0), (80, 20.0)])
async def test_without_connection_the_configured_limit_holds_after_its_time(
    world: World, bench: Bench, csms: Desk, limit_a: int, offered_a: float
) -> None:
    assert isinstance(world.machine, InProcessMachine)
    limits = f"offline_limit_a = {limit_a}\noffline_after_s = 120\n"
    world.machine.sections = f"[smart_charging]\n{limits}"
    await world.start()
    await world.charges()
    assert await csms.sets_profile(20) == "Accepted"
    await world.until(lambda: bench.offered_a() == 20.0, "the profile", within_s=6)
    await csms.goes_down()
    await world.pass_s(115)
    assert bench.offered_a() == 20.0
    await world.until(lambda: bench.offered_a() == offered_a, "the limit", within_s=10)
    await csms.comes_back()
    await csms.is_ready(within_s=120)
    await world.until(lambda: bench.offered_a() == 20.0, "the profile again", within_s=6)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_restart_without_connection_does_not_lift_the_limit(
    world: World, bench: Bench, csms: Desk
) -> None:
    assert isinstance(world.machine, InProcessMachine)
    world.machine.sections = "[smart_charging]\noffline_limit_a = 8\noffline_after_s = 120\n"
    await world.start()
    await world.charges()
    await csms.goes_down()
    await world.until(lambda: bench.offered_a() == 8.0, "the limit", within_s=130)
    await world.machine.restart()
    await world.until(lambda: bench.offered_a() > 0.0, "an offer")
    for _ in range(120):
        await world.pass_s(1)
        assert bench.offered_a() <= 8.0
    assert bench.offered_a() == 8.0
    await csms.comes_back()
    await csms.is_ready(within_s=120)
    await world.until(lambda: bench.offered_a() == 32.0, "full current", within_s=6)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
