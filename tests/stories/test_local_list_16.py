"""Stories of list and cache in 1.6's words: SendLocalList, GetLocalListVersion, ClearCache."""

import pytest

from agent.sim.csms_model import AuthorizationStatus
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
EAGER = {"AuthCtrlr.LocalPreAuthorize": "true"}


def listed(token: str, status: str | None = "Accepted", **fields: str) -> Payload:
    data: Payload = {"idTag": token}
    return data if status is None else {**data, "idTagInfo": {"status": status, **fields}}


async def send_list(csms: Desk, version: int, *entries: Payload, update: str = "Full") -> str:
    payload: Payload = {"listVersion": version, "updateType": update}
    if entries:
        payload["localAuthorizationList"] = list(entries)
    return str((await csms.call("SendLocalList", payload))["status"])


async def list_version(csms: Desk) -> int:
    return int((await csms.call("GetLocalListVersion", {}))["listVersion"])


async def charges_and_leaves(world: World, bench: Bench, token: str = TOKEN) -> None:
    await world.charges_unseen(token)
    await bench.swipe(token)
    await world.energy_ceases()
    await bench.unplug()
    await world.pass_s(5)


@pytest.mark.requirement(
    *("S16-LIST-01", "S16-LIST-05", "S16-LIST-06", "S16-LIST-07", "S16-LIST-08"),
    *("TC_042_2_CS", "TC_043_CS", "TC_043_1_CS", "TC_043_2_CS", "TC_043_3_CS"),
)
async def test_a_list_has_a_version_and_changes_as_a_whole(world: World, csms: Desk) -> None:
    await world.start()
    assert await list_version(csms) == 0
    assert await send_list(csms, 2, listed(TOKEN), listed(OTHER_TOKEN, "Blocked")) == "Accepted"
    stale = [listed(TOKEN, None)]
    assert await send_list(csms, 2, *stale, update="Differential") == "VersionMismatch"
    for version in (0, -1):
        assert await send_list(csms, version, listed(TOKEN)) == "Failed"
    assert await send_list(csms, 3, listed(TOKEN), listed(TOKEN)) == "Failed"
    assert await list_version(csms) == 2
    assert await send_list(csms, 3, *stale, update="Differential") == "Accepted"
    await world.machine.lose_power()
    await csms.is_ready(60)
    assert await list_version(csms) == 3
    assert (await csms.station.change_configuration("LocalAuthListEnabled", "false")).accepted
    assert await send_list(csms, 4, listed(TOKEN)) == "NotSupported"


@pytest.mark.requirement(
    *("S16-AUTH-07", "S16-LIST-02", "S16-LIST-03", "S16-LIST-04", "S16-CACHE-07"),
    *("S16-OFFL-01", "S16-OFFL-03", "TC_008_CS"),
)
async def test_a_listed_tag_charges_by_the_list_and_stays_out_of_the_cache(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(EAGER)
    await send_list(csms, 1, listed(TOKEN), listed(OTHER_TOKEN, "Blocked"))
    await charges_and_leaves(world, bench)
    assert csms.calls("Authorize") == []
    assert world.machine.station.authorization.cache.size_bytes == 0
    await csms.goes_down()
    await charges_and_leaves(world, bench)
    await bench.plug_in()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
    await csms.comes_back()
    await csms.sees_end(count=2, within_s=90)
    key = {"LocalAuthListEnabled": "false"}
    for name, value in key.items():
        assert (await csms.station.change_configuration(name, value)).accepted
    await bench.unplug()
    await world.pass_s(5)
    await charges_and_leaves(world, bench)
    assert len(csms.calls("Authorize")) == 1


@pytest.mark.requirement(
    *("S16-AUTH-06", "S16-CACHE-01", "S16-CACHE-04", "S16-CACHE-05", "S16-CACHE-06"),
    *("TC_007_CS", "TC_061_CS"),
)
async def test_the_cache_remembers_good_and_bad_and_can_be_cleared(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(EAGER)
    csms.knows(_DEADBEEF=AuthorizationStatus.ACCEPTED)
    await charges_and_leaves(world, bench)
    await bench.plug_in()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(5)
    await bench.unplug()
    await world.machine.lose_power()
    await csms.is_ready(60)
    await charges_and_leaves(world, bench)
    await bench.plug_in()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(5)
    asked = [call.payload["idTag"] for call in csms.calls("Authorize")]
    assert asked == [TOKEN, OTHER_TOKEN, OTHER_TOKEN]
    assert (await csms.call("ClearCache", {}))["status"] == "Accepted"
    await bench.unplug()
    await world.pass_s(5)
    await charges_and_leaves(world, bench)
    assert len(csms.calls("Authorize")) == 4
    changed = await csms.station.change_configuration("AuthorizationCacheEnabled", "false")
    assert changed.accepted
    assert (await csms.call("ClearCache", {}))["status"] == "Rejected"


@pytest.mark.requirement("S16-LIST-09")
async def test_a_list_that_the_csms_contradicts_is_told_as_a_conflict(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await send_list(csms, 1, listed(TOKEN), listed(OTHER_TOKEN, "Blocked")) == "Accepted"
    await charges_and_leaves(world, bench)
    told = [call.payload for call in csms.calls("StatusNotification")]
    assert "LocalListConflict" not in {payload["errorCode"] for payload in told}
    csms.knows(DEADBEEF=AuthorizationStatus.BLOCKED)
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(5)
    told = [call.payload for call in csms.calls("StatusNotification")]
    (conflict,) = [payload for payload in told if payload["errorCode"] != "NoError"]
    assert (conflict["connectorId"], conflict["errorCode"]) == (0, "LocalListConflict")
    assert conflict["status"] == "Available"
    await bench.unplug()
