"""Stories of tokens that belong together: families that stop each other, and the master pass."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.verdicts import (
    BOTH_2X,
    EAGER,
    FAMILY,
    FRIEND,
    MASTERS,
    SERVICE,
    Verdicts,
    group,
    listed,
    send_list,
)
from tests.stories.words import OTHER_TOKEN, TOKEN
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", BOTH_2X)
MASTER_PASS = {"AuthCtrlr.MasterPassGroupId": MASTERS}


@pytest.mark.requirement(
    *("C09", "C09.FR.02", "C09.FR.03", "C09.FR.05", "C09.FR.13", "C01.FR.03", "C01.FR.04"),
)
async def test_a_stranger_of_the_same_group_is_asked_for_and_stops(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, groupIdToken=group())
    verdicts.say(FRIEND, groupIdToken=group(FAMILY.lower()))
    verdicts.say(OTHER_TOKEN, groupIdToken=group("OTHERS"))
    await world.start()
    await world.charges()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(5)
    assert bench.is_delivering()
    await bench.swipe(FRIEND)
    transaction = await csms.sees_end("Local")
    assert csms.triggers(transaction)[-1] == "StopAuthorized"
    assert csms.calls("TransactionEvent")[-1].payload["idToken"]["idToken"] == FRIEND
    assert (verdicts.asked_for(OTHER_TOKEN), verdicts.asked_for(FRIEND)) == (1, 1)


@pytest.mark.requirement("C09.FR.07", "C09.FR.04", "C01.FR.03")
@pytest.mark.parametrize("source", ["list", "cache"])
async def test_a_known_token_of_the_same_group_stops_without_being_asked_for(
    world: World, bench: Bench, csms: Desk, source: str
) -> None:
    verdicts = Verdicts(csms)
    for token in (TOKEN, FRIEND):
        verdicts.say(token, groupIdToken=group())
    await world.start()
    if source == "list":
        family = [listed(token, groupIdToken=group()) for token in (TOKEN, FRIEND)]
        await send_list(csms, 1, *family)
    else:
        await bench.swipe(FRIEND)
        await csms.sees("Authorize")
        await world.pass_s(1)
        await bench.swipe(FRIEND)
        await world.pass_s(5)
    before = verdicts.asked_for(FRIEND)
    await world.charges()
    await bench.swipe(FRIEND)
    await csms.sees_end("Local")
    assert verdicts.asked_for(FRIEND) == before


@pytest.mark.requirement("C09.FR.02", "C09.FR.03", "C09.FR.05")
async def test_a_group_that_comes_with_the_transaction_counts(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, on="TransactionEvent", groupIdToken=group())
    verdicts.say(FRIEND, groupIdToken=group())
    await world.start({"AuthCtrlr.AuthorizeRemoteStart": "false"})
    await bench.plug_in()
    assert (await csms.remote_start_checked(TOKEN)).accepted
    await world.energy_flows()
    await world.queue_drains()
    await world.pass_s(1)
    await bench.swipe(FRIEND)
    await csms.sees_end("Local")
    assert (verdicts.asked_for(TOKEN), verdicts.asked_for(FRIEND)) == (0, 1)


@pytest.mark.requirement("C09.FR.11")
@pytest.mark.parametrize("source", ["csms", "list"])
async def test_a_token_of_the_same_group_that_is_not_accepted_stops_nothing(
    world: World, bench: Bench, csms: Desk, source: str
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, groupIdToken=group())
    verdicts.say(FRIEND, "Blocked", groupIdToken=group())
    await world.start()
    if source == "list":
        await send_list(csms, 1, listed(FRIEND, "Blocked", groupIdToken=group()))
    await world.charges()
    await bench.swipe(FRIEND)
    await world.pass_s(10)
    assert bench.is_delivering()


@pytest.mark.requirement("C09.FR.07", "C09.FR.03")
async def test_offline_a_listed_token_of_the_same_group_stops(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    family = [listed(token, groupIdToken=group()) for token in (TOKEN, FRIEND)]
    await send_list(csms, 1, *family, listed(OTHER_TOKEN, groupIdToken=group("OTHERS")))
    await csms.goes_down()
    await world.charges_unseen()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(5)
    assert bench.is_delivering()
    await bench.swipe(FRIEND)
    await world.energy_ceases()
    await csms.comes_back()
    await csms.sees_end("Local", within_s=90)


# --- The master pass.


@pytest.mark.requirement("C16", "C16.FR.02", "C16.FR.03", "C16.FR.08")
async def test_a_master_pass_stops_every_transaction_of_a_station_without_display(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(SERVICE, groupIdToken=group(MASTERS.lower()))
    await world.start(MASTER_PASS, evses=2)
    first = await world.charges(TOKEN, 1)
    second = await world.charges(OTHER_TOKEN, 2)
    await bench.swipe(SERVICE)
    for count, transaction in enumerate((first, second), 1):
        assert await csms.sees_end("MasterPass", count) is transaction
        assert csms.triggers(transaction)[-1] == "StopAuthorized"
    ended = [c.payload for c in csms.calls("TransactionEvent") if c.payload["eventType"] == "Ended"]
    assert {payload["idToken"]["idToken"] for payload in ended} == {SERVICE}
    assert not bench.plant(1).contactor_closed
    assert not bench.plant(2).contactor_closed


@pytest.mark.requirement("C16.FR.02", "C16.FR.08")
async def test_a_master_pass_before_a_free_or_broken_evse_stops_the_others(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(SERVICE, groupIdToken=group(MASTERS))
    await world.start(MASTER_PASS, evses=3)
    await world.charges(TOKEN, 3)
    await bench.fault("rcd", 1)
    await world.pass_s(2)
    await bench.swipe(SERVICE)
    await csms.sees_end("MasterPass")


@pytest.mark.requirement("C16.FR.03", "C12.FR.09", "C16.FR.04", "C16.FR.05")
@pytest.mark.parametrize("source", ["csms", "cache", "list"])
async def test_a_master_pass_starts_nothing_whoever_vouches_for_it(
    world: World, bench: Bench, csms: Desk, source: str
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(SERVICE, groupIdToken=group(MASTERS))
    await world.start({**MASTER_PASS, **EAGER})
    if source == "list":
        await send_list(csms, 1, listed(SERVICE, groupIdToken=group(MASTERS)))
    await bench.plug_in()
    for _ in range(1 if source == "csms" else 2):
        await bench.swipe(SERVICE)
        await world.pass_s(5)
        assert not bench.plant().contactor_closed
    asked = verdicts.asked_for(SERVICE)
    assert asked == (0 if source == "list" else 1)
    assert csms.station.transactions == {}
    # It stops all the same, without being asked for where it is known.
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()
    await bench.swipe(SERVICE)
    await csms.sees_end("MasterPass")
    assert verdicts.asked_for(SERVICE) == asked


@pytest.mark.requirement("C16.FR.03")
async def test_a_master_pass_starts_nothing_from_afar(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(SERVICE, groupIdToken=group(MASTERS))
    await world.start(MASTER_PASS)
    await bench.plug_in()
    for judged in ("true", "false"):
        assert await csms.sets("AuthCtrlr.AuthorizeRemoteStart", judged) == "Accepted"
        payload = {
            "idToken": {"idToken": SERVICE, "type": "ISO14443"},
            "groupIdToken": group(MASTERS),
            "remoteStartId": 1,
            "evseId": 1,
        }
        await csms.call("RequestStartTransaction", payload)
        await world.pass_s(5)
        assert not bench.plant().contactor_closed
