"""Stories of EVSEs that share what the station may take (K03, K04)."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V21, V201
from tests.stories.world import World

SUPPLY = "supply_current_a = 32\n"


async def both_charge(world: World) -> None:
    await world.charges(TOKEN, 1)
    await world.pass_s(6)
    await world.bench.plug_in(2)
    await world.pass_s(1)
    await world.bench.swipe(OTHER_TOKEN, 2)


async def both_stop(bench: Bench, csms: Desk) -> None:
    await bench.swipe(TOKEN, 1)
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", 1)
    await csms.sees_end("Local", 2)


def offers(bench: Bench) -> tuple[float, float]:
    return bench.offered_a(1), bench.offered_a(2)


async def never_above(world: World, bench: Bench, limit_a: float, for_s: float) -> None:
    """Let time pass and look all the while that the sum of the offers keeps a limit."""
    for _ in range(int(for_s * 10)):
        await world.pass_s(0.1)
        assert sum(offers(bench)) <= limit_a, offers(bench)


@pytest.mark.requirement("K04", "K04.FR.01", "K04.FR.02", "K04.FR.05", "S16-SC-06")
async def test_the_supply_is_shared_and_the_sum_never_exceeds_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.station_keys = SUPPLY
    await world.start(evses=2)
    await both_charge(world)
    await never_above(world, bench, 32, 20)
    assert offers(bench) == (16.0, 16.0)
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", 2)
    await never_above(world, bench, 32, 15)
    assert offers(bench) == (32.0, 0.0)
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local", 1)


@pytest.mark.requirement("K04.FR.03", "K04.FR.05", "K08.FR.03", "K10.FR.05")
async def test_the_composite_schedule_tells_the_shares_and_the_sum(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await both_charge(world)
    assert (await csms.limits(20, "ChargingStationMaxProfile")).accepted
    await world.pass_s(15)
    assert offers(bench) == (10.0, 10.0)
    assert [p["limit"] for p in await csms.composite(60, 1)] == [10]
    assert [p["limit"] for p in await csms.composite(60, 2)] == [10]
    assert [p["limit"] for p in await csms.composite(60, 0)] == [20]
    await both_stop(bench, csms)


@pytest.mark.requirement("K03.FR.03")
async def test_where_not_both_can_charge_they_take_turns(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.station_keys = "supply_current_a = 10\n"
    await world.start(evses=2)
    await both_charge(world)
    await world.pass_s(30)
    first = offers(bench)
    assert sorted(first) == [0.0, 10.0]
    for _ in range(3):
        await world.pass_s(870)
        await never_above(world, bench, 10, 40)
    turns = {first, offers(bench)}
    assert turns == {(0.0, 10.0), (10.0, 0.0)}
    await both_stop(bench, csms)


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.requirement("K03", "K03.FR.04", "K03.FR.05", "K03.FR.06")
async def test_who_has_priority_charges_and_that_is_for_this_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.station_keys = "supply_current_a = 10\n"
    await world.start(evses=2)
    await both_charge(world)
    await world.pass_s(30)
    favoured = 1 if bench.offered_a(1) == 0.0 else 2
    told = list(csms.station.transactions.values())[favoured - 1].transaction_id
    csms.prioritizes(told, 5)
    await csms.station.trigger("TransactionEvent", favoured)
    await world.pass_s(20)
    for _ in range(4):
        await world.pass_s(900)
        assert bench.offered_a(favoured) == 10.0
    await both_stop(bench, csms)
    # Nobody remembers the priority: the next sessions take turns again.
    await world.pass_s(10)
    await bench.unplug(1)
    await bench.unplug(2)
    await world.pass_s(5)
    assert world.machine.station.smart_charging.profiles.standing.priorities == {}


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.requirement("K03.FR.04", "K03.FR.06")
async def test_the_priority_of_a_token_comes_with_its_verdict(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.station_keys = "supply_current_a = 10\n"
    await world.start(evses=2)
    await world.charges(TOKEN, 1)
    csms.answers("Authorize", {"idTokenInfo": {"status": "Accepted", "chargingPriority": 3}})
    await bench.plug_in(2)
    await world.pass_s(1)
    await bench.swipe(OTHER_TOKEN, 2)
    await world.until(lambda: bench.offered_a(2) == 10.0, "the favoured one to charge")
    for _ in range(3):
        await world.pass_s(900)
        assert offers(bench) == (0.0, 10.0)
    await both_stop(bench, csms)
