"""Stories against what operators complain of most: false states and stations that are stuck."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World

NO_CHECK = {"AuthCtrlr.AuthorizeRemoteStart": "false"}


@pytest.mark.requirement("F01", "F03")
async def test_a_car_is_started_again_and_again_without_being_plugged_anew(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(NO_CHECK)
    await bench.plug_in()
    for count in (1, 2, 3):
        await world.pass_s(5)
        assert (await csms.remote_start()).accepted
        await world.energy_flows()
        await csms.sees_start(count)
        await world.pass_s(20)
        assert (await csms.remote_stop()).accepted
        await csms.sees_end("Remote", count)
        await world.energy_ceases()
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("F01")
async def test_a_car_that_waited_in_vain_for_a_token_can_still_be_started(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**NO_CHECK, "TxCtrlr.EVConnectionTimeOut": "20"})
    await bench.plug_in()
    await world.pass_s(40)
    assert (await csms.remote_start()).accepted
    await world.energy_flows()
    await csms.sees_start()
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("F06", "B04.FR.01", "G01.FR.01")
@pytest.mark.parametrize(
    "state", ["Available", "Preparing", "Charging", "Finishing", "Faulted", "Unavailable"]
)
async def test_the_true_state_is_told_after_a_reconnect_and_on_request(
    world: World, bench: Bench, csms: Desk, state: str
) -> None:
    settings = {
        "OCPPCommCtrlr.OfflineThreshold": "10",
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
    }
    await world.start(settings, evses=2)
    await csms.goes_down()
    await _bring_about(world, bench, state)
    if state == "Unavailable":
        await csms.comes_back()
        await csms.is_ready(120)
        assert (await csms.station.change_availability(False, 1)).accepted
        await csms.sees_status("Unavailable")
        await csms.goes_down()
    await world.pass_s(30)
    before = len(csms.actions_received())
    await csms.comes_back()
    await csms.sees_status(state, within_s=120)
    await csms.sees_status("Available", 2)
    await world.pass_s(5)
    told = csms.actions_received()[before:]
    news = [n for n, action in enumerate(told) if action == "StatusNotification"]
    queued = [n for n, action in enumerate(told) if action.endswith(("Event", "Transaction"))]
    assert not queued or news[0] < queued[0], "the state comes before what waited"
    count = len(csms.calls("StatusNotification"))
    assert (await csms.station.trigger("StatusNotification")).accepted
    await csms.sees("StatusNotification", count + (3 if csms.is_16 else 2))
    assert csms.statuses_told(1)[-1] == csms.station.statuses[1, 1]
    await csms.sees_status(state)
    await _tidy_up(bench, csms, state)


async def _bring_about(world: World, bench: Bench, state: str) -> None:
    if state in {"Preparing", "Charging", "Finishing"}:
        await bench.plug_in(1)
        await world.pass_s(1)
    if state in {"Charging", "Finishing"}:
        await bench.swipe(TOKEN, 1)
        await world.energy_flows(1)
        await world.pass_s(10)
    if state == "Finishing":
        await bench.swipe(TOKEN, 1)
        await world.energy_ceases(1)
    if state == "Faulted":
        await bench.fault("estop", 1)


async def _tidy_up(bench: Bench, csms: Desk, state: str) -> None:
    if state == "Charging":
        await bench.swipe(TOKEN, 1)
        await csms.sees_end("Local")
