"""Stories of registration, heartbeat, clock and reconnection (B01-B04, G02)."""

from datetime import datetime, timedelta

import pytest

from agent.sim.csms_link import StationDidNotAnswer, StationRefusedCall
from agent.sim.misbehaviour import CallHook, Plan, answer_call_error, never_answer
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, at_s
from tests.stories.world import World

STATES = "StatusNotification"


def actions(csms: Desk) -> list[str]:
    return csms.actions_received()


@pytest.mark.requirement(
    *("B01", "B01.FR.01", "B01.FR.03", "B01.FR.05", "B01.FR.08", "B01.FR.09", "A04.FR.01"),
    *("S16-BOOT-01", "S16-BOOT-02", "S16-BOOT-12", "S16-STAT-02", "A04.FR.01 (1.6)"),
    "TC_001_CS",
)
async def test_a_station_boots_and_tells_its_state_before_anything_else(
    world: World, csms: Desk
) -> None:
    await world.start(evses=2)
    await world.pass_s(5)
    told = actions(csms)
    assert told[0] == "BootNotification"
    assert told[1:].index("SecurityEventNotification") == told.count(STATES)
    places = [(1, 1), (2, 1)] + ([(0, 0)] if csms.is_16 else [])
    assert csms.station.statuses == dict.fromkeys(places, "Available")
    boot = csms.station.boots[0].facts
    assert (boot.vendor, boot.model, boot.serial_number) == ("Example", "AC22", "0001")
    assert boot.firmware_version == "1.0.0"
    if not csms.is_16:
        assert boot.reason == "PowerUp"
    assert [event.type for event in csms.station.security_events] == ["StartupOfTheDevice"]


@pytest.mark.requirement(
    *("G02", "G02.FR.01", "G02.FR.02", "G02.FR.05", "B01.FR.04", "S16-BOOT-03", "S16-HB-01")
)
async def test_heartbeats_come_at_the_interval_that_the_csms_gave(world: World, csms: Desk) -> None:
    csms.csms.office.boot_interval_s = 60
    await world.start()
    assert await csms.gets("OCPPCommCtrlr.HeartbeatInterval") == "60"
    await world.pass_s(305)
    assert csms.station.heartbeats == 5


@pytest.mark.requirement("G02.FR.02", "B05", "S16-CFG-01")
async def test_a_new_heartbeat_interval_takes_effect_without_a_restart(
    world: World, csms: Desk
) -> None:
    await world.start()
    assert await csms.sets("OCPPCommCtrlr.HeartbeatInterval", "10") == "Accepted"
    await world.pass_s(101)
    assert csms.station.heartbeats == 10


@pytest.mark.requirement("B01.FR.06", "S16-BOOT-04", "G02.FR.06")
@pytest.mark.parametrize("wrong_by", [timedelta(days=-20_000), timedelta(hours=3)])
async def test_the_station_takes_the_time_of_the_csms_over(
    world: World, bench: Bench, csms: Desk, wrong_by: timedelta
) -> None:
    world.machine.clock = lambda: world.clock_wrong_by(wrong_by)
    csms.csms.office.boot_interval_s = 30
    await world.start()
    transaction = await world.charges()
    assert transaction.started_at is not None
    assert 0 <= at_s(transaction.started_at) < 60
    world.csms_is_wrong_by = timedelta(seconds=-600)
    await world.pass_s(65)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert transaction.ended_at is not None
    assert transaction.ended_at >= transaction.started_at
    await bench.unplug()
    await csms.sees_status("Available")
    told = csms.calls(STATES)[-1].payload["timestamp"]
    assert at_s(datetime.fromisoformat(told)) < 0


