"""Stories of what the meter betrays: an EV that draws too much, a register that stands still."""

from dataclasses import replace

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World


@pytest.mark.requirement("E06.FR.16", "S16-TXN-04", "S16-STAT-01")
async def test_an_ev_that_draws_more_than_it_is_offered_is_cut_off_until_it_leaves(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.pass_s(20)
    await bench.operate("meter", current_a=[41, 20, 20])
    await csms.sees_end("Other" if csms.is_16 else "OvercurrentFault")
    assert not bench.plant().contactor_closed
    await csms.sees_status("Faulted")
    if csms.is_16:
        told = csms.calls("StatusNotification")[-1].payload
        assert (told["errorCode"], told["vendorErrorCode"]) == ("OverCurrentFailure", "CX004")
    await bench.operate("meter", current_a=None)
    await world.pass_s(30)
    await bench.swipe(TOKEN)
    await world.pass_s(5)
    assert not bench.is_delivering()
    await bench.unplug()
    await csms.sees_status("Available")
    await world.pass_s(15)
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)


async def test_an_over_current_is_not_forgotten_over_a_restart(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await bench.operate("meter", current_a=[41, 20, 20])
    await csms.sees_status("Faulted")
    await bench.operate("meter", current_a=None)
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await world.pass_s(10)
    assert csms.station.statuses[1, 1] == "Faulted"
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("K01.FR.07")
async def test_an_ev_has_time_to_follow_a_limit_that_falls(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.until(lambda: bench.current_a() == 32.0, "full current")
    await bench.operate("meter", current_a=[32, 32, 32])
    assert (await csms.limits(10)).accepted
    await world.pass_s(7)
    await bench.operate("meter", current_a=None)
    await world.pass_s(60)
    assert bench.current_a() == 10.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("J02.FR.16")
async def test_a_register_that_stands_still_is_a_lost_meter_until_the_ev_leaves(
    world: World, bench: Bench, csms: Desk
) -> None:
    world.bills_exactly = False
    await world.start()
    await world.charges()
    evse = bench.plant()
    read, stuck = evse.read_meter, evse.read_meter(0).micro_wh
    with pytest.MonkeyPatch.context() as stands:
        stands.setattr(evse, "read_meter", lambda now_ns: replace(read(now_ns), micro_wh=stuck))
        await csms.sees_status("Faulted", within_s=120)
        await world.energy_ceases()
    if csms.is_16:
        assert csms.calls("StatusNotification")[-1].payload["errorCode"] == "PowerMeterFailure"
    await world.pass_s(30)
    assert csms.station.statuses[1, 1] == "Faulted"
    await bench.unplug()
    await csms.sees_status("Available")
    await csms.sees_end()
