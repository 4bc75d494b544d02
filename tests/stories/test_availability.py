"""Stories of availability (G03, G04): carried out, scheduled, kept."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World


@pytest.mark.requirement(
    *("G03", "G03.FR.01", "G03.FR.03", "G03.FR.04", "G03.FR.06", "G03.FR.07", "G01.FR.07"),
    *("S16-AVAIL-01", "S16-AVAIL-03"),
)
@pytest.mark.hil
async def test_an_evse_is_taken_out_of_service_and_back(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    assert (await csms.station.change_availability(False, 1)).status == "Accepted"
    await csms.sees_status("Unavailable", 1)
    assert (await csms.station.change_availability(False, 1)).status == "Accepted"
    await bench.plug_in(1)
    await bench.swipe(TOKEN, 1)
    await world.watch_s(15)
    assert not bench.plant(1).contactor_closed
    assert bench.offered_a(1) == 0
    await bench.unplug(1)
    await world.pass_s(2)
    assert csms.station.statuses[2, 1] == "Available"
    assert (await csms.station.change_availability(True, 1)).status == "Accepted"
    await csms.sees_status("Available", 1)
    await world.charges()
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("G04", "G04.FR.01", "G04.FR.02", "G04.FR.05", "G04.FR.07", "G04.FR.08", "S16-AVAIL-02"),
    "S16-STAT-02",
)
async def test_a_whole_station_is_taken_out_of_service_and_back(world: World, csms: Desk) -> None:
    await world.start(evses=2)
    assert (await csms.station.change_availability(False)).status == "Accepted"
    await csms.sees_status("Unavailable", 1)
    await csms.sees_status("Unavailable", 2)
    if csms.is_16:
        await csms.sees_status("Unavailable", 0)
    assert (await csms.station.change_availability(True)).status == "Accepted"
    await csms.sees_status("Available", 1)
    await csms.sees_status("Available", 2)
    if csms.is_16:
        await csms.sees_status("Available", 0)


@pytest.mark.requirement(
    *("G03.FR.02", "G03.FR.05", "G01.FR.05", "G04.FR.06", "G03.FR.08", "S16-AVAIL-01")
)
@pytest.mark.parametrize("evse", [None, 1])
@pytest.mark.parametrize("restarted", [False, True])
async def test_an_order_during_a_transaction_is_scheduled_and_survives_a_restart(
    world: World, bench: Bench, csms: Desk, evse: int | None, restarted: bool
) -> None:
    await world.start()
    await world.charges()
    assert (await csms.station.change_availability(False, evse)).status == "Scheduled"
    await world.pass_s(20)
    assert bench.is_delivering()
    if restarted:
        csms.station.expect_boot()
        await world.machine.restart()
        await csms.is_ready()
        await world.pass_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await csms.sees_status("Unavailable")
    assert "Available" not in csms.statuses_told()[2 if restarted else 1 :]


@pytest.mark.requirement(
    *("B01.FR.07", "B11.FR.02", "B12.FR.06", "G01.FR.02", "G03.FR.08", "G04.FR.09"),
    *("S16-STAT-06", "S16-AVAIL-03", "TC_034_CS"),
)
@pytest.mark.parametrize("how", ["reset", "power cut"])
async def test_an_order_outlives_the_computer(world: World, csms: Desk, how: str) -> None:
    await world.start(evses=2)
    assert (await csms.station.change_availability(False, 2)).status == "Accepted"
    await csms.sees_status("Unavailable", 2)
    if how == "reset":
        assert (await csms.station.reset("Immediate")).accepted
    else:
        csms.station.expect_boot()
        await world.machine.lose_power()
    await csms.sees_boot(count=2)
    await csms.is_ready()
    await csms.sees_status("Unavailable", 2)
    await csms.sees_status("Available", 1)


@pytest.mark.requirement("G03.FR.02")
async def test_an_order_for_what_does_not_exist_is_refused(world: World, csms: Desk) -> None:
    await world.start()
    assert (await csms.station.change_availability(False, 9)).status == "Rejected"
