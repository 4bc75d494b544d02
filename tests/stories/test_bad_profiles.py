"""Stories of profiles with numbers that cannot be: each is refused, and nothing changes."""

import json
from collections.abc import Callable

import pytest

from agent.sim.csms_link import StationRefusedCall
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, frames_from_station
from tests.stories.world import World

PLACE = 987_654
"""Stands in a message for a text that no JSON writer would write."""
DAY_S = 86_400
Wrong = Callable[[Desk], Payload]

NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "0x10", "10,0")
WRONG: dict[str, Wrong] = {
    "a limit below zero": lambda csms: csms.profile(-0.1),
    "a limit that is a text": lambda csms: csms.profile("10"),  # type: ignore[arg-type]
    "ten thousand periods": lambda csms: csms.profile(8, *((n, 8.0) for n in range(1, 10_000))),
    "periods out of order": lambda csms: csms.profile(8, (60, 7.0), (30, 6.0)),
    "two periods at once": lambda csms: csms.profile(8, (60, 7.0), (60, 6.0)),
    "a period before the start": lambda csms: csms.profile(8, (-60, 7.0)),
    "a first period before the start": lambda csms: first_at(csms.profile(8), -60),
    "a first period that is late": lambda csms: first_at(csms.profile(8), 60),
    "a duration below zero": lambda csms: csms.profile(8, duration_s=-1),
    "a stack level below zero": lambda csms: csms.profile(8, stack_level=-1),
    "a least rate below zero": lambda csms: csms.profile(8, in_schedule={"minChargingRate": -1}),
    "no phase": lambda csms: with_phases(csms.profile(8), 0),
    "four phases": lambda csms: with_phases(csms.profile(8), 4),
    "a validity that ends before it begins": lambda csms: csms.profile(
        8, validFrom="2026-03-02T08:00:00Z", validTo="2026-03-02T07:00:00Z"
    ),
    "a date that is none": lambda csms: csms.profile(8, start="yesterday"),
    "an EVSE below zero": lambda csms: csms.profile(8, evse=-1),
}


def with_phases(order: Payload, phases: int) -> Payload:
    first_period(order)["numberPhases"] = phases
    return order


def first_at(order: Payload, start_s: int) -> Payload:
    first_period(order)["startPeriod"] = start_s
    return order


def first_period(order: Payload) -> Payload:
    profile = order.get("csChargingProfiles") or order["chargingProfile"]
    schedule = profile["chargingSchedule"]
    first = schedule if isinstance(schedule, dict) else schedule[0]
    period: Payload = first["chargingSchedulePeriod"][0]
    return period


