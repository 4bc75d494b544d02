"""Stories of the list that the CSMS sends, and of charging by it (D, C13, C14)."""

import json

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.verdicts import (
    BOTH_2X,
    EAGER,
    FRIEND,
    Verdicts,
    ends_in,
    list_version,
    listed,
    send_list,
)
from tests.stories.words import OTHER_TOKEN, TOKEN, UNKNOWN_TOKEN
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", BOTH_2X)
STRANGERS = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}


async def charges_and_leaves(world: World, bench: Bench, token: str) -> None:
    await world.charges_unseen(token)
    await bench.swipe(token)
    await world.energy_ceases()
    await bench.unplug()
    await world.pass_s(5)


async def is_refused(world: World, bench: Bench, token: str) -> None:
    await bench.plug_in()
    await bench.swipe(token)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed


async def entries(csms: Desk) -> int:
    return int(await csms.gets("LocalAuthListCtrlr.Entries") or "")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# --- Sending it.


@pytest.mark.requirement(
    *("D01", "D01.FR.01", "D01.FR.02", "D01.FR.12", "D01.FR.15", "D02", "D02.FR.01", "D02.FR.02"),
)
async def test_a_full_list_replaces_the_one_before(world: World, csms: Desk) -> None:
    await world.start()
    assert (await list_version(csms), await entries(csms)) == (0, 0)
    assert await send_list(csms, 4, listed(TOKEN), listed(OTHER_TOKEN)) == ("Accepted", None)
    assert (await list_version(csms), await entries(csms)) == (4, 2)
    assert int(await csms.gets("LocalAuthListCtrlr.Storage") or "") > 0
    # A full list may have any version: also a lower one.
    assert await send_list(csms, 2, listed(FRIEND)) == ("Accepted", None)
    assert (await list_version(csms), await entries(csms)) == (2, 1)


@pytest.mark.requirement("D01.FR.12", "D01.FR.11", "D01.FR.13")
async def test_the_device_model_tells_how_large_a_list_may_be(world: World, csms: Desk) -> None:
    await world.start()
    report = await csms.station.get_base_report("FullInventory")
    assert report is not None
    assert report.values["LocalAuthListCtrlr.Enabled"] == "true"
    assert report.values["LocalAuthListCtrlr.Available"] == "true"
    assert report.values["LocalAuthListCtrlr.SupportsExpiryDateTime"] == "true"
    limits = {
        data["variable"]["name"]: data["variableCharacteristics"].get("maxLimit")
        for call in csms.calls("NotifyReport")
        for data in call.payload["reportData"]
        if data["component"]["name"] == "LocalAuthListCtrlr"
    }
    assert limits["Entries"] == 10000
    items = int(report.values["LocalAuthListCtrlr.ItemsPerMessage"] or "")
    most = [listed(f"{number:08X}") for number in range(items)]
    assert (await send_list(csms, 1, *most))[0] == "Accepted"
    one_more = await send_list(csms, 2, *most, listed(TOKEN))
    assert one_more == ("Failed", "TooManyElements")
    room = int(report.values["LocalAuthListCtrlr.BytesPerMessage"] or "")
    frame = {"customData": {"vendorId": ""}}
    for size, status in ((room - 600, "Accepted"), (room + 600, "Failed")):
        padding = (size - len(_compact(most))) // items - len(_compact(frame))
        padded = [{**entry, "customData": {"vendorId": "x" * padding}} for entry in most]
        assert (await send_list(csms, 1, *padded))[0] == status
    assert (await list_version(csms), await entries(csms)) == (1, items)


