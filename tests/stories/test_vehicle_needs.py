"""Stories of EVs that tell what they need and choose among schedules (K15-K17), in 2.x."""

from typing import Any

import pytest

from agent.sim.csms_model import format_timestamp
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World
from tests.virtual_time import utc_now

pytestmark = pytest.mark.parametrize("version", [V201, V21])

NEEDS: dict[str, Any] = {"energy_wh": 20_000, "max_a": 16, "leaves_in_s": 7200, "max_schedules": 3}


def choice(*watts: int, number: int = 77) -> Payload:
    """Word a SetChargingProfile that leaves an EV the choice."""
    schedules = [
        {
            "id": n,
            "startSchedule": format_timestamp(utc_now()),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amount}],
        }
        for n, amount in enumerate(watts, 1)
    ]
    profile = {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedules,
    }
    return {"evseId": 1, "chargingProfile": profile}


async def sets(csms: Desk, payload: Payload) -> tuple[str, str]:
    answer = await csms.call("SetChargingProfile", payload)
    return answer["status"], answer.get("statusInfo", {}).get("reasonCode", "")


def schedules_told(csms: Desk) -> list[Payload]:
    return [call.payload for call in csms.calls("NotifyEVChargingSchedule")]


async def composite_told(csms: Desk) -> list[tuple[int, float]]:
    order = {"evseId": 1, "duration": 7200, "chargingRateUnit": "W"}
    told = (await csms.call("GetCompositeSchedule", order))["schedule"]
    return [(p["startPeriod"], p["limit"]) for p in told["chargingSchedulePeriod"]]


