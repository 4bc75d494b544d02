"""Stories of an EVSE that can feed one phase or three (K01): by profile, also in a transaction.

The CSMS names phases in a profile; what is billed is what the outlet delivered on whichever phases
(judged at the end of every story), and poles never move under a load.
"""

import pytest

from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World

SWITCHING = "phase_switching = true\n"
SPARING = SWITCHING + "usual_phases = 1\n"


def on(phases: int | None, limit_a: float = 16) -> Payload:
    """Word the schedule of a profile that names so many phases, or none."""
    named = {} if phases is None else {"numberPhases": phases}
    return {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a, **named}]}


async def feeds(world: World, phases: int) -> None:
    """Wait until so many phases carry the same current and the others none."""

    def is_fed() -> bool:
        plant = world.bench.plant()
        return bool(plant.connected_phases == phases) and world.bench.is_delivering()

    await world.until(is_fed, f"energy on {phases} phases")


@pytest.mark.requirement("K01.FR.47", "K01.FR.49", "S16-SC-03")
async def test_a_profile_switches_phases_within_a_transaction_and_every_wh_is_billed(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.wiring = SWITCHING
    await world.start()
    transaction = await world.charges()
    await feeds(world, 3)
    await world.pass_s(600)
    for phases in (1, 3):
        before_wh, closings = bench.delivered_wh(), bench.closings()
        assert await csms.sets_profile(16, purpose="TxDefaultProfile", in_schedule=on(phases))
        await feeds(world, phases)
        await world.pass_s(600)
        assert bench.closings() == closings + 1
        assert bench.delivered_wh() > before_wh
    assert bench.plant().moved_under_load == 0
    assert not transaction.ended
    await bench.swipe(TOKEN)
    ended = await csms.sees_end("Local")
    assert ended.energy_wh is not None
    assert abs(float(ended.energy_wh) - float(bench.delivered_wh())) < 1
    assert len(csms.station.transactions) == 1


@pytest.mark.requirement("K01.FR.49")
async def test_where_one_phase_is_usual_a_profile_must_name_three_to_get_them(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.wiring = SPARING
    await world.start()
    await world.charges()
    await feeds(world, 1)
    assert await csms.sets_profile(16, in_schedule=on(None)) == "Accepted"
    await world.until(lambda: bench.offered_a() == 16.0, "the limit")
    await world.pass_s(60)
    await feeds(world, 1)
    assert await csms.sets_profile(16, in_schedule=on(3)) == "Accepted"
    await feeds(world, 3)
    assert await csms.clears_profile(77) == "Accepted"
    await feeds(world, 1)
    assert bench.plant().moved_under_load == 0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K01.FR.140")
async def test_the_fewest_phases_that_any_profile_names_are_fed(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.wiring = SPARING
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(3)) == "Accepted"
    await feeds(world, 3)
    station = {"purpose": "ChargingStationMaxProfile", "number": 78, "in_schedule": on(1)}
    assert await csms.sets_profile(16, **station) == "Accepted"
    await feeds(world, 1)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_restart_of_the_daemon_keeps_the_phases_of_the_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.machine.wiring = SPARING
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(3)) == "Accepted"
    await feeds(world, 3)
    closings = bench.closings()
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await world.pass_s(30)
    await feeds(world, 3)
    assert bench.closings() == closings
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
