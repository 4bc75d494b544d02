"""Stories of security events: what the CSMS is told, and what the station keeps in its log."""

from datetime import timedelta

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.world import World


async def logged(world: World) -> list[str]:
    entries = await world.machine.station._f.storage.security_log.entries()
    return [entry.kind for entry in entries]


def told(csms: Desk) -> list[str]:
    return [event.type for event in csms.station.security_events]


@pytest.mark.requirement("A04.FR.01", "A04.FR.04", "A04")
async def test_a_reset_is_told_and_the_log_outlives_it(world: World, csms: Desk) -> None:
    await world.start()
    assert (await csms.station.reset("Immediate")).accepted
    expected = ["StartupOfTheDevice", "StartupOfTheDevice", "ResetOrReboot"]
    await csms.until(lambda: len(told(csms)) == len(expected), "three events")
    assert sorted(told(csms)) == sorted(expected)
    assert sorted(await logged(world)) == sorted(expected)
    assert world.machine.station._f.storage.security_log.loss is None


@pytest.mark.requirement("A04.FR.04")
async def test_the_security_log_outlives_a_power_cut(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.until(lambda: len(told(csms)) == 2, "two events")
    assert await logged(world) == ["StartupOfTheDevice"] * 2


@pytest.mark.requirement("A04.FR.01", "A04.FR.04")
async def test_a_clock_that_the_csms_sets_far_off_is_told(world: World, csms: Desk) -> None:
    world.csms_is_wrong_by = timedelta(hours=1)
    await world.start()
    await csms.until(lambda: "SettingSystemTime" in told(csms), "the event")
    assert "SettingSystemTime" in await logged(world)


@pytest.mark.requirement("A04.FR.04")
async def test_what_is_not_critical_stays_in_the_log(world: World, csms: Desk) -> None:
    await world.start()
    csms.tolerated.append(lambda fault: "never asked" in fault.message)
    for _ in range(3):
        csms.station.send_raw("null")
    await world.pass_s(5)
    await world.queue_drains()
    assert (await logged(world)).count("InvalidMessages") == 1
    assert "InvalidMessages" not in told(csms)


@pytest.mark.requirement("A04.FR.04")
async def test_a_message_id_used_for_another_message_is_taken_for_a_replay(
    world: World, csms: Desk
) -> None:
    await world.start()
    csms.tolerated.append(lambda fault: "never asked" in fault.message)
    for kind in ("Heartbeat", "StatusNotification"):
        payload = f'{{"requestedMessage":"{kind}"}}'
        csms.station.send_raw(f'[2,"one-id","TriggerMessage",{payload}]')
        await world.pass_s(2)
    assert "AttemptedReplayAttacks" in await logged(world)
    assert "AttemptedReplayAttacks" not in told(csms)