@pytest.mark.requirement(
    *("K15", "K15.FR.01", "K15.FR.06", "K15.FR.09", "K15.FR.10", "K15.FR.16", "K15.FR.17"),
    *("K15.FR.19", "K15.FR.21", "K15.FR.22", "K16", "K16.FR.01", "K16.FR.02", "K16.FR.03"),
    *("K16.FR.05", "K16.FR.09", "K16.FR.11", "K16.FR.13", "K16.FR.14", "TC_K_53_CS", "TC_K_58_CS"),
)
async def test_an_ev_takes_one_of_the_schedules_and_the_csms_changes_its_mind(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await sets(csms, choice(11_000, 6900)) == ("Rejected", "InvalidMessageSeq")
    csms.answers("NotifyEVChargingNeeds", {"status": "Accepted"})
    await bench.operate("needs", choice=1, **NEEDS)
    needs = (await csms.sees("NotifyEVChargingNeeds")).payload
    assert needs["maxScheduleTuples"] == 3
    assert needs["chargingNeeds"]["acChargingParameters"]["energyAmount"] == 20_000
    actions = csms.actions_received()
    started = next(
        n for n, c in enumerate(csms.calls("TransactionEvent")) if "idToken" in c.payload
    )
    assert started >= 0
    assert actions.index("TransactionEvent") < actions.index("NotifyEVChargingNeeds")
    await world.pass_s(10)
    assert not schedules_told(csms)

    assert await sets(csms, choice(11_000, 6900)) == ("Accepted", "")
    await csms.sees("NotifyEVChargingSchedule")
    handed = bench.plant().conversation.handed
    assert [[step[1] for step in steps] for steps in handed] == [[11_000.0], [6900.0]]
    await world.until(lambda: bench.offered_a() == 10.0, "the second schedule", within_s=6)
    (told,) = schedules_told(csms)
    assert [p["limit"] for p in told["chargingSchedule"]["chargingSchedulePeriod"]] == [6900]
    assert told.get("selectedChargingScheduleId") == (2 if csms.version == V21 else None)

    await world.pass_s(6)
    assert await sets(csms, choice(11_000, 4830)) == ("Accepted", "")
    await world.until(lambda: bench.offered_a() == 7.0, "the lower limit", within_s=1)
    await csms.sees("NotifyEVChargingSchedule", 2)
    assert len(csms.calls("NotifyEVChargingNeeds")) == 1
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("K15.FR.09", "K16.FR.04", "K17", "K17.FR.01", "K17.FR.06", "K17.FR.09", "K17.FR.10"),
    *("K17.FR.14", "K17.FR.16", "K20", "K20.FR.01", "K20.FR.02", "TC_K_57_CS"),
)
async def test_an_ev_tells_other_needs_and_a_plan_of_its_own(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await bench.operate("needs", plan=[[0, 7000], [3600, 3000]], **NEEDS)
    await csms.sees("NotifyEVChargingSchedule")
    periods = schedules_told(csms)[0]["chargingSchedule"]["chargingSchedulePeriod"]
    assert [(p["startPeriod"], p["limit"]) for p in periods] == [(0, 7000), (3600, 3000)]
    # The composite schedule tells what the EV will take; the pilot still says what it may take.
    composite = await composite_told(csms)
    assert composite[0] == (0, 7000)
    assert composite[1][0] == pytest.approx(3600, abs=3)
    assert composite[1][1] == 3000
    assert bench.offered_a() == 32.0
    # Too much is no plan: what is told is what the station allows.
    await bench.operate("needs", plan=[[0, 50_000]], **NEEDS)
    await csms.sees("NotifyEVChargingNeeds", 2)
    await csms.sees("NotifyEVChargingSchedule", 2)
    periods = schedules_told(csms)[1]["chargingSchedule"]["chargingSchedulePeriod"]
    assert [p["limit"] for p in periods] == [32 * 690]
    assert await composite_told(csms) == [(0, 32 * 690)]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K15.FR.04", "K15.FR.05", "K17.FR.15", "TC_K_54_CS")
@pytest.mark.parametrize("status", ["Rejected", "Processing"])
async def test_without_a_profile_the_default_is_what_there_is_to_offer(
    world: World, bench: Bench, csms: Desk, status: str
) -> None:
    await world.start()
    assert (await csms.limits(10)).accepted
    await world.charges()
    csms.answers("NotifyEVChargingNeeds", {"status": status})
    await bench.operate("needs", **NEEDS)
    await csms.sees("NotifyEVChargingSchedule")
    assert [step[1] for step in bench.plant().conversation.handed[0]] == [6900.0]
    if status == "Processing":
        assert await sets(csms, choice(4830)) == ("Accepted", "")
        await csms.sees("NotifyEVChargingSchedule", 2)
        await world.until(lambda: bench.offered_a() == 7.0, "what was promised")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("K15.FR.15", "K15.FR.20", "K17.FR.15", "K17.FR.17", "K20.FR.05", "TC_K_56_CS")
)
async def test_without_connection_the_ev_is_offered_the_default_and_the_csms_hears_later(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert (await csms.limits(10)).accepted
    await world.charges()
    await csms.goes_down()
    await bench.operate("needs", **NEEDS)
    await world.until(lambda: bench.plant().conversation.handed, "an offer")
    assert [step[1] for step in bench.plant().conversation.handed[0]] == [6900.0]
    await world.pass_s(30)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    payload = (await csms.sees("NotifyEVChargingNeeds")).payload
    assert ("timestamp" in payload) is (csms.version == V21)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_the_schedule_that_an_ev_has_taken_holds_over_a_restart(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    csms.answers("NotifyEVChargingNeeds", {"status": "Accepted"})
    await bench.operate("needs", choice=1, **NEEDS)
    await csms.sees("NotifyEVChargingNeeds")
    assert await sets(csms, choice(11_000, 6900)) == ("Accepted", "")
    await world.until(lambda: bench.offered_a() == 10.0, "the second schedule", within_s=10)
    await world.machine.restart()
    await csms.is_ready(within_s=60)
    await world.until(lambda: bench.offered_a() == 10.0, "the second schedule again")
    await world.pass_s(30)
    assert bench.offered_a() == 10.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await world.pass_s(5)
    await world.charges()
    await world.until(lambda: bench.offered_a() == 32.0, "no schedule of the past")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)


async def test_the_needs_of_a_car_that_has_left_are_forgotten(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await bench.operate("needs", **NEEDS)
    await csms.sees("NotifyEVChargingSchedule")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await world.pass_s(5)
    await world.charges()
    assert await sets(csms, choice(11_000, 6900)) == ("Rejected", "InvalidMessageSeq")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)
