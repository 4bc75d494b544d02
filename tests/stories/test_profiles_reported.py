"""Stories of profiles that are asked for, reported and cleared (K09, K10), in 2.x."""

from typing import Any

import pytest

from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V201, V21])


def ids(pages: list[Payload]) -> list[int]:
    return sorted(profile["id"] for page in pages for profile in page["chargingProfile"])


async def some_profiles(csms: Desk) -> None:
    """Install one profile of each purpose, and a limit from outside does the rest."""
    station = {"purpose": "ChargingStationMaxProfile", "number": 1}
    for limit, more in (
        (40, station),
        (20, {"number": 2, "evse": 0, "stack_level": 1}),
        (16, {"number": 3, "evse": 1, "stack_level": 2}),
        (14, {"number": 4, "evse": 1, "stack_level": 3}),
        (12, {"number": 5, "evse": 1, "purpose": "TxProfile"}),
        (10, {"number": 6, "evse": 2}),
    ):
        assert await csms.sets_profile(limit, **more) == "Accepted"


@pytest.mark.requirement(
    *("K09", "K09.FR.01", "K09.FR.02", "K09.FR.04", "K09.FR.05", "K09.FR.06"),
    *("TC_K_29_CS", "TC_K_30_CS", "TC_K_31_CS", "TC_K_32_CS", "TC_K_33_CS", "TC_K_34_CS"),
    *("TC_K_35_CS", "TC_K_36_CS", "TC_K_52_CS", "K11.FR.06", "K12.FR.05"),
)
async def test_profiles_are_reported_by_place_purpose_level_id_and_source(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await world.charges()
    await some_profiles(csms)
    await bench.limits_on_site(30, source="EMS")

    everything = await csms.reported_profiles()
    assert ids(everything) == [-1, 1, 2, 3, 4, 5, 6]
    assert ids(await csms.reported_profiles(0)) == [-1, 1, 2]
    assert ids(await csms.reported_profiles(1)) == [3, 4, 5]
    assert ids(await csms.reported_profiles(2)) == [6]
    assert ids(await csms.reported_profiles(chargingProfileId=[1, 6, 99])) == [1, 6]
    assert ids(await csms.reported_profiles(1, stackLevel=2)) == [3]
    assert ids(await csms.reported_profiles(1, chargingLimitSource=["CSO"])) == [3, 4, 5]
    assert ids(await csms.reported_profiles(1, chargingLimitSource=["EMS"])) == []
    default: Any = {"chargingProfilePurpose": "TxDefaultProfile"}
    assert ids(await csms.reported_profiles(1, **default)) == [3, 4]
    assert ids(await csms.reported_profiles(1, stackLevel=3, **default)) == [4]
    assert ids(await csms.reported_profiles(2, stackLevel=7)) == []

    for page in everything:
        purposes = {p["chargingProfilePurpose"] for p in page["chargingProfile"]}
        outside = purposes == {"ChargingStationExternalConstraints"}
        assert len(purposes) == 1
        assert page["chargingLimitSource"] == ("EMS" if outside else "CSO")
    (transaction,) = [
        profile
        for page in everything
        for profile in page["chargingProfile"]
        if profile["chargingProfilePurpose"] == "TxProfile"
    ]
    running = csms.station.last_transaction
    assert running is not None
    assert transaction["transactionId"] == running.transaction_id
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")
    assert ids(await csms.reported_profiles(1)) == [3, 4]


@pytest.mark.requirement("K09.FR.02")
async def test_long_profiles_come_in_several_messages(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    steps = [(n * 60, 6 + n % 20) for n in range(1, 1024)]
    for number in (1, 2, 3):
        answer = await csms.sets_profile(16, *steps, number=number, stack_level=number)
        assert answer == "Accepted"

    pages = await csms.reported_profiles()

    assert [len(page["chargingProfile"]) for page in pages] == [1, 1, 1]
    assert all(
        len(page["chargingProfile"][0]["chargingSchedule"][0]["chargingSchedulePeriod"]) == 1024
        for page in pages
    )


@pytest.mark.requirement(
    *("K10", "K10.FR.01", "K10.FR.03", "K10.FR.04", "K10.FR.08", "K10.FR.09"),
    *("TC_K_05_CS", "TC_K_06_CS", "TC_K_07_CS", "TC_K_08_CS", "TC_K_24_CS"),
)
async def test_profiles_are_cleared_by_id_or_criteria_but_never_those_from_outside(
    world: World, bench: Bench, csms: Desk
) -> None:
    async def clears(**criteria: object) -> str:
        request = {"chargingProfileCriteria": criteria}
        return str((await csms.call("ClearChargingProfile", request))["status"])

    await world.start(evses=2)
    assert await clears(stackLevel=0) == "Unknown"
    await world.charges()
    await some_profiles(csms)
    await bench.limits_on_site(30)

    assert await csms.clears_profile(99) == "Unknown"
    assert await csms.clears_profile(6) == "Accepted"
    assert await clears(evseId=1, chargingProfilePurpose="TxDefaultProfile") == "Accepted"
    assert ids(await csms.reported_profiles()) == [-1, 1, 2, 5]
    assert await clears(stackLevel=9) == "Unknown"
    assert await clears(chargingProfilePurpose="ChargingStationExternalConstraints") == "Unknown"
    assert await csms.clears_profile(-1) == "Unknown"
    assert await clears(evseId=0) == "Accepted"
    assert ids(await csms.reported_profiles()) == [-1, 5]
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")


@pytest.mark.requirement("K09.FR.01", "K09.FR.02")
async def test_a_report_goes_on_after_a_lost_connection(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await some_profiles_without_transaction(csms)
    request = {"requestId": 5, "chargingProfile": {}}
    assert (await csms.call("GetChargingProfiles", request))["status"] == "Accepted"
    await csms.goes_down()
    await world.pass_s(20)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await csms.until(
        lambda: any(not c.payload["tbc"] for c in csms.calls("ReportChargingProfiles")),
        "the last report",
    )


async def some_profiles_without_transaction(csms: Desk) -> None:
    station = {"purpose": "ChargingStationMaxProfile", "number": 1}
    for limit, more in (
        (40, station),
        (20, {"number": 2, "evse": 1}),
        (9, {"number": 3, "evse": 2}),
    ):
        assert await csms.sets_profile(limit, **more) == "Accepted"