@pytest.mark.parametrize("version", [V21])
@pytest.mark.requirement("K01.FR.34")
async def test_the_longest_profile_that_may_be_set_is_taken(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await bench.operate("needs", energy_wh=20_000, max_schedules=3)
    await csms.sees("NotifyEVChargingNeeds")
    order = csms.profile(8, purpose="TxProfile", transactionId=transaction.transaction_id)
    (schedule,) = order["chargingProfile"]["chargingSchedule"]
    schedule["chargingSchedulePeriod"] = [
        {
            "startPeriod": n * 84,
            "limit": 16.5 + n % 2,
            "numberPhases": 3,
            "operationMode": "ChargingOnly",
        }
        for n in range(1024)
    ]
    order["chargingProfile"]["chargingSchedule"] = [schedule | {"id": n} for n in (1, 2, 3)]
    assert len(json.dumps(order)) > 250_000
    assert (await csms.call("SetChargingProfile", order))["status"] == "Accepted"
    await world.until(lambda: bench.offered_a() == 16.5, "its first period", within_s=6)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


def is_refusal(answer: list[object], message_id: str) -> bool:
    """Tell whether a frame refuses a call; one that is no JSON may be refused without its id."""
    match answer:
        case [4, str(told), *_]:
            return told in {message_id, "-1", ""}
        case [3, str(told), {"status": "Rejected"}]:
            return told == message_id
        case _:
            return False


async def is_as_before(world: World, bench: Bench, csms: Desk) -> None:
    await world.pass_s(6)
    assert bench.offered_a() == 12.0
    assert [period["limit"] for period in await csms.composite(DAY_S)] == [12]
    if not csms.is_16:
        (page,) = await csms.reported_profiles(chargingLimitSource=["CSO"])
        (profile,) = page["chargingProfile"]
        (schedule,) = profile["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 12}]


@pytest.mark.requirement("K01.FR.31", "K01.FR.35")
async def test_a_profile_that_cannot_be_is_refused_and_changes_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(12) == "Accepted"
    await world.until(lambda: bench.offered_a() == 12.0, "the limit", within_s=6)
    for what, wrong in WRONG.items():
        try:
            status = (await csms.call("SetChargingProfile", wrong(csms)))["status"]
        except StationRefusedCall:
            status = "Rejected"
        assert status == "Rejected", what
    await is_as_before(world, bench, csms)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_what_is_no_number_at_all_is_refused_and_changes_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(12) == "Accepted"
    await world.until(lambda: bench.offered_a() == 12.0, "the limit", within_s=6)
    order = json.dumps(csms.profile(PLACE))
    for number, text in enumerate(NO_NUMBERS):
        before = len(frames_from_station(csms.station))
        frame = f'[2,"bad-{number}","SetChargingProfile",{order.replace(str(PLACE), text)}]'
        csms.station.send_raw(frame)
        await world.pass_s(1)
        answers = map(json.loads, frames_from_station(csms.station)[before:])
        refusals = [a for a in answers if is_refusal(a, f"bad-{number}")]
        assert len(refusals) == 1, text
    csms.tolerated.append(lambda fault: "never asked" in fault.message)
    await is_as_before(world, bench, csms)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_duration_that_cannot_be_planned_is_answered_and_harms_nobody(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(12) == "Accepted"
    await world.until(lambda: bench.offered_a() == 12.0, "the limit", within_s=6)
    place = {"connectorId": 1} if csms.is_16 else {"evseId": 1}
    for duration in (2**31 - 1, 2**63, 10**30, 0, -1, 1.5, "60"):
        try:
            answer = await csms.call("GetCompositeSchedule", {**place, "duration": duration})
        except StationRefusedCall:
            continue
        assert isinstance(duration, int), duration
        schedule = answer.get("chargingSchedule" if csms.is_16 else "schedule")
        if answer["status"] == "Accepted":
            assert 0 <= schedule["duration"] <= max(duration, 0)
    await is_as_before(world, bench, csms)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_remote_start_with_a_profile_that_cannot_be_starts_nobody(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.plug_in()
    for what, wrong in WRONG.items():
        order = wrong(csms)
        place = order.pop("connectorId", order.pop("evseId", None))
        if place == -1:
            continue
        body = next(iter(order.values())) | {"chargingProfilePurpose": "TxProfile"}
        if csms.is_16:
            request = {"connectorId": 1, "idTag": TOKEN, "chargingProfile": body}
        else:
            token = {"idToken": TOKEN, "type": "ISO14443"}
            request = {"evseId": 1, "remoteStartId": 7, "idToken": token, "chargingProfile": body}
        action = "RemoteStartTransaction" if csms.is_16 else "RequestStartTransaction"
        try:
            status = (await csms.call(action, request))["status"]
        except StationRefusedCall:
            status = "Rejected"
        assert status == "Rejected", what
    await world.pass_s(10)
    assert not bench.is_delivering()
    assert bench.offered_a() == 0.0


@pytest.mark.parametrize("version", [V21])
async def test_an_update_that_is_no_number_is_refused_and_changes_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(12, kind="Dynamic") == "Accepted"
    await world.until(lambda: bench.offered_a() == 12.0, "the limit", within_s=6)
    for number, text in enumerate((*NO_NUMBERS, "-0.1", '"10"', "null")):
        before = len(frames_from_station(csms.station))
        update = f'{{"chargingProfileId":77,"scheduleUpdate":{{"limit":{text}}}}}'
        csms.station.send_raw(f'[2,"bad-{number}","UpdateDynamicSchedule",{update}]')
        await world.pass_s(1)
        answers = map(json.loads, frames_from_station(csms.station)[before:])
        assert len([a for a in answers if is_refusal(a, f"bad-{number}")]) == 1, text
    csms.tolerated.append(lambda fault: "never asked" in fault.message)
    await is_as_before(world, bench, csms)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
