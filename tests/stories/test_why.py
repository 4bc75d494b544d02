"""Stories of the question why: asked of a running station in each situation."""

from collections.abc import Mapping
from typing import Any

import pytest

from agent.sim.csms_model import AuthorizationStatus
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.instruments import SENSOR, with_sensors
from tests.stories.words import OTHER_TOKEN, TOKEN, UNKNOWN_TOKEN, V21
from tests.stories.world import World


async def why(world: World, evse: int = 1) -> Mapping[str, Any]:
    """Ask as the command line does, through the views of the local API."""
    station = world.machine.station
    (server, *_) = station._servers
    reply = await server._answer({"op": "why", "evse": evse})
    assert reply["ok"] is True, reply
    (told,) = reply["evses"]
    return dict(told)


async def sentence(world: World, evse: int = 1) -> str:
    return str((await why(world, evse))["sentence"]).removeprefix(f"EVSE {evse} ")


async def names(world: World, evse: int = 1) -> list[str]:
    return [cause["name"] for cause in (await why(world, evse))["causes"]]


async def test_a_session_explains_itself_step_by_step(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await sentence(world) == "does not charge: no car is plugged in."
    await bench.plug_in()
    await world.pass_s(1)
    assert await sentence(world) == "does not charge: nobody has started charging yet."
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_status("Charging")
    built = "charges with up to 32 A on 3 phases, because the EVSE is built for no more."
    assert await sentence(world) == built
    assert (await csms.limits(10, "TxProfile")).accepted
    await world.until(lambda: bench.offered_a() == 10.0, "the limit")
    profile = "charges with up to 10 A on 3 phases, because a charging profile allows no more ("
    told = await sentence(world)
    assert told.startswith(profile), told
    assert "TxProfile" in told, "the profile is named"
    assert (await csms.limits(0, "TxProfile")).accepted
    await world.energy_ceases()
    assert "only 0 A may be offered" in await sentence(world)
    assert (await csms.limits(16, "TxProfile")).accepted
    await world.energy_flows()
    await bench.car_pauses()
    await world.pass_s(5)
    assert "the car does not ask for energy" in await sentence(world)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await world.pass_s(2)
    assert await sentence(world) == "does not charge: the session has ended."


async def test_a_refused_card_is_told_with_who_refused_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.knows(**{f"_{UNKNOWN_TOKEN}": AuthorizationStatus.BLOCKED})
    await bench.plug_in()
    await bench.swipe(UNKNOWN_TOKEN)
    await world.pass_s(2)
    refused = "does not charge: the card …FFFF was refused: the CSMS says that it is blocked."
    assert await sentence(world) == refused
    assert UNKNOWN_TOKEN not in str(await why(world))
    await csms.goes_down()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(2)
    assert "there was nobody to ask" in await sentence(world)
    causes = (await why(world))["causes"]
    offline = next(cause for cause in causes if cause["name"] == "offline")
    assert offline["sentence"].startswith("There is no connection to the CSMS since 2026-03-02")
    assert offline["sentence"].count(":") >= 3, "and it is said why"
    await csms.comes_back()
    await world.until(lambda: world.machine.station.dispatcher.online, "the CSMS", within_s=60)
    assert "offline" not in await names(world)


async def test_a_station_that_is_not_accepted_says_so(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.office.boot_script = ("Pending", "Accepted")
    csms.csms.office.boot_interval_s = 20
    await world.power_up()
    await world.pass_s(5)
    assert "not_accepted" in await names(world)
    await world.pass_s(30)
    assert "not_accepted" not in await names(world)


async def test_faults_availability_and_guard_are_told_in_their_order(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await csms.station.change_availability(False, 2)
    await world.pass_s(2)
    taken = "does not charge: the operator has taken the outlet out of service."
    assert await sentence(world, 2) == taken
    await bench.fault("estop", 2)
    await world.pass_s(2)
    assert await sentence(world, 2) == "does not charge: the emergency stop is pressed."
    assert (await names(world, 2))[:3] == ["estop", "inoperative", "no_car"]
    world.machine.board.lose_guard()
    await world.pass_s(2)
    lost = await sentence(world)
    assert "safety guard is not running" in lost
    assert lost.endswith("(the guard closed the connection).")


async def test_heat_is_told_with_the_temperature(world: World, bench: Bench, csms: Desk) -> None:
    world.machine.wiring = SENSOR
    world.machine.fitted = with_sensors(lambda: world.machine.board)
    await world.start()
    await world.charges()
    await bench.operate("temperature", celsius=67.5)
    await world.until(lambda: bench.offered_a() == 19.0, "the derated current")
    hot = "charges with up to 19 A on 3 phases, because the station is hot (68 °C)."
    assert await sentence(world) == hot
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("version", [V21])
async def test_an_evse_that_does_not_exist_is_refused(world: World) -> None:
    await world.start()
    (server, *_) = world.machine.station._servers
    assert await server._answer({"op": "why", "evse": 7}) == {
        "ok": False,
        "error": "there is no EVSE 7; there is 1",
    }
    reply = await server._answer({"op": "why"})
    assert [told["id"] for told in reply["evses"]] == [1]
