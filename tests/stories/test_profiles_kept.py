"""Stories of profiles that outlive the daemon, and of what the station says about that (K01)."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

PERSISTENCE = "SmartChargingCtrlr.ChargingProfilePersistence[{}]"


async def purposes_told(csms: Desk) -> list[str]:
    return sorted(
        profile["chargingProfilePurpose"]
        for page in await csms.reported_profiles(chargingLimitSource=["CSO", "EMS", "Other"])
        for profile in page["chargingProfile"]
    )


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.requirement("K01.FR.27", "K01.FR.55")
async def test_every_profile_outlives_the_daemon_and_21_says_so(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    purposes = ["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
    if csms.version == V21:
        purposes += ["PriorityCharging", "LocalGeneration"]
    for number, purpose in enumerate(purposes, 1):
        evse = int(purpose in {"TxDefaultProfile", "TxProfile"})
        profile = {"purpose": purpose, "number": number, "evse": evse}
        assert await csms.sets_profile(20 - number, **profile) == "Accepted"
    await bench.limits_on_site(16.5, source="EMS")
    await world.until(lambda: bench.offered_a() == 16.5, "the limit on site")
    before = await purposes_told(csms)
    assert len(before) == len(purposes) + 1

    await world.machine.restart()
    await csms.is_ready(within_s=60)

    assert await purposes_told(csms) == before
    await world.until(lambda: bench.offered_a() == 16.5, "the limit on site again")
    for purpose in ("TxProfile", "LocalGeneration", "ChargingStationExternalConstraints"):
        told = await csms.gets(PERSISTENCE.format(purpose))
        assert told == ("true" if csms.version == V21 else None)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.requirement("K01.FR.04", "K02.FR.05")
async def test_a_profile_of_a_transaction_that_power_loss_has_ended_is_gone(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(10, purpose="TxProfile") == "Accepted"
    await world.until(lambda: bench.offered_a() == 10.0, "the limit")
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready()
    await csms.sees_end("PowerLoss")
    assert await purposes_told(csms) == []
