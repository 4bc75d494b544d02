"""Stories of CSMSs that behave oddly: the station survives each of them and goes on charging."""

import asyncio
import json
from http import HTTPStatus

import pytest

from agent.sim.frames import Call
from agent.sim.misbehaviour import (
    TRANSACTION_MESSAGES,
    CallHook,
    Ending,
    Plan,
    answer_call_error,
    answer_twice,
    end_connection,
    never_answer,
    refuse_handshake,
    select_subprotocol,
)
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16, V21, V201
from tests.stories.world import World


async def session(world: World, bench: Bench, csms: Desk) -> None:
    """A whole session, to see that everything still works."""
    number = len(csms.station.transactions) + 1
    await world.charges()
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", number)
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("S16-TXN-03", "S16-TXM-06")
@pytest.mark.parametrize("version", [V16])
@pytest.mark.parametrize("number", [0, 2_000_000_000])
async def test_any_number_that_the_csms_gives_is_a_transaction(
    world: World, bench: Bench, csms: Desk, number: int
) -> None:
    csms.csms.office.next_number = number
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "10"})
    await world.charges()
    await world.pass_s(25)
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")
    for action in ("MeterValues", "StopTransaction"):
        assert {c.payload["transactionId"] for c in csms.calls(action)} == {number}


@pytest.mark.requirement("S16-CONN-14")
@pytest.mark.parametrize("odd_id", [None, "-1", "somebody-else"])
async def test_call_errors_with_odd_ids_break_nothing(
    world: World, bench: Bench, csms: Desk, odd_id: str | None
) -> None:
    await world.start()
    csms.csms.misbehave(
        answer_call_error("FormatViolation", {"Heartbeat"}, 1, odd_id=lambda _: odd_id)
    )
    for text in ('[4,null,"FormatViolation","",{}]', '[4,"-1","RpcFrameworkError","",{}]'):
        csms.station.send_raw(text)
    await session(world, bench, csms)


async def test_answers_that_come_twice_are_taken_once(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.misbehave(answer_twice())
    await world.start()
    await session(world, bench, csms)


@pytest.mark.parametrize(
    "frame",
    [b"\x00\x01\x02", "", "null", "[]", "[2]", '[7,"x",{}]', '{"a":1}', "[2,1,2,3]", "\u0000"],
)
async def test_frames_that_are_no_frames_break_nothing(
    world: World, bench: Bench, csms: Desk, frame: str | bytes
) -> None:
    await world.start()
    csms.station.send_raw(frame)
    await world.pass_s(30)
    csms.tolerated.append(lambda fault: "never asked" in fault.message)
    await csms.is_ready(within_s=60)
    await session(world, bench, csms)


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.ABORT])
@pytest.mark.parametrize("action", ["Authorize", "StatusNotification", "Heartbeat"])
async def test_a_connection_that_ends_in_the_middle_of_a_call_is_made_anew(
    world: World, bench: Bench, csms: Desk, ending: Ending, action: str
) -> None:
    csms.csms.office.boot_interval_s = 20
    await world.start()
    csms.csms.misbehave(end_connection(ending, {action}, 1))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(60)
    await csms.is_ready(within_s=60)
    if not bench.is_delivering():
        await bench.swipe(TOKEN)
        await world.energy_flows()
    await csms.sees_start()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-CONN-03", "B10.FR.09")
@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE])
async def test_a_csms_that_refuses_the_handshake_is_tried_again(
    world: World, bench: Bench, csms: Desk, status: HTTPStatus
) -> None:
    refusal = csms.csms.misbehave(refuse_handshake(status, 3))
    await world.power_up()
    await csms.is_ready(within_s=120)
    assert refusal.count == 3
    await session(world, bench, csms)