@pytest.mark.requirement(
    *("B02", "B02.FR.02", "B02.FR.04", "B02.FR.06", "B02.FR.08", "S16-BOOT-05"),
    *("S16-BOOT-06", "S16-BOOT-09", "S16-BOOT-10", "TC_002_CS"),
)
async def test_a_pending_station_is_silent_answers_and_asks_again_after_the_interval(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.office.boot_script = ("Pending", "Pending", "Accepted")
    csms.csms.office.boot_interval_s = 40
    await world.power_up({"TxCtrlr.EVConnectionTimeOut": "600"})
    await csms.sees_boot("Pending")
    assert await csms.sets("OCPPCommCtrlr.HeartbeatInterval", "500") == "Accepted"
    assert await csms.gets("OCPPCommCtrlr.HeartbeatInterval") == "500"
    await bench.plug_in()
    await world.pass_s(30)
    assert actions(csms) == ["BootNotification"]
    await csms.is_ready(within_s=60)
    first, second, third = (at_s(boot.at) for boot in csms.station.boots)
    assert 40 <= second - first < 42
    assert 40 <= third - second < 42
    await csms.sees_status("Preparing")


@pytest.mark.requirement("B02.FR.05", "S16-BOOT-11")
async def test_a_pending_station_refuses_remote_control(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.office.boot_script = ("Pending",)
    await world.power_up()
    await csms.sees_boot("Pending")
    await bench.plug_in()
    assert (await csms.remote_start()).status == "Rejected"
    assert (await csms.station.remote_stop("1")).status == "Rejected"
    await world.pass_s(20)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("F06", "B02.FR.04", "F06.FR.04", "S16-BOOT-06", "S16-TRIG-01")
async def test_a_pending_station_boots_again_when_it_is_triggered(world: World, csms: Desk) -> None:
    csms.csms.office.boot_script = ("Pending", "Accepted")
    csms.csms.office.boot_interval_s = 3_600
    await world.power_up()
    await csms.sees_boot("Pending")
    await world.pass_s(10)
    assert (await csms.station.trigger("BootNotification")).status == "Accepted"
    await csms.is_ready()
    if not csms.is_16:
        assert csms.station.boots[-1].facts.reason == "Triggered"


@pytest.mark.requirement("F06.FR.17", "S16-BOOT-14")
async def test_an_accepted_station_does_not_boot_again_when_it_is_triggered(
    world: World, csms: Desk
) -> None:
    await world.start()
    assert (await csms.station.trigger("BootNotification")).status == "Rejected"
    await world.pass_s(10)
    assert len(csms.station.boots) == 1


@pytest.mark.requirement("B02.FR.02", "S16-BOOT-10", "F06.FR.11", "S16-TRIG-02")
async def test_a_pending_station_tells_what_it_is_asked_for(world: World, csms: Desk) -> None:
    csms.csms.office.boot_script = ("Pending",)
    await world.power_up()
    await csms.sees_boot("Pending")
    assert (await csms.station.trigger("StatusNotification", 1)).status == "Accepted"
    await csms.sees(STATES)
    assert (await csms.station.trigger("Heartbeat")).status == "Accepted"
    await csms.sees("Heartbeat")


@pytest.mark.requirement(
    *("B03", "B03.FR.02", "B03.FR.06", "B03.FR.08", "S16-BOOT-05", "S16-BOOT-07")
)
async def test_a_rejected_station_keeps_quiet_until_the_interval_is_over(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.office.boot_script = ("Rejected", "Accepted")
    csms.csms.office.boot_interval_s = 50
    await world.power_up()
    await csms.sees_boot("Rejected")
    if csms.is_16:
        with pytest.raises(StationDidNotAnswer):
            await csms.gets("OCPPCommCtrlr.HeartbeatInterval")
    else:
        with pytest.raises(StationRefusedCall) as refusal:
            await csms.gets("OCPPCommCtrlr.HeartbeatInterval")
        assert refusal.value.code == "SecurityError"
    await bench.plug_in()
    await world.pass_s(30)
    assert actions(csms) == ["BootNotification"]
    await csms.is_ready(within_s=60)
    first, second = (at_s(boot.at) for boot in csms.station.boots)
    assert 50 <= second - first < 52


@pytest.mark.requirement("B02.FR.07", "B03.FR.05", "S16-BOOT-05")
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_an_interval_of_zero_floods_nobody(world: World, csms: Desk, status: str) -> None:
    csms.csms.office.boot_script = (status,)
    csms.csms.office.boot_interval_s = 0
    await world.power_up()
    await world.pass_s(300)
    assert 2 <= len(csms.station.boots) <= 10


@pytest.mark.requirement("B01.FR.08", "S16-BOOT-02")
@pytest.mark.parametrize("fault", ["error", "silence"])
async def test_a_boot_that_gets_no_verdict_is_tried_again(
    world: World, csms: Desk, fault: str
) -> None:
    hook = answer_call_error("InternalError", {"BootNotification"}, 2)
    if fault == "silence":
        hook = never_answer({"BootNotification"}, 2, record=False)
    csms.csms.misbehave(hook)
    await world.power_up()
    await csms.is_ready(within_s=200)
    assert hook.count == 2
    assert set(actions(csms)[:3]) == {"BootNotification"}


@pytest.mark.requirement("B01.FR.01", "S16-CONN-05", "S16-BOOT-09")
async def test_a_call_that_comes_before_the_answer_to_boot_is_answered(
    world: World, csms: Desk
) -> None:
    answers: list[str | None] = []

    def ask_first(_call: object, plan: Plan) -> Plan:
        world.spawn(remember())
        return Plan(delay_s=2.0)

    async def remember() -> None:
        answers.append(await csms.gets("OCPPCommCtrlr.HeartbeatInterval"))

    csms.csms.misbehave(CallHook(ask_first, {"BootNotification"}, 1))
    await world.start()
    assert answers == ["300"]


@pytest.mark.requirement("B04", "B04.FR.01", "B04.FR.02", "S16-CONN-16", "S16-STAT-10")
@pytest.mark.parametrize("away_s", [20, 200])
async def test_a_reconnected_station_tells_what_changed_or_all_after_long(
    world: World, bench: Bench, csms: Desk, away_s: int
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "600"}, evses=2)
    before = len(csms.calls(STATES))
    await csms.goes_down()
    await bench.plug_in(2)
    await world.pass_s(away_s)
    await csms.comes_back()
    await csms.sees_status("Preparing", 2, within_s=90)
    await world.pass_s(5)
    told = len(csms.calls(STATES)) - before
    everything = 3 if csms.is_16 else 2
    assert told == (1 if away_s < 60 else everything)
    assert len(csms.station.boots) == 1


@pytest.mark.requirement("B04.FR.02", "S16-STAT-10")
async def test_a_status_that_was_lost_with_the_connection_is_told_again(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(never_answer({STATES}, record=False))
    await bench.plug_in()
    await csms.sees(STATES, len(csms.calls(STATES)) + 1)
    await csms.goes_down()
    csms.csms.behave()
    await world.pass_s(5)
    await csms.comes_back()
    await csms.sees_status("Preparing", within_s=60)


async def test_a_csms_that_answers_late_is_waited_for(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(CallHook(lambda _, plan: Plan(delay_s=20.0)))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows(within_s=60)
    await csms.sees_start(within_s=120)
    await world.pass_s(60)
    csms.csms.behave()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=120)