@pytest.mark.requirement("D01.FR.16", "D01.FR.17", "D01.FR.05", "D01.FR.06")
async def test_a_differential_list_adds_changes_and_removes(world: World, csms: Desk) -> None:
    await world.start()
    await send_list(csms, 1, listed(TOKEN), listed(OTHER_TOKEN, "Blocked"))
    change = [listed(TOKEN, None), listed(OTHER_TOKEN), listed(FRIEND), listed("0F0F0F0F", None)]
    assert (await send_list(csms, 2, *change, update="Differential"))[0] == "Accepted"
    assert (await list_version(csms), await entries(csms)) == (2, 2)
    assert (await send_list(csms, 7, update="Differential"))[0] == "Accepted"
    assert (await list_version(csms), await entries(csms)) == (7, 2)
    again = [listed(FRIEND.lower()), listed(FRIEND.upper(), "Blocked")]
    assert await send_list(csms, 8, *again, update="Differential") == ("Failed", "InvalidValue")
    # The same token in other letters is the same entry.
    assert (await send_list(csms, 8, again[0], update="Differential"))[0] == "Accepted"
    assert await entries(csms) == 2


@pytest.mark.requirement("D01.FR.04")
async def test_an_empty_full_list_empties_the_list_and_counts(world: World, csms: Desk) -> None:
    await world.start()
    await send_list(csms, 1, listed(TOKEN))
    assert (await send_list(csms, 5))[0] == "Accepted"
    assert (await list_version(csms), await entries(csms)) == (5, 0)


@pytest.mark.requirement("D01.FR.19", "D01.FR.18", "D01.FR.02", "D01.FR.06")
async def test_a_list_that_cannot_apply_changes_nothing(world: World, csms: Desk) -> None:
    await world.start()
    await send_list(csms, 5, listed(TOKEN))
    for version in (5, 4, 1):
        stale = await send_list(csms, version, listed(FRIEND), update="Differential")
        assert stale[0] == "VersionMismatch"
    for version in (0, -1):
        assert await send_list(csms, version, listed(FRIEND)) == ("Failed", "ValuePositiveOnly")
    assert (await send_list(csms, 10**12, listed(FRIEND)))[0] == "Failed"
    twice = await send_list(csms, 6, listed(FRIEND), listed(FRIEND, "Blocked"))
    assert twice == ("Failed", "InvalidValue")
    assert await send_list(csms, 6, listed(FRIEND, None)) == ("Failed", "MissingParam")
    assert (await list_version(csms), await entries(csms)) == (5, 1)


@pytest.mark.requirement("D01.FR.10", "D01.FR.09", "D01.FR.01")
async def test_the_list_survives_restarts_and_nothing_else_changes_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, "Blocked")
    await world.start(EAGER)
    await send_list(csms, 3, listed(TOKEN), listed(OTHER_TOKEN, "Blocked"))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_end("DeAuthorized")
    await bench.unplug()
    assert (await csms.call("ClearCache", {}))["status"] == "Accepted"
    await world.machine.lose_power()
    await csms.is_ready(60)
    assert (await list_version(csms), await entries(csms)) == (3, 2)
    await csms.goes_down()
    await charges_and_leaves(world, bench, TOKEN)
    await csms.comes_back()
    await csms.sees_end(count=2, within_s=90)


