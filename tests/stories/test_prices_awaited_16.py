"""Stories of 1.6 in which a driver waits for the price before energy flows."""

import json
from dataclasses import replace

import pytest

from agent.sim.frames import Call, Payload
from agent.sim.misbehaviour import CallHook, Plan
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.test_costs_in_16 import COST
from tests.stories.test_kept_costs_in_16 import tells
from tests.stories.words import OTHER_TOKEN, TOKEN, V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
KEY = "WaitForSetUserPriceTimeout"
PATIENT = {"OCPP16Ctrlr.WaitForSetUserPriceTimeout": "20000"}
ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
AT_ONCE_S = 5
RESTS_S = 15
"""Then a contactor that has opened may close at once again."""


async def is_let_in(world: World, bench: Bench, csms: Desk, token: str = TOKEN) -> None:
    """Plug in and show a card; return once the CSMS was asked for it."""
    asked = len(csms.calls("Authorize"))
    await bench.plug_in()
    await world.pass_s(1)
    await bench.swipe(token)
    await csms.sees("Authorize", asked + 1)


async def nothing_begins(world: World, bench: Bench, csms: Desk, for_s: float) -> None:
    begun = len(csms.calls("StartTransaction"))
    await world.pass_s(for_s)
    assert len(csms.calls("StartTransaction")) == begun
    assert not bench.plant().contactor_closed


async def leaves(world: World, bench: Bench, csms: Desk) -> None:
    await bench.unplug()
    await csms.sees_status("Available")
    await world.pass_s(RESTS_S)


async def test_energy_flows_as_soon_as_the_price_has_come(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(PATIENT)
    await is_let_in(world, bench, csms)
    await nothing_begins(world, bench, csms, 8)
    assert await tells(csms, "SetUserPrice", idToken=OTHER_TOKEN, priceText="9") == "Accepted"
    await nothing_begins(world, bench, csms, 4)
    assert await tells(csms, "SetUserPrice", idToken=TOKEN, priceText="0.5") == "Accepted"
    await world.energy_flows(within_s=AT_ONCE_S)


async def test_a_price_that_never_comes_is_waited_for_only_so_long(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(PATIENT)
    await is_let_in(world, bench, csms)
    await nothing_begins(world, bench, csms, 18)
    await world.energy_flows(within_s=AT_ONCE_S)


async def test_how_long_is_waited_can_be_changed_at_any_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await is_let_in(world, bench, csms)
    await world.energy_flows(within_s=AT_ONCE_S)
    await leaves(world, bench, csms)
    for value in ("60001", "-1", "soon", ""):
        assert (await csms.station.change_configuration(KEY, value)).status == "Rejected"
    assert (await csms.station.change_configuration(KEY, "10000")).accepted
    await is_let_in(world, bench, csms)
    await nothing_begins(world, bench, csms, 8)
    await world.energy_flows(within_s=AT_ONCE_S)
    await leaves(world, bench, csms)
    assert (await csms.station.change_configuration(KEY, "0")).accepted
    await is_let_in(world, bench, csms)
    await world.energy_flows(within_s=AT_ONCE_S)


async def test_a_price_that_comes_before_the_verdict_is_not_waited_for(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(PATIENT)

    def late(call: Call, plan: Plan) -> Plan:
        return replace(plan, delay_s=4)

    csms.csms.misbehave(CallHook(late, {"Authorize"}))
    await is_let_in(world, bench, csms)
    assert await tells(csms, "SetUserPrice", idToken=TOKEN, priceText="0.5") == "Accepted"
    await nothing_begins(world, bench, csms, 3)
    await world.energy_flows(within_s=AT_ONCE_S)


async def test_who_wants_to_stop_never_waits(world: World, bench: Bench, csms: Desk) -> None:
    await world.start(PATIENT)
    csms.answers_group("FAMILY")
    await is_let_in(world, bench, csms)
    await world.energy_flows(within_s=25)
    await csms.sees_start()
    await bench.swipe(OTHER_TOKEN)
    await csms.sees_end("Local", within_s=AT_ONCE_S)


async def test_who_is_refused_is_told_at_once(world: World, bench: Bench, csms: Desk) -> None:
    await world.start(PATIENT)
    csms.knows()
    await is_let_in(world, bench, csms)
    await world.pass_s(2)
    assert world.machine.station.evses[1].state.pending is None
    assert not bench.plant().contactor_closed


@pytest.mark.parametrize("known", [True, False])
async def test_whom_the_csms_was_not_asked_for_does_not_wait(
    world: World, bench: Bench, csms: Desk, known: bool
) -> None:
    await world.start({**PATIENT, **ANYBODY, "AuthCtrlr.LocalPreAuthorize": "true"})
    if known:
        await is_let_in(world, bench, csms)
        await world.energy_flows(within_s=25)
        await leaves(world, bench, csms)
    else:
        await csms.goes_down()
    await bench.plug_in()
    await world.pass_s(1)
    await bench.swipe()
    await world.energy_flows(within_s=AT_ONCE_S)
    assert len(csms.calls("Authorize")) == int(known)


async def test_a_remote_start_that_is_judged_waits_too(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**PATIENT, "AuthCtrlr.AuthorizeRemoteStart": "true"})
    await bench.plug_in()
    assert (await csms.remote_start()).accepted
    await csms.sees("Authorize")
    await nothing_begins(world, bench, csms, 8)
    order: Payload = {"idToken": TOKEN, "priceText": "0.5"}
    told = {"vendorId": COST, "messageId": "SetUserPrice", "data": json.dumps(order)}
    assert (await csms.call("DataTransfer", told))["status"] == "Accepted"
    await world.energy_flows(within_s=AT_ONCE_S)


async def test_a_card_that_is_shown_before_the_cable_is_plugged_in_waits_for_its_price_too(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(PATIENT, evses=2)
    await bench.swipe(evse=None)
    await csms.sees("Authorize")
    await bench.plug_in(2)
    await world.pass_s(10)
    assert not bench.plant(2).contactor_closed
    assert world.machine.station.lobby.state.pending is not None
    assert await tells(csms, "SetUserPrice", idToken=TOKEN, priceText="0.5") == "Accepted"
    await world.energy_flows(2, within_s=AT_ONCE_S)
