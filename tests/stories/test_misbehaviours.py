"""What operators report most of chargers that misbehave: fifteen kinds, each with what catches it.

Three need real processes, sockets or TLS besides and are completed in tests/integration: kills at
any moment (3) by test_random_kills and test_store_kill, broken handshakes and TLS (14) by
test_broken_csms and test_dialing.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path

import pytest

from agent.config.load import load
from agent.config.problems import ConfigError
from agent.services import evse, meter_watch
from agent.sim.csms_link import StationRefusedCall
from agent.sim.csms_model import AuthorizationStatus, EventType, FrameRecord
from agent.sim.frames import Call, CallError, CallResult, Direction, parse
from agent.sim.misbehaviour import (
    TRANSACTION_MESSAGES,
    CallHook,
    Ending,
    HandshakePlan,
    Plan,
    answer_call_error,
    answer_late,
    end_connection,
    never_answer,
    refuse_handshake,
)
from tests.stories import board
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.words import (
    OTHER_TOKEN,
    STATUS_OF_2X,
    TOKEN,
    V16,
    V21,
    V201,
    at_s,
    signed_pair_is_valid,
)
from tests.stories.world import World
from tests.virtual_time import utc_now

ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
SAMPLED = {"SampledDataCtrlr.TxUpdatedInterval": "10"}
HEARTBEAT = "OCPPCommCtrlr.HeartbeatInterval"
STATES = "StatusNotification"
IN_2X = pytest.mark.parametrize("version", [V201, V21])


def now_s() -> float:
    return asyncio.get_running_loop().time()


def transaction_messages(csms: Desk) -> list[Call]:
    frames = [r for r in csms.station.frames if r.direction is Direction.FROM_STATION]
    calls = [frame for r in frames if isinstance(frame := parse(r.text), Call)]
    return [c for c in calls if c.action in TRANSACTION_MESSAGES]


# --- 1: -1 or 0 as transactionId after an offline start.


@pytest.mark.parametrize("ends", ["offline", "online"])
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_number_that_comes_late_is_in_every_later_message(
    world: World, bench: Bench, csms: Desk, ends: str, *, restarts: bool
) -> None:
    csms.csms.office.next_number = 4711
    await world.start({**ANYBODY, **SAMPLED})
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(25)
    if restarts:
        await world.machine.restart()
        csms.station.expect_boot()
        await world.pass_s(15)
    if ends == "offline":
        await bench.swipe(TOKEN)
        await world.energy_ceases()
    await csms.comes_back()
    await csms.is_ready(within_s=120)
    if ends == "online":
        await csms.sees_start(within_s=60)
        await world.pass_s(25)
        await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local", within_s=120)
    told = [c.payload for c in transaction_messages(csms)]
    if csms.is_16:
        ids = {payload.get("transactionId", 4711) for payload in told}
        assert sum("transactionId" in payload for payload in told) >= 3
        assert ids == {4711}
    else:
        ids = {payload["transactionInfo"]["transactionId"] for payload in told}
        assert ids == {transaction.transaction_id}
        assert ids.isdisjoint({"-1", "0", ""})


# --- 2: telling again what was acknowledged.


def times_told(csms: Desk) -> Counter[str]:
    """How often each message of a transaction was sent, by what no two of them share."""
    identities = []
    for call in transaction_messages(csms):
        values = call.payload.get("meterValue")
        number = call.payload.get("seqNo", values and values[0]["timestamp"])
        identities.append(f"{call.action} {number}")
    return Counter(identities)


@pytest.mark.parametrize("message", ["start", "stop"])
@pytest.mark.parametrize(
    ("cut", "twice"),
    [
        (end_connection(Ending.ABORT, TRANSACTION_MESSAGES), 1),
        (end_connection(Ending.ABORT, TRANSACTION_MESSAGES, record=True), 1),
        (end_connection(Ending.CLOSE, TRANSACTION_MESSAGES, answered=True), 0),
    ],
    ids=["before the CSMS has it", "before the acknowledgement", "after the acknowledgement"],
)
async def test_what_was_acknowledged_is_never_told_again(
    world: World, bench: Bench, csms: Desk, cut: CallHook, twice: int, message: str
) -> None:
    cut = CallHook(cut._change, TRANSACTION_MESSAGES, 1)
    await world.start()
    if message == "start":
        csms.csms.misbehave(cut)
    await world.charges_unseen()
    await csms.sees_start(within_s=60)
    await world.pass_s(30)
    if message == "stop":
        csms.csms.misbehave(cut)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=60)
    assert cut.count == 1
    for _ in range(3):
        csms.station.drop()
        await world.pass_s(1)
        await csms.is_ready(within_s=60)
        await world.pass_s(10)
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready(within_s=60)
    await world.pass_s(20)
    assert sum(times_told(csms).values()) - len(times_told(csms)) == twice
    (transaction,) = csms.station.transactions.values()
    world.may_tell_twice = transaction.duplicates
    assert transaction.duplicates <= twice


# --- 3: the start lost and the stop kept when power fails offline.


@pytest.mark.parametrize("moment", ["just authorized", "charging", "stopped", "while it is told"])
async def test_power_that_fails_offline_costs_neither_start_nor_end(
    world: World, bench: Bench, csms: Desk, moment: str
) -> None:
    await world.start({**ANYBODY, **SAMPLED})
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.until(
        lambda: world.machine.service().state.transaction is not None, "the transaction"
    )
    if moment != "just authorized":
        await world.energy_flows()
        await world.pass_s(45)
    if moment in ("stopped", "while it is told"):
        await bench.swipe(TOKEN)
        await world.energy_ceases()
        await world.pass_s(2)
    if moment == "while it is told":
        csms.csms.misbehave(answer_late(2, TRANSACTION_MESSAGES))
        await csms.comes_back()
        await csms.sees_start(within_s=60)
        world.may_tell_twice = 1
    csms.station.expect_boot()
    await world.machine.lose_power()
    csms.csms.behave()
    if moment != "while it is told":
        await csms.comes_back()
    await csms.is_ready(within_s=120)
    running = moment in ("just authorized", "charging")
    transaction = await csms.sees_end("PowerLoss" if running else "Local", within_s=120)
    told = [c.payload.get("eventType", c.action) for c in transaction_messages(csms)]
    assert (told[0][:5], told[-1][-5:]) in (("Start", "Ended"), ("Start", "ction"))
    assert transaction.energy_wh is not None
    assert abs(transaction.energy_wh - bench.delivered_wh()) < 1
    world.may_tell_twice = transaction.duplicates


# --- 4: deaf to CALLs of the CSMS.


async def answers(csms: Desk) -> float:
    """Return how long the station took to answer a CALL."""
    asked_s = now_s()
    assert await csms.gets(HEARTBEAT) is not None
    return now_s() - asked_s


async def test_a_call_during_registration_is_answered_at_once(world: World, csms: Desk) -> None:
    took_s: list[float] = []

    async def ask() -> None:
        took_s.append(await answers(csms))

    def ask_first(_call: Call, plan: Plan) -> Plan:
        world.spawn(ask())
        return Plan(delay_s=3.0) if plan.copies else plan

    csms.csms.office.boot_script = ("Pending", "Accepted")
    csms.csms.office.boot_interval_s = 20
    csms.csms.misbehave(CallHook(ask_first, {"BootNotification"}))
    await world.power_up()
    await csms.sees_boot("Pending")
    await world.pass_s(5)
    took_s.append(await answers(csms))
    await csms.is_ready(within_s=60)
    took_s.append(await answers(csms))
    assert len(took_s) == 4
    assert max(took_s) < 1


@pytest.mark.parametrize("silent", ["Authorize", STATES, "a transaction message"])
async def test_a_call_is_answered_while_the_station_waits_for_an_answer_itself(
    world: World, bench: Bench, csms: Desk, silent: str
) -> None:
    await world.start()
    slow = TRANSACTION_MESSAGES if silent == "a transaction message" else {silent}
    hook = csms.csms.misbehave(answer_late(8, slow, 1))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.until(lambda: hook.count, "the CALL that is answered late")
    await world.pass_s(1)
    assert await answers(csms) < 1
    await world.energy_flows(within_s=60)
    await csms.sees_start()


@pytest.mark.parametrize("version", [V201])
async def test_a_call_is_answered_after_a_day(
    world: World, csms: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A day of an idle station is short if lease, meter, guard and contactor are looked at rarely.
    monkeypatch.setattr(evse, "RENEWAL_S", 600.0)
    monkeypatch.setattr(meter_watch, "METER_POLL_S", 600.0)
    monkeypatch.setattr(board, "RESTING_S", 60.0)
    monkeypatch.setattr(board, "CALM_S", 60.0)
    world.looks_every_s = 60.0
    await world.start({HEARTBEAT: "300"})
    for _ in range(4):
        await world.pass_s(6 * 3600)
        assert await answers(csms) < 1
    assert csms.station.connections == 1


# --- 5: several CALLs in flight.


def most_in_flight(frames: Iterable[FrameRecord]) -> int:
    """Return how many CALLs of the station were outstanding at the same time."""
    outstanding: set[str | None] = set()
    most = 0
    for record in frames:
        frame = parse(record.text)
        if record.direction is Direction.FROM_STATION and isinstance(frame, Call):
            outstanding.add(frame.message_id)
            most = max(most, len(outstanding))
        elif record.direction is Direction.TO_STATION and isinstance(frame, CallResult | CallError):
            outstanding.discard(frame.message_id)
    return most


async def test_whatever_happens_at_one_instant_is_one_call_after_the_other(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AlignedDataCtrlr.Interval": "1", **SAMPLED}, evses=2)
    csms.csms.misbehave(answer_late(0.5))
    await asyncio.gather(
        bench.plug_in(1),
        bench.plug_in(2),
        bench.swipe(TOKEN, 1),
        csms.remote_start(OTHER_TOKEN, 2),
        csms.station.trigger("Heartbeat"),
        csms.station.trigger(STATES, 1),
        csms.gets(HEARTBEAT),
    )
    await world.energy_flows(1)
    await world.energy_flows(2)
    await bench.fault("over_temperature", 2)
    await world.pass_s(5)
    await bench.repair("over_temperature", 2)
    await world.pass_s(30)
    assert most_in_flight(csms.station.frames) == 1
    csms.csms.behave()
    assert await csms.sets("AlignedDataCtrlr.Interval", "0") == "Accepted"
    for transaction in list(csms.station.transactions.values()):
        assert (await csms.station.remote_stop(transaction)).accepted
    await csms.sees_end("Remote", 1, within_s=90)
    await csms.sees_end("Remote", 2, within_s=90)


# --- 6: no status, or a stale one, after a reconnect or a trigger.


async def available(_world: World, _bench: Bench, _csms: Desk) -> str:
    return "Available"


async def preparing(_world: World, bench: Bench, _csms: Desk) -> str:
    await bench.plug_in()
    return "Preparing"


async def charging(world: World, _bench: Bench, _csms: Desk) -> str:
    await world.charges()
    return "Charging"


async def suspended(world: World, bench: Bench, _csms: Desk) -> str:
    await world.charges()
    await bench.car_pauses()
    return "SuspendedEV"


async def finishing(world: World, bench: Bench, csms: Desk) -> str:
    await world.charges()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    return "Finishing"


async def faulted(_world: World, bench: Bench, _csms: Desk) -> str:
    await bench.fault("over_temperature")
    return "Faulted"


async def unavailable(_world: World, _bench: Bench, csms: Desk) -> str:
    assert (await csms.station.change_availability(False, 1)).accepted
    return "Unavailable"


STATES_OF_AN_EVSE = (*(available, preparing, charging, suspended, finishing, faulted, unavailable),)


@pytest.mark.requirement("B04.FR.01", "S16-STAT-10")
@pytest.mark.parametrize("state", STATES_OF_AN_EVSE, ids=lambda state: state.__name__)
async def test_every_state_is_told_truly_after_a_reconnect_and_when_asked_for(
    world: World, bench: Bench, csms: Desk, state: Callable[[World, Bench, Desk], Awaitable[str]]
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "900", **SAMPLED}, evses=2)
    word = await state(world, bench, csms)
    await csms.sees_status(word)
    await csms.goes_down()
    csms.station.statuses.clear()
    before = len(csms.actions_received())
    await world.pass_s(200)
    await csms.comes_back()
    true = word if csms.is_16 else STATUS_OF_2X.get(word, word)
    await csms.sees_status(word, within_s=90)
    await world.pass_s(3)
    station = {(0, 0): "Available"} if csms.is_16 else {}
    assert csms.station.statuses == {(1, 1): true, (2, 1): "Available", **station}
    told = csms.actions_received()[before:]
    assert told[: len(csms.station.statuses)] == [STATES] * len(csms.station.statuses)
    csms.station.statuses.clear()
    assert (await csms.station.trigger(STATES, 1)).status == "Accepted"
    await csms.sees_status(word)


# --- 7: stuck until the cable is pulled.


async def test_a_car_is_started_and_stopped_remotely_with_the_cable_in(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    for number in (1, 2, 3):
        assert (await csms.remote_start()).accepted
        await world.energy_flows()
        await csms.sees_start(number)
        await world.pass_s(20)
        assert (await csms.remote_stop()).accepted
        await csms.sees_end("Remote", number)
        await csms.sees_status("Finishing")
        await world.pass_s(12)


@pytest.mark.parametrize("remotely", [False, True])
async def test_a_cable_that_waited_in_vain_can_still_be_used(
    world: World, bench: Bench, csms: Desk, *, remotely: bool
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "20"})
    await bench.plug_in()
    await csms.sees_status("Preparing")
    await world.pass_s(60)
    if remotely:
        assert (await csms.remote_start()).accepted
    else:
        await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()


# --- 8: a limit that is accepted and not applied.


APPLIED_WITHIN_S = 6.0
"""An EV has five seconds to follow a duty cycle before the next one (IEC 61851-1)."""


async def test_the_least_limit_is_on_the_pilot_and_is_never_exceeded(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    allowed_a, since_s = 32.0, now_s()
    too_much: list[str] = []

    async def watch() -> None:
        while not transaction.ended:
            await asyncio.sleep(0.2)
            offered_a = bench.offered_a()
            if offered_a > allowed_a + 0.1 and now_s() - since_s > APPLIED_WITHIN_S:
                too_much.append(f"{offered_a} A where {allowed_a} A are allowed")

    world.spawn(watch())
    limits: dict[str, float] = {}
    for purpose, limit_a in (
        ("TxDefaultProfile", 20.0),
        ("TxProfile", 25.0),
        ("ChargingStationMaxProfile", 16.0),
        ("TxProfile", 10.0),
        ("ChargingStationMaxProfile", 8.0),
        ("TxProfile", 0.0),
        ("TxProfile", 12.0),
        ("ChargingStationMaxProfile", 0.0),
        ("ChargingStationMaxProfile", 9.0),
        ("TxProfile", 7.0),
    ):
        limits[purpose] = limit_a
        of_the_car_a = limits.get("TxProfile", limits.get("TxDefaultProfile", 32.0))
        expected_a = min(of_the_car_a, limits.get("ChargingStationMaxProfile", 32.0))
        assert (await csms.limits(limit_a, purpose)).accepted
        allowed_a, since_s = expected_a, now_s()
        if expected_a < 6:
            await world.energy_ceases(within_s=10)
            await csms.sees_status("SuspendedEVSE")
            await world.pass_s(20)
            assert not bench.plant().contactor_closed
        else:
            await world.until(
                lambda a=expected_a: bench.offered_a() == a,
                f"{expected_a} A",
                within_s=APPLIED_WITHIN_S,
            )
            await world.energy_flows()
            await world.until(lambda a=expected_a: bench.current_a() == a, "the car to follow")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert too_much == []


# --- 9: stack levels and units that are advertised and refused.


async def advertised(csms: Desk, name_in_2x: str, key_of_16: str) -> str:
    if csms.is_16:
        value = (await csms.station.get_configuration([key_of_16]))[key_of_16]
    else:
        value = await csms.gets(f"SmartChargingCtrlr.{name_in_2x}")
    assert value
    return value


async def test_what_is_advertised_of_charging_profiles_is_accepted_and_no_more(
    world: World, csms: Desk
) -> None:
    await world.start()
    level = int(await advertised(csms, "ProfileStackLevel", "ChargeProfileMaxStackLevel"))
    periods = int(await advertised(csms, "PeriodsPerSchedule", "ChargingScheduleMaxPeriods"))
    units = await advertised(csms, "RateUnit", "ChargingScheduleAllowedChargingRateUnit")
    words = {"Current": "A", "Power": "W", "A": "A", "W": "W"}
    assert {words[unit] for unit in units.split(",")} == {"A", "W"}

    async def status(profile: dict[str, object]) -> str:
        return str((await csms.call("SetChargingProfile", profile))["status"])

    for unit in units.split(","):
        assert await status(csms.profile(8_000, unit=words[unit], stack_level=level)) == "Accepted"
    for good_level in (0, level):
        assert await status(csms.profile(10, stack_level=good_level)) == "Accepted"
    assert await status(csms.profile(10, stack_level=level + 1)) == "Rejected"
    steps = [(60 * n, 10.0 + n % 2) for n in range(1, periods + 1)]
    assert await status(csms.profile(10, *steps[:-1])) == "Accepted"
    if csms.is_16:
        assert await status(csms.profile(10, *steps)) == "Rejected"
        return
    with pytest.raises(StationRefusedCall, match=f"{periods}"):
        await status(csms.profile(10, *steps))


async def test_as_many_profiles_as_advertised_are_installed_and_no_more(
    world: World, csms: Desk
) -> None:
    await world.start()
    if csms.is_16:
        found = await csms.station.get_configuration(["MaxChargingProfilesInstalled"])
        most = int(str(found["MaxChargingProfilesInstalled"]))
    else:
        most = int(str(await most_entries(csms)))
    for number in range(most):
        made = await csms.sets_profile(10, number=number + 1, stack_level=number)
        assert made == "Accepted", number
    station = {"number": most + 1, "evse": 0, "purpose": "ChargingStationMaxProfile"}
    assert await csms.sets_profile(10, **station) == "Rejected"
    # One that takes the place of another needs no room.
    assert await csms.sets_profile(11, number=most, stack_level=most - 1) == "Accepted"
    assert await csms.clears_profile(1) == "Accepted"
    assert await csms.sets_profile(10, **station) == "Accepted"


async def most_entries(csms: Desk) -> object:
    """Return how many profiles the report of the device model says may be installed."""
    component = {"component": {"name": "SmartChargingCtrlr"}}
    wanted = {"requestId": 5, "componentVariable": [component]}
    assert (await csms.call("GetReport", wanted))["status"] == "Accepted"
    await csms.sees("NotifyReport")
    told = [data for call in csms.calls("NotifyReport") for data in call.payload["reportData"]]
    return next(
        data["variableCharacteristics"]["maxLimit"]
        for data in told
        if (data["variable"]["name"], data["variable"].get("instance"))
        == ("Entries", "ChargingProfiles")
    )


# --- 10: configuration that bites back.

LISTS = (
    "SampledDataCtrlr.TxUpdatedMeasurands",
    "SampledDataCtrlr.TxEndedMeasurands",
    "AlignedDataCtrlr.Measurands",
)
LISTS_IN_2X = (
    *LISTS,
    "SampledDataCtrlr.TxStartedMeasurands",
    "AlignedDataCtrlr.TxEndedMeasurands",
)
EVERY_MEASURAND = (
    *("Energy.Active.Import.Register", "Power.Active.Import", "Power.Offered", "Current.Import"),
    *("Current.Offered", "Voltage", "Frequency"),
)
MAY_REFUSE_WHAT_IT_IS = {"SecurityCtrlr.SecurityProfile", "SecurityProfile"}


async def settable(csms: Desk) -> dict[str, str]:
    """Return everything that the CSMS may write and read, with its value."""
    if csms.is_16:
        answer = await csms.call("GetConfiguration", {})
        entries = [e for e in answer["configurationKey"] if not e["readonly"]]
        return {e["key"]: e["value"] for e in entries if "value" in e}
    report = await csms.station.get_base_report("ConfigurationInventory")
    assert report is not None
    return {name: value for name, value in report.values.items() if value is not None}


async def set_by_name(csms: Desk, name: str, value: str) -> str:
    if csms.is_16:
        return (await csms.station.change_configuration(name, value)).status
    return (await csms.station.set_variables({name: value}))[0].status


async def test_every_value_that_can_be_read_can_be_written_back(world: World, csms: Desk) -> None:
    await world.start()
    before = await settable(csms)
    assert len(before) >= 20
    for name, value in before.items():
        status = await set_by_name(csms, name, value)
        if name not in MAY_REFUSE_WHAT_IT_IS and status != "Rejected":
            assert status in ("Accepted", "RebootRequired"), f"{name} = {value}: {status}"
    assert await settable(csms) == before
    await world.pass_s(30)
    assert (world.machine.starts, len(csms.station.boots)) == (1, 1)


async def test_a_list_is_taken_exactly_or_not_at_all(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    for name in LISTS if csms.is_16 else LISTS_IN_2X:
        for good in (",".join(EVERY_MEASURAND), "Voltage", "Frequency,Voltage,Current.Import"):
            assert await csms.sets(name, good) == "Accepted", (name, good)
            assert await csms.gets(name) == good
        for bad in ("Voltage,Nonsense", "SoC,Voltage", "Voltage,,Frequency", "voltage ,Frequency"):
            status = await csms.sets(name, bad)
            told = await csms.gets(name)
            assert told == (bad if status == "Accepted" else good), (name, bad, status)
            assert status == "Rejected" or "Nonsense" not in bad
            assert status == "Rejected" or "SoC" not in bad
            assert await csms.sets(name, good) == "Accepted"
    await world.pass_s(10)
    assert (world.machine.starts, len(csms.station.boots)) == (1, 1)
    world.bills_exactly = csms.is_16
    await world.charges()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await csms.sees_end()


# --- 11: a register that jumps, resets, or means "this session". A jump within a session is in
# test_meter_values: test_a_register_that_jumps_in_a_session_is_not_billed.


@pytest.mark.requirement("J02.FR.16", "J02.FR.17")
async def test_the_register_is_that_of_the_meters_life_over_sessions_and_outages(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**SAMPLED, "SampledDataCtrlr.TxEndedInterval": "15"})
    for number, outage in ((1, world.machine.restart), (2, world.machine.lose_power)):
        await world.charges()
        await world.pass_s(35)
        csms.station.expect_boot()
        await outage()
        await csms.is_ready(within_s=60)
        if number == 1:
            await world.pass_s(30)
            await bench.swipe(TOKEN)
        await csms.sees_end("Local" if number == 1 else "PowerLoss", number)
        await bench.unplug()
        await world.pass_s(15)
    first, second = csms.station.transactions.values()
    for transaction in (first, second):
        for event in transaction.events:
            contexts = {sample.context for sample in event.reading.samples}
            if event.event_type is not EventType.ENDED:
                assert len(contexts) <= 1, "a begin value beside a periodic one"
        for sample in transaction.samples:
            phased = sample.measurand in ("Current.Import", "Voltage")
            assert (sample.phase is not None) is phased
        totals = sorted((s for s in transaction.samples if s.is_total_register), key=lambda s: s.at)
        assert len(totals) >= 4
        assert all(a.value <= b.value for a, b in pairwise(totals))
        signed_pair_is_valid(transaction)
    assert first.begin_wh is not None
    assert first.begin_wh > 1_000, "not counted from zero in each session"
    assert first.end_wh is not None
    assert second.begin_wh is not None
    assert 0 <= second.begin_wh - first.end_wh <= 1


# --- 12: time.


@pytest.mark.requirement("B01.FR.06", "G02.FR.06")
@pytest.mark.parametrize("wrong_by", [timedelta(days=-20_000), timedelta(days=400)])
@pytest.mark.parametrize("ends", ["offline", "online"])
async def test_what_happened_before_the_time_was_known_is_dated_right_when_it_is_told(
    world: World, bench: Bench, csms: Desk, wrong_by: timedelta, ends: str
) -> None:
    world.machine.clock = lambda: world.clock_wrong_by(wrong_by)
    csms.csms.misbehave(refuse_handshake(HTTPStatus.SERVICE_UNAVAILABLE))
    await world.power_up({**ANYBODY, **SAMPLED, "SampledDataCtrlr.TxEndedInterval": "20"})
    await world.pass_s(20)
    begun = utc_now()
    await world.charges_unseen()
    await world.pass_s(50)
    if ends == "offline":
        await bench.swipe(TOKEN)
        await world.energy_ceases()
    ended = utc_now()
    csms.csms.behave()
    await csms.is_ready(within_s=120)
    if ends == "online":
        await csms.sees_start()
        await world.pass_s(30)
        await bench.swipe(TOKEN)
        ended = utc_now()
    transaction = await csms.sees_end("Local", within_s=60)
    assert transaction.started_at is not None
    assert transaction.ended_at is not None
    assert abs(at_s(transaction.started_at) - at_s(begun)) < 5
    assert abs(at_s(transaction.ended_at) - at_s(ended)) < 5
    told = [event.at for event in transaction.events]
    told += [sample.at for sample in transaction.samples]
    assert all(at_s(begun) - 1 < at_s(moment) < at_s(utc_now()) for moment in told)
    for event in transaction.events:
        instants = [sample.at for sample in event.reading.samples]
        assert instants == sorted(instants)


@pytest.mark.requirement("B01.FR.06", "G02.FR.06")
@pytest.mark.parametrize("wrong_by", [timedelta(days=-2), timedelta(days=2)])
@pytest.mark.parametrize("interruption", ["restart", "power cut"])
async def test_what_was_dated_right_stays_so_after_a_restart_that_forgets_the_time(
    world: World, csms: Desk, wrong_by: timedelta, interruption: str
) -> None:
    world.machine.clock = lambda: world.clock_wrong_by(wrong_by)
    await world.power_up({**ANYBODY, **SAMPLED, "SampledDataCtrlr.TxEndedInterval": "20"})
    await csms.is_ready()
    begun = utc_now()
    transaction = await world.charges()
    await world.charge_s(50)
    if interruption == "restart":
        await world.machine.restart()
        await csms.is_ready(within_s=120)
        await world.charge_s(30)
        await world.bench.swipe(TOKEN)
        await csms.sees_end("Local")
    else:
        await world.machine.lose_power()
        await csms.sees_end("PowerLoss", within_s=240)
    told = [event.at for event in transaction.events]
    told += [sample.at for sample in transaction.samples]
    assert told
    assert all(at_s(begun) - 1 < at_s(moment) <= at_s(utc_now()) for moment in told)
    (first, *_), ended = transaction.events, transaction.events[-1]
    assert ended.reading.samples[0].at - first.at < timedelta(seconds=2), "the begin value"


# --- 13: breaches of schema and length, and blind retries. Every message of every story is checked
# against the official schemas by the demo CSMS; here the longest words that may be configured.


def configured(machine: InProcessMachine, **station: str) -> None:
    text = machine.config.read_text(encoding="utf-8")
    for key, value in station.items():
        before = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
        text = text.replace(before, f'{key} = "{value}"')
    machine.config.write_text(text, encoding="utf-8")


async def test_the_longest_words_fit_into_every_message(
    world: World, bench: Bench, csms: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = world.machine.configure

    def longest(*args: object, **options: object) -> None:
        plain(*args, **options)  # type: ignore[arg-type]
        words = {"vendor": "V" * 20, "model": "M" * 20, "serial_number": "S" * 25}
        configured(world.machine, firmware_version="F" * 50, **words)

    monkeypatch.setattr(world.machine, "configure", longest)
    await world.start(
        {**SAMPLED, "SampledDataCtrlr.TxUpdatedMeasurands": ",".join(EVERY_MEASURAND)}
    )
    boot = csms.station.boots[0].facts
    assert (boot.vendor, boot.model, boot.serial_number) == ("V" * 20, "M" * 20, "S" * 25)
    await world.charges("04A1B2C3D4E5F6")
    await world.pass_s(25)
    await bench.swipe("04A1B2C3D4E5F6")
    await csms.sees_end("Local")


@pytest.mark.parametrize(
    ("key", "value"),
    [("serial_number", "S" * 26), ("vendor", ""), ("vendor", "V" * 21), ("model", "M" * 21)],
)
async def test_words_that_no_boot_notification_can_hold_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    machine = InProcessMachine(tmp_path, monkeypatch)
    machine.configure("ws://127.0.0.1:1/", (V16,))
    assert load(machine.config)
    configured(machine, **{key: value})
    with pytest.raises(ConfigError, match=key):
        load(machine.config)


async def test_a_boot_that_is_refused_is_tried_again_ever_more_rarely(
    world: World, csms: Desk
) -> None:
    asked_s: list[float] = []

    def note(_call: Call, plan: Plan) -> Plan:
        asked_s.append(now_s())
        return plan

    csms.csms.misbehave(CallHook(note, {"BootNotification"}))
    csms.csms.misbehave(answer_call_error("FormationViolation", {"BootNotification"}, 5))
    await world.power_up()
    await csms.is_ready(within_s=3_600)
    gaps_s = [b - a for a, b in pairwise(asked_s)]
    assert len(gaps_s) == 5
    assert gaps_s[0] >= 30
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(gaps_s))


# --- 14: reconnecting.

BACK_OFF = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "4",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "3",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "3",
}


class Refusals:
    """Refuses so many handshakes and notes when they came."""

    def __init__(self, status: HTTPStatus, times: int) -> None:
        self.status = status
        self.times = times
        self.at_s: list[float] = []

    def on_call(self, _call: Call, plan: Plan) -> Plan:
        return plan

    def on_handshake(self, _identity: str, plan: HandshakePlan) -> HandshakePlan:
        self.at_s.append(now_s())
        return plan if len(self.at_s) > self.times else HandshakePlan(refuse_status=self.status)


@pytest.mark.requirement("B10.FR.09", "S16-CONN-03")
@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_refused_handshakes_are_tried_again_with_growing_waits_up_to_a_bound(
    world: World, csms: Desk, status: int
) -> None:
    refusals = csms.csms.misbehave(Refusals(HTTPStatus(status), 7))
    await world.power_up(BACK_OFF)
    await csms.is_ready(within_s=600)
    waits_s = [b - a for a, b in pairwise(refusals.at_s)]
    bases_s = [4, 8, 16, 32, 32, 32, 32]
    assert len(waits_s) == len(bases_s)
    for wait_s, base_s in zip(waits_s, bases_s, strict=True):
        assert base_s - 0.1 <= wait_s <= base_s + 3.2
    assert len({round(wait_s, 2) for wait_s in waits_s[3:]}) > 1, "no jitter"


@pytest.mark.requirement("S16-CONN-03", "S16-CONN-19")
@pytest.mark.parametrize("loss", ["RST", "FIN", "black hole", "closed port"])
async def test_a_connection_that_is_lost_comes_back_and_the_session_goes_on(
    world: World, bench: Bench, csms: Desk, loss: str
) -> None:
    await world.start({**SAMPLED, **BACK_OFF, "OCPPCommCtrlr.RetryBackOffWaitMinimum": "1"})
    await world.charges()
    lost_s = now_s()
    if loss == "RST":
        csms.station.drop()
    elif loss == "FIN":
        csms.csms.misbehave(end_connection(Ending.CLOSE))
    elif loss == "black hole":
        csms.csms.misbehave(never_answer(record=False))
        await world.pass_s(45)
        csms.csms.behave()
    else:
        await csms.goes_down()
        await world.pass_s(45)
        await csms.comes_back()
    handshakes = csms.csms.misbehave(Refusals(HTTPStatus.OK, 0))
    await csms.until(lambda: csms.station.connections == 2, "the reconnect", within_s=120)
    if loss in ("RST", "FIN"):
        assert handshakes.at_s[0] - lost_s >= 1
    await world.pass_s(25)
    assert bench.is_delivering()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=90)


# --- 15: faulted, or stopped as is told, and still charging.


def reports_an_end(call: Call) -> bool:
    """Tell whether a message says that no energy flows at EVSE 1 any more."""
    payload = call.payload
    if call.action == STATES:
        place = payload.get("connectorId") if "status" in payload else payload.get("evseId")
        return place == 1 and "Faulted" in (payload.get("status"), payload.get("connectorStatus"))
    return call.action == "StopTransaction" or payload.get("eventType") == "Ended"


async def ends_by(end: str, bench: Bench, csms: Desk) -> None:
    match end:
        case "local":
            await bench.swipe(TOKEN)
        case "remote":
            assert (await csms.remote_stop()).accepted
        case "unplugged":
            await bench.unplug()
        case "reset":
            assert (await csms.station.reset("Immediate")).accepted
        case "refused":
            pass
        case fault:
            await bench.fault(fault)


@pytest.mark.parametrize(
    "end",
    [
        *("rcd", "estop", "over_temperature", "over_current", "pe", "diode", "meter_lost"),
        *("local", "remote", "unplugged", "reset", "refused"),
    ],
)
async def test_no_energy_flows_once_a_fault_or_an_end_is_told(
    world: World, bench: Bench, csms: Desk, end: str
) -> None:
    reports: list[bool] = []

    def look(call: Call, plan: Plan) -> Plan:
        if reports_an_end(call):
            reports.append(bench.plant().contactor_closed)
        return plan

    await world.start({**SAMPLED, **ANYBODY})
    csms.csms.misbehave(CallHook(look))
    if end == "refused":
        await csms.goes_down()
        await world.charges_unseen()
        csms.knows(_DEADBEEF=AuthorizationStatus.BLOCKED)
        await csms.comes_back()
    else:
        await world.charges()
    await world.pass_s(15)
    await ends_by(end, bench, csms)
    await csms.until(lambda: reports, "the report", within_s=90)
    await world.pass_s(20)
    assert not any(reports)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("S16-STAT-01")
@pytest.mark.parametrize("evidence", ["the mirror contact", "the meter"])
async def test_a_contactor_that_conducts_though_it_should_be_open_is_told(
    world: World, bench: Bench, csms: Desk, evidence: str
) -> None:
    await world.start()
    await world.charges()
    await world.pass_s(10)
    if evidence == "the mirror contact":
        await bench.fault("contactor_welded")
    await bench.swipe(TOKEN)
    await csms.sees_end()
    world.bills_exactly = False
    if evidence == "the meter":
        await bench.unplug()
        await world.pass_s(30)
        assert csms.station.statuses[1, 1] == "Available"
        register_wh = 2_000_000.0
        for _ in range(15):
            register_wh += 3
            await bench.operate("meter", evse=1, energy_wh=register_wh)
            await world.pass_s(1)
    await csms.sees_status("Faulted")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(10)
    assert len(csms.station.transactions) == 1