@pytest.mark.requirement("D02.FR.03", "D01.FR.13")
async def test_a_list_that_is_off_is_not_used_and_has_no_version(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    await send_list(csms, 3, listed(TOKEN))
    assert await csms.sets("LocalAuthListCtrlr.Enabled", "false") == "Accepted"
    assert await list_version(csms) == 0
    assert await send_list(csms, 4, listed(FRIEND)) == ("Failed", "NotEnabled")
    await world.charges(TOKEN)
    assert verdicts.asked_for(TOKEN) == 1
    assert await csms.sets("LocalAuthListCtrlr.Enabled", "true") == "Accepted"
    assert await list_version(csms) == 3


# --- Charging by it, online.


@pytest.mark.requirement("C14", "C14.FR.02", "C14.FR.04", "C01.FR.05", "C13.FR.03")
@pytest.mark.parametrize("ends_s", [None, 3600])
async def test_a_listed_token_charges_without_being_asked_for(
    world: World, bench: Bench, csms: Desk, ends_s: float | None
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    end = {} if ends_s is None else {"cacheExpiryDateTime": ends_in(ends_s)}
    await send_list(csms, 1, listed(TOKEN, **end))
    await world.charges(TOKEN)
    assert verdicts.asked_for(TOKEN) == 0


@pytest.mark.requirement("C14.FR.03", "C14.FR.01")
@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "NotAtThisTime"])
async def test_a_token_listed_as_bad_is_asked_for(
    world: World, bench: Bench, csms: Desk, status: str
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    await world.charges(TOKEN)
    await bench.swipe(TOKEN)
    await csms.sees_end()
    await bench.unplug()
    await world.pass_s(5)
    # The cache knows the token as good by now; the list goes before it.
    await send_list(csms, 1, listed(TOKEN, status), listed(OTHER_TOKEN, status))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    assert verdicts.asked_for(TOKEN) == 2


@pytest.mark.requirement("C14.FR.03")
async def test_where_the_operator_wants_it_a_token_listed_as_bad_is_not_asked_for(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start({**EAGER, "LocalAuthListCtrlr.DisablePostAuthorize": "true"})
    await send_list(csms, 1, listed(TOKEN, "Blocked"))
    await is_refused(world, bench, TOKEN)
    assert verdicts.asked_for(TOKEN) == 0


@pytest.mark.requirement("C14.FR.05")
async def test_a_listed_token_past_its_end_is_asked_for(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    await send_list(csms, 1, listed(TOKEN, cacheExpiryDateTime=ends_in(30)))
    await world.pass_s(31)
    verdicts.say(TOKEN, "Blocked")
    await is_refused(world, bench, TOKEN)
    assert verdicts.asked_for(TOKEN) == 1


@pytest.mark.requirement("C13.FR.01", "C14.FR.01")
async def test_the_list_goes_before_the_cache_also_where_it_says_no(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(EAGER)
    await charges_and_leaves(world, bench, TOKEN)
    await csms.sees_end()
    await send_list(csms, 1, listed(TOKEN, "Blocked"))
    await csms.goes_down()
    await is_refused(world, bench, TOKEN)
    await csms.comes_back()
    await csms.is_ready(60)


# --- Charging by it, offline.


@pytest.mark.requirement("C13", "C13.FR.02", "C13.FR.05", "C12")
async def test_offline_only_who_is_listed_or_cached_as_good_charges(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await charges_and_leaves(world, bench, FRIEND)
    await csms.sees_end()
    soon, later = ends_in(60), ends_in(86_400)
    await send_list(
        csms,
        1,
        listed(TOKEN, cacheExpiryDateTime=later),
        listed(OTHER_TOKEN, cacheExpiryDateTime=soon),
        listed("0D0D0D0D", "Blocked"),
    )
    await world.pass_s(61)
    await csms.goes_down()
    await charges_and_leaves(world, bench, TOKEN)
    await charges_and_leaves(world, bench, FRIEND)
    for bad in (OTHER_TOKEN, "0D0D0D0D", UNKNOWN_TOKEN):
        await is_refused(world, bench, bad)
    await csms.comes_back()
    await csms.sees_end(count=3, within_s=90)


@pytest.mark.requirement("C13.FR.04", "C13.FR.06", "C15.FR.08", "C15")
async def test_offline_strangers_may_be_let_in_but_nobody_who_is_known_as_bad(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(FRIEND, "Blocked")
    await world.start(STRANGERS)
    await is_refused(world, bench, FRIEND)
    await bench.unplug()
    await world.pass_s(5)
    await send_list(
        csms, 1, listed(TOKEN, cacheExpiryDateTime=ends_in(60)), listed("0D0D0D0D", "Invalid")
    )
    await world.pass_s(61)
    await csms.goes_down()
    for bad in (FRIEND, TOKEN, "0D0D0D0D"):
        await is_refused(world, bench, bad)
    await bench.swipe(UNKNOWN_TOKEN)
    await world.energy_flows()
    await csms.comes_back()
    await csms.sees_start(within_s=90)


@pytest.mark.requirement("C13.FR.02")
async def test_where_local_knowledge_may_not_be_used_offline_nobody_charges(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.LocalAuthorizeOffline": "false"})
    await send_list(csms, 1, listed(TOKEN))
    await csms.goes_down()
    await is_refused(world, bench, TOKEN)
    await csms.comes_back()
    await csms.is_ready(60)
