"""Quirks that real CSMSs have shown, by the numbers of `tests/data/quirks.tsv`."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from agent.sim.csms_link import StationRefusedCall
from agent.sim.frames import Call, Payload, result_text
from agent.sim.misbehaviour import (
    TRANSACTION_MESSAGES,
    CallHook,
    Ending,
    Plan,
    answer_call_error,
    end_connection,
    lose_answers,
    never_answer,
    select_subprotocol,
)
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import (
    OTHER_TOKEN,
    TOKEN,
    UNKNOWN_TOKEN,
    V16,
    V21,
    V201,
    frames_from_station,
)
from tests.stories.world import World

AT_ONCE = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "1",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "0",
}
ANSWERED_WITHIN_S = 1.0
TIMES = re.compile(r'"(?:timestamp|generatedAt|currentTime|startSchedule)": *"([^"]*)"')
EXACT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def session(world: World, bench: Bench, csms: Desk) -> None:
    """A whole session, to see that everything still works."""
    number = len(csms.station.transactions) + 1
    await world.charges()
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", number)
    await bench.unplug()
    await csms.sees_status("Available")


async def verdict(csms: Desk, action: str, payload: Payload) -> str:
    """Send a CALL; return the answer's status or the error's code, either given without delay."""
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        try:
            return str((await csms.call(action, payload)).get("status", "answered"))
        except StationRefusedCall as refusal:
            return refusal.code


# --- Connection.


@pytest.mark.parametrize("version", [V16])
async def test_2_a_server_with_an_order_of_its_own_is_followed(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.versions, csms.csms.prefers_own_order = (V16, V201, V21), True
    await world.start(versions=(V21, V201, V16))
    assert csms.station.version == V16
    await csms.goes_down()
    csms.csms.prefers_own_order = False
    csms.version = V21
    await csms.comes_back()
    await csms.until(lambda: csms.station.connections == 2, "a new connection", within_s=60)
    assert csms.station.version == V21
    await session(world, bench, csms)


@pytest.mark.parametrize("version", [V201])
async def test_2_a_version_that_was_picked_but_is_not_spoken_is_offered_no_more(
    world: World, bench: Bench, csms: Desk
) -> None:
    """The server echoes what is offered first and is deaf in it."""
    csms.csms.misbehave(select_subprotocol(V21, 2))
    await world.power_up(versions=(V21, V201))
    await csms.is_ready(within_s=300)
    assert csms.station.version == V201
    assert [", ".join(shake.offered) for shake in csms.csms.handshakes] == [
        f"{V21}, {V201}",
        f"{V21}, {V201}",
        V201,
    ]
    await session(world, bench, csms)
    csms.station.drop()
    await csms.until(lambda: csms.station.connections == 2, "a new connection", within_s=60)
    assert csms.station.version == V201


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.ABORT])
async def test_3_a_station_lets_a_second_pass_before_it_comes_back(
    world: World, csms: Desk, ending: Ending
) -> None:
    await world.start(AT_ONCE)
    csms.csms.misbehave(end_connection(ending, {"Heartbeat"}, None))
    assert await csms.sets("OCPPCommCtrlr.HeartbeatInterval", "3") == "Accepted"
    await world.pass_s(60)
    moments = [shake.at for shake in csms.csms.handshakes]
    assert len(moments) > 5
    assert min(after - before for before, after in pairwise(moments)) >= timedelta(seconds=1)
    csms.csms.behave()


async def test_4_a_connection_that_answers_nothing_is_left_for_a_new_one(
    world: World, bench: Bench, csms: Desk
) -> None:
    """The CSMS has deregistered the station and closes, long after, with 1011."""
    await world.start()
    deaf = csms.csms.misbehave(never_answer(record=False))
    await bench.plug_in()
    await csms.until(lambda: csms.station.connections == 2, "a new connection", within_s=60)
    assert deaf.count == 1
    csms.csms.behave()
    await csms.is_ready(within_s=60)
    await csms.sees_status("Preparing", within_s=60)


# --- RPC.


@pytest.mark.parametrize("version", [V201, V21])
async def test_6_what_the_csms_asks_on_its_own_account_is_answered_at_once(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.plug_in()
    chain: dict[str, Payload] = {
        "GetChargingProfiles": {
            "requestId": 1,
            "chargingProfile": {"chargingLimitSource": ["CSO"]},
        },
        "GetDisplayMessages": {"requestId": 2},
        "GetMonitoringReport": {"requestId": 3},
    }
    assert (await csms.remote_start()).accepted
    for action, payload in chain.items():
        assert await verdict(csms, action, payload)
    assert (await csms.limits(10)).accepted
    assert await verdict(csms, "GetChargingProfiles", chain["GetChargingProfiles"])
    await world.energy_flows()
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


async def test_7_a_token_shown_right_behind_a_remote_start_waits_its_turn(
    world: World, bench: Bench, csms: Desk
) -> None:
    """The second of two CALLs would never be answered; the CSMS takes note of each such one."""
    await world.start({"AuthCtrlr.AuthorizeRemoteStart": "true"}, evses=2)
    csms.csms.misbehave(CallHook(lambda _, plan: replace(plan, delay_s=0.5)))
    await bench.plug_in(1)
    await bench.plug_in(2)
    assert (await csms.remote_start(OTHER_TOKEN, 2)).accepted
    await bench.swipe(TOKEN, 1)
    await world.energy_flows(1)
    await world.energy_flows(2)
    csms.csms.behave()
    await csms.sees_start(2)
    for transaction in list(csms.station.transactions.values()):
        assert (await csms.station.remote_stop(transaction)).accepted
    await csms.sees_end("Remote", 1)
    await csms.sees_end("Remote", 2)


async def test_14_a_wild_probe_is_refused_and_touches_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    firmware = {"location": "dummy://dummy", "retrieveDateTime": "2026-03-02T07:00:00Z"}
    probe: Payload = {"requestId": 1, "firmware": {**firmware, "signature": "☺"}}
    if csms.is_16:
        probe = {"location": "dummy://dummy", "retrieveDate": "2026-03-02T07:00:00Z"}
    assert await verdict(csms, "UpdateFirmware", probe) not in {"Accepted", "AcceptedCanceled"}
    wrong = "StatusNotification" if csms.is_16 else "ClearedChargingLimit"
    assert await verdict(csms, wrong, {}) in {"NotSupported", "NotImplemented"}
    await world.pass_s(20)
    assert bench.is_delivering()
    assert world.machine.starts == 1
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_24_what_is_told_again_bears_an_id_that_was_never_used(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(lose_answers(2))
    await world.charges_unseen()
    await world.pass_s(150)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=120)
    calls = [frame for frame in map(json.loads, frames_from_station(csms.station)) if frame[0] == 2]
    ids = [frame[1].casefold() for frame in calls]
    assert len(set(ids)) == len(ids)
    world.may_tell_twice = 2


# --- Time and data.


async def test_9_every_time_is_told_with_three_decimals_and_z(
    world: World, bench: Bench, csms: Desk
) -> None:
    intervals = {"AlignedDataCtrlr.Interval": "60", "SampledDataCtrlr.TxUpdatedInterval": "7"}
    await world.start(intervals)
    await session(world, bench, csms)
    await world.pass_s(130)
    told = [moment for text in frames_from_station(csms.station) for moment in TIMES.findall(text)]
    assert len(told) > 8
    assert [moment for moment in told if not EXACT.fullmatch(moment)] == []


async def test_21_a_refused_authorize_is_a_refused_token_and_no_storm(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(answer_call_error("PropertyConstraintViolation", {"Authorize"}))
    await bench.plug_in()
    await bench.swipe(UNKNOWN_TOKEN.lower())
    await world.pass_s(60)
    assert not bench.plant().contactor_closed
    asked = csms.calls("Authorize")
    assert len(asked) == 1
    token = asked[0].payload["idTag"] if csms.is_16 else asked[0].payload["idToken"]["idToken"]
    assert token == UNKNOWN_TOKEN
    csms.csms.behave()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


# --- Transactions.


@pytest.mark.parametrize("version", [V16])
async def test_11_the_state_of_each_connector_is_told_before_the_queue(
    world: World, bench: Bench, csms: Desk
) -> None:
    """The CSMS refuses a start at a connector of which it has not heard since the boot."""

    def judge(call: Call, plan: Plan) -> Plan:
        if (call.payload["connectorId"], 1) in csms.station.status_since_boot:
            return plan
        body = {"idTagInfo": {"status": "Invalid"}, "transactionId": 0}
        return replace(plan, answer=result_text(call.message_id, body))

    hook = csms.csms.misbehave(CallHook(judge, {"StartTransaction"}))
    await world.start({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}, evses=2)
    await csms.goes_down()
    await world.charges_unseen(evse=2)
    await world.machine.restart()
    await world.pass_s(20)
    csms.station.expect_boot()
    await csms.comes_back()
    transaction = await csms.sees_start(within_s=60)
    assert hook.count == 1
    await world.pass_s(10)
    assert bench.is_delivering(2)
    await bench.swipe(TOKEN, 2)
    await csms.sees_end("Local")
    assert transaction.evse_id == 2


async def test_12_what_was_acknowledged_is_never_told_again(
    world: World, bench: Bench, csms: Desk
) -> None:
    """The CSMS may have dropped it silently: an acknowledgement is all that the station gets."""
    await world.start()
    await session(world, bench, csms)
    await world.queue_drains()
    told = sum(len(csms.calls(action)) for action in TRANSACTION_MESSAGES)
    assert told
    csms.station.drop()
    await world.pass_s(30)
    await world.machine.restart()
    csms.station.expect_boot()
    await csms.is_ready(within_s=60)
    await world.pass_s(120)
    assert sum(len(csms.calls(action)) for action in TRANSACTION_MESSAGES) == told


# --- Security.


@pytest.mark.parametrize("code", ["InternalError", "NotSupported"])
async def test_13_a_refused_message_that_is_no_transaction_is_dropped(
    world: World, bench: Bench, csms: Desk, code: str
) -> None:
    refused = {"SecurityEventNotification", "StatusNotification", "Heartbeat", "MeterValues"}
    csms.csms.office.boot_interval_s = 60
    csms.csms.misbehave(answer_call_error(code, refused - {"Heartbeat"}))
    await world.power_up()
    await csms.sees("SecurityEventNotification")
    await world.pass_s(300)
    assert len(csms.calls("SecurityEventNotification")) == 1
    assert len(csms.calls("StatusNotification")) <= 3
    assert csms.station.connections == 1
    csms.csms.behave()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_start()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


# --- Provisioning: what two CSMSs do with every station that connects.


async def test_18_the_boot_script_of_a_home_automation_is_served(
    world: World, bench: Bench, csms: Desk
) -> None:
    """It asks before it answers the boot, and goes on while the driver starts a session."""
    answers: dict[str, Any] = {}

    async def before_the_answer() -> None:
        answers["first"] = await csms.gets("OCPPCommCtrlr.HeartbeatInterval")
        if not csms.is_16:
            report = {"requestId": 1, "reportBase": "FullInventory"}
            answers["report"] = (await csms.call("GetBaseReport", report))["status"]

    def ask_first(_call: Call, plan: Plan) -> Plan:
        world.spawn(before_the_answer())
        return replace(plan, delay_s=2.0)

    csms.csms.misbehave(CallHook(ask_first, {"BootNotification"}, 1))
    await world.start({"AuthCtrlr.LocalPreAuthorize": "false"})
    assert answers.pop("first") == "300"
    assert answers in ({}, {"report": "Accepted"})
    world.spawn(bench.plug_in())
    world.spawn(bench.swipe(TOKEN))
    await (home_automation_16(csms) if csms.is_16 else home_automation_2x(csms))
    await csms.sees_start()
    await world.energy_flows()
    assert (await csms.station.reset("Hard" if csms.is_16 else "Immediate")).accepted
    await csms.sees_end("HardReset" if csms.is_16 else "ImmediateReset")
    await csms.sees_boot(count=2)
    await csms.is_ready()


async def home_automation_16(csms: Desk) -> None:
    for key in ("SupportedFeatureProfiles", "NumberOfConnectors", "HeartbeatInterval"):
        assert (await csms.station.get_configuration([key]))[key]
    measurands = "Energy.Active.Import.Register,Power.Active.Import"
    changed = await csms.station.change_configuration("MeterValuesSampledData", measurands)
    assert changed.status == "Accepted"
    for _ in range(2):
        told = await csms.station.get_configuration(["MeterValuesSampledData"])
        assert told["MeterValuesSampledData"] == measurands
    for key, value in (("MeterValueSampleInterval", "60"), ("ClockAlignedDataInterval", "900")):
        assert (await csms.station.change_configuration(key, value)).status == "Accepted"
    assert (await csms.station.change_availability(operative=True)).accepted
    probe = {"location": "dummy://dummy", "retrieveDate": "2026-03-02T07:00:00Z"}
    assert await verdict(csms, "UpdateFirmware", probe)
    assert (await csms.station.trigger("StatusNotification", 1)).accepted


async def home_automation_2x(csms: Desk) -> None:
    firmware = {"location": "dummy://dummy", "retrieveDateTime": "2026-03-02T07:00:00Z"}
    probe: Payload = {"requestId": 1, "firmware": {**firmware, "signature": "☺"}}
    assert await verdict(csms, "UpdateFirmware", probe)
    schedule = {"evseId": 0, "duration": 60}
    assert await verdict(csms, "GetCompositeSchedule", schedule) == "Accepted"
    assert await csms.sets("SampledDataCtrlr.TxUpdatedInterval", "60") == "Accepted"
    assert (await csms.station.trigger("StatusNotification", 1)).accepted


async def test_18_the_boot_script_of_an_energy_manager_is_served(
    world: World, bench: Bench, csms: Desk
) -> None:
    """It lets an unknown station wait, sets it up, and starts by itself once a car is there."""
    csms.csms.office.boot_script = ("Pending", "Accepted")
    csms.csms.office.boot_interval_s = 10
    await world.power_up()
    await csms.is_ready(within_s=60)
    await energy_manager(csms)
    assert (await csms.limits(0)).accepted
    await bench.plug_in()
    await csms.sees_status("Preparing")
    assert (await csms.remote_start(OTHER_TOKEN)).accepted
    await csms.sees_start()
    await world.pass_s(30)
    assert not bench.is_delivering()
    assert (await csms.limits(10)).accepted
    assert [p["limit"] for p in await csms.composite(60)] == [10]
    await world.energy_flows()
    for _ in range(3):
        assert (await csms.station.trigger("MeterValues", 1)).accepted
        await world.pass_s(30)
    assert csms.station.connections == 1
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


async def energy_manager(csms: Desk) -> None:
    """Set the station up as it wants it."""
    assert (await csms.station.change_availability(operative=True)).accepted
    if csms.is_16:
        assert len(await csms.station.get_configuration()) > 20
    for measurand in ("Power.Active.Import", "Energy.Active.Import.Register", "Nonsense", "SoC"):
        verdict_on_it = await csms.sets("SampledDataCtrlr.TxUpdatedMeasurands", measurand)
        assert verdict_on_it == ("Rejected" if measurand in {"Nonsense", "SoC"} else "Accepted")
    whole = "Power.Active.Import,Energy.Active.Import.Register,Current.Import"
    assert await csms.sets("SampledDataCtrlr.TxUpdatedMeasurands", whole) == "Accepted"
    assert await csms.sets("SampledDataCtrlr.TxUpdatedInterval", "10") == "Accepted"
    assert await csms.sets("OCPPCommCtrlr.WebSocketPingInterval", "30") == "Accepted"
    place = {"connectorId": 0} if csms.is_16 else {}
    order = {"requestedMessage": "MeterValues", **place}
    assert (await csms.call("TriggerMessage", order))["status"] == "Accepted"
