"""Stories of limits that the CSMS renews all the time (K28, K29), in 2.1."""

from collections.abc import Mapping

import pytest

from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V21])


async def updates(csms: Desk, limit: float, number: int = 77) -> str:
    request: Payload = {"chargingProfileId": number, "scheduleUpdate": {"limit": limit}}
    return str((await csms.call("UpdateDynamicSchedule", request))["status"])


@pytest.mark.requirement(
    *("K28", "K28.FR.05", "K28.FR.06", "K28.FR.09", "K28.FR.11", "K28.FR.13", "K28.FR.14"),
    *("K28.FR.15", "K29", "K29.FR.05"),
)
async def test_an_update_is_followed_at_once_and_holds_for_its_duration(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(20, number=1, kind="Absolute") == "Accepted"
    dynamic = {"kind": "Dynamic", "stack_level": 3, "duration_s": 300}
    assert await csms.sets_profile(16, **dynamic) == "Accepted"
    await world.until(lambda: bench.offered_a() == 16.0, "the dynamic limit", within_s=6)
    await world.pass_s(200)
    assert await updates(csms, 12) == "Accepted"
    await world.until(lambda: bench.offered_a() == 12.0, "the update", within_s=1)
    ((page),) = await csms.reported_profiles(chargingProfileId=[77])
    assert "dynUpdateTime" in page["chargingProfile"][0]
    await world.pass_s(290)
    assert bench.offered_a() == 12.0
    await world.pass_s(15)
    assert bench.offered_a() == 20.0
    assert await updates(csms, 9) == "Accepted"
    await world.until(lambda: bench.offered_a() == 9.0, "it to hold again", within_s=6)
    assert await updates(csms, 10, number=1) == "Rejected"
    assert await updates(csms, 10, number=99) == "Rejected"
    assert await updates(csms, -1) == "Rejected"
    assert bench.offered_a() == 9.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K28.FR.08", "K28.FR.10")
async def test_a_limit_is_asked_for_whenever_its_interval_is_over(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.pass_s(100)
    assert await csms.sets_profile(16, kind="Dynamic", dynUpdateInterval=20) == "Accepted"
    await world.pass_s(15)
    assert not csms.calls("PullDynamicScheduleUpdate")
    csms.answers(
        "PullDynamicScheduleUpdate", {"status": "Accepted", "scheduleUpdate": {"limit": 11}}
    )
    call = await csms.sees("PullDynamicScheduleUpdate", within_s=7)
    assert call.payload == {"chargingProfileId": 77}
    await world.until(lambda: bench.offered_a() == 11.0, "the limit that was told")
    await world.pass_s(10)
    # An update that comes by itself begins the interval anew.
    assert await updates(csms, 14) == "Accepted"
    await world.pass_s(15)
    assert len(csms.calls("PullDynamicScheduleUpdate")) == 1
    await csms.sees("PullDynamicScheduleUpdate", 2, within_s=7)
    csms.csms.behave()
    await world.pass_s(25)
    assert len(csms.calls("PullDynamicScheduleUpdate")) == 3
    assert bench.offered_a() == 11.0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K28.FR.10", "K01.FR.56")
async def test_updates_every_second_are_followed_and_spare_the_disk(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, kind="Dynamic") == "Accepted"
    saved = 0
    store = world.machine.station._f.storage.documents
    change = store.change

    async def counted(kind: str, texts: Mapping[str, str | None]) -> None:
        nonlocal saved
        saved += kind == "charging_profile"
        await change(kind, texts)

    store.change = counted  # type: ignore[method-assign] # counts, and writes
    for n in range(120):
        assert await updates(csms, 10 + n % 5) == "Accepted"
        await world.pass_s(1)
    assert saved <= 3
    await world.pass_s(70)
    await world.machine.restart()
    await csms.is_ready(within_s=60)
    await world.until(lambda: bench.offered_a() == 14.0, "the last limit")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
