"""Stories of statuses that must last before they are told: MinimumStatusDuration of 1.6."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
KEY = "MinimumStatusDuration"


async def sets(csms: Desk, seconds: str) -> str:
    return (await csms.station.change_configuration(KEY, seconds)).status


@pytest.mark.requirement("S16-STAT-01")
async def test_a_status_that_does_not_last_is_not_told(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await sets(csms, "10") == "Accepted"
    told = len(csms.statuses_told())
    await bench.plug_in()
    await world.pass_s(5)
    await bench.unplug()
    await world.pass_s(30)
    assert csms.statuses_told()[told:] == []
    await bench.plug_in()
    await world.pass_s(9)
    assert csms.statuses_told()[told:] == []
    await world.pass_s(3)
    assert csms.statuses_told()[told:] == ["Preparing"]
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("S16-STAT-01", "S16-STAT-11")
async def test_a_session_with_slow_statuses_is_told_in_order(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await sets(csms, "3") == "Accepted"
    await bench.plug_in()
    await world.pass_s(1)
    await bench.swipe()
    await world.energy_flows()
    await csms.sees_start()
    await csms.sees_status("Charging")
    await world.charge_s(60)
    await bench.swipe()
    await csms.sees_end("Local")
    await csms.sees_status("Finishing")
    await bench.unplug()
    await csms.sees_status("Available")
    told = csms.statuses_told()
    assert told == ["Available", "Charging", "Finishing", "Available"]


@pytest.mark.requirement("S16-STAT-01")
async def test_what_the_csms_asks_for_is_told_at_once(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await sets(csms, "600") == "Accepted"
    await bench.plug_in()
    await world.pass_s(2)
    assert (await csms.station.trigger("StatusNotification", 1)).accepted
    await csms.sees_status("Preparing")
    assert await sets(csms, "0") == "Accepted"
    await bench.unplug()
    await csms.sees_status("Available", within_s=5)
    for wrong in ("-1", "86401", "soon"):
        assert await sets(csms, wrong) == "Rejected"