@pytest.mark.requirement("S16-CONN-02")
@pytest.mark.parametrize("echo", [None, "ocpp9.9"])
async def test_a_server_without_a_common_version_is_left_and_tried_again(
    world: World, csms: Desk, echo: str | None
) -> None:
    hook = csms.csms.misbehave(select_subprotocol(echo, 2))
    await world.power_up()
    await csms.is_ready(within_s=120)
    assert hook.count == 2


@pytest.mark.requirement("S16-CONN-19")
async def test_a_csms_that_says_nothing_any_more_is_left_after_the_timeout(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "600"})
    csms.csms.misbehave(never_answer({"StatusNotification", "Authorize"}, record=False))
    await bench.plug_in()
    await world.pass_s(40)
    csms.csms.behave()
    await csms.is_ready(within_s=60)
    assert csms.station.connections == 2
    await csms.sees_status("Preparing", within_s=60)


@pytest.mark.requirement("S16-CONN-04", "S16-CONN-05")
async def test_everything_at_one_instant_is_one_call_at_a_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "1"}, evses=2)
    csms.csms.misbehave(CallHook(lambda _, plan: Plan(delay_s=0.3)))
    await bench.plug_in(1)
    await bench.plug_in(2)
    await bench.swipe(TOKEN, 1)
    await csms.remote_start("0A0B0C0D", 2)
    await asyncio.gather(
        csms.station.trigger("StatusNotification", 1),
        csms.station.trigger("Heartbeat"),
        csms.gets("OCPPCommCtrlr.HeartbeatInterval"),
    )
    await world.energy_flows(1)
    await world.energy_flows(2)
    await csms.sees_start(2)
    csms.csms.behave()
    await world.pass_s(5)
    for transaction in list(csms.station.transactions.values()):
        assert (await csms.station.remote_stop(transaction)).accepted
    await csms.sees_end("Remote", 1)
    await csms.sees_end("Remote", 2)


async def test_verdicts_nobody_asked_for_change_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    def add_verdict(call: Call, plan: Plan) -> Plan:
        info = {"status": "Invalid"}
        if csms.is_16 or "idToken" in call.payload:
            return plan
        answer = json.dumps([3, call.message_id, {"idTokenInfo": info, "totalCost": 0}])
        return Plan(answer=answer)

    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "5"})
    csms.csms.misbehave(CallHook(add_verdict, TRANSACTION_MESSAGES))
    await world.charges()
    await world.pass_s(30)
    assert bench.is_delivering()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize(
    "moment",
    ["2026-03-02T07:00:12.026323+00:00", "2026-03-02T08:00:12+01:00", "2026-03-02T07:00:12Z"],
)
@pytest.mark.requirement("S16-CONN-20")
async def test_times_are_read_in_whatever_form(
    world: World, bench: Bench, csms: Desk, moment: str
) -> None:
    def word(call: Call, plan: Plan) -> Plan:
        body = {"currentTime": moment, "status": "Accepted", "interval": 300}
        return Plan(answer=json.dumps([3, call.message_id, body]))

    csms.csms.misbehave(CallHook(word, {"BootNotification"}))
    await world.start()
    await session(world, bench, csms)


@pytest.mark.requirement("E13.FR.02")
async def test_an_answer_that_breaks_its_schema_is_no_answer(
    world: World, bench: Bench, csms: Desk
) -> None:
    def spoil(call: Call, plan: Plan) -> Plan:
        return Plan(answer=json.dumps([3, call.message_id, {"surprise": True}]))

    await world.start()
    csms.csms.misbehave(CallHook(spoil, {"Authorize"}, 1))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(10)
    assert not bench.plant().contactor_closed
    csms.tolerated.append(lambda fault: "refused our answer" in fault.message)
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("version", [V201, V21])
async def test_the_station_speaks_the_version_that_the_server_picks(
    world: World, bench: Bench, csms: Desk, version: str
) -> None:
    csms.csms.versions = (version,)
    await world.start(versions=(V21, V201, V16))
    assert csms.station.version == version
    await session(world, bench, csms)
