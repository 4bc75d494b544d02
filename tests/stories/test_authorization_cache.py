"""Stories of tokens that the station remembers (C10, C11, C12)."""

import pytest

from agent.core.vocabulary import IdToken
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.verdicts import (
    BOTH_2X,
    EAGER,
    Verdicts,
    cache_size,
    clear_cache,
    ends_in,
)
from tests.stories.words import OTHER_TOKEN, TOKEN
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", BOTH_2X)


async def meets(world: World, bench: Bench, token: str = TOKEN) -> None:
    """Charge once with a token and leave, so that the station knows it."""
    count = len(world.csms.station.transactions)
    await world.charges(token)
    await bench.swipe(token)
    await world.energy_ceases()
    await bench.unplug()
    await world.csms.sees_end(count=count + 1)
    await world.pass_s(5)


async def is_refused(world: World, bench: Bench, token: str = TOKEN) -> None:
    await bench.plug_in()
    await bench.swipe(token)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("C12.FR.02", "C12.FR.04", "C12", "C10", "C10.FR.04", "C01.FR.05")
async def test_a_known_token_charges_without_being_asked_for_again(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 1
    await bench.swipe(TOKEN)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
    await bench.plug_in()
    await world.energy_flows()
    assert verdicts.asked_for(TOKEN) == 1


@pytest.mark.requirement("C10.FR.01", "C10.FR.03", "C12.FR.05", "C12.FR.06", "C10.FR.04")
@pytest.mark.parametrize("status", ["Blocked", "Invalid", "NoCredit", "Expired"])
async def test_a_token_remembered_as_bad_is_asked_for_again_and_may_be_good_by_now(
    world: World, bench: Bench, csms: Desk, status: str
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, status)
    await world.start(EAGER)
    await is_refused(world, bench)
    assert await cache_size(csms) > 0
    await is_refused(world, bench)
    assert verdicts.asked_for(TOKEN) == 2
    verdicts.say(TOKEN)
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await bench.unplug()
    await world.pass_s(5)
    await world.charges()
    assert verdicts.asked_for(TOKEN) == 3


@pytest.mark.requirement("C12.FR.05", "C10.FR.03")
async def test_where_the_operator_wants_it_a_token_remembered_as_bad_is_not_asked_for_again(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, "Blocked")
    await world.start({**EAGER, "AuthCacheCtrlr.DisablePostAuthorize": "true"})
    await is_refused(world, bench)
    await is_refused(world, bench)
    assert verdicts.asked_for(TOKEN) == 1


@pytest.mark.requirement("C10.FR.05", "C12.FR.06")
async def test_a_verdict_that_comes_with_the_transaction_is_remembered(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start({**EAGER, "AuthCacheCtrlr.DisablePostAuthorize": "true"})
    await meets(world, bench)
    verdicts.say(TOKEN, "Blocked", on="TransactionEvent")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_end("DeAuthorized", count=2)
    await bench.unplug()
    await world.pass_s(5)
    await is_refused(world, bench)
    assert verdicts.asked_for(TOKEN) == 1


@pytest.mark.requirement("C10.FR.02", "C10.FR.12")
async def test_the_cache_survives_a_power_cut_and_holds_no_card_number(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    await meets(world, bench, OTHER_TOKEN)
    await world.machine.lose_power()
    await csms.is_ready(60)
    rows = await world.machine.station._f.storage.database.read(
        lambda c: c.execute("SELECT key, body FROM authorization_cache").fetchall()
    )
    assert len(rows) == 1
    assert OTHER_TOKEN.casefold() not in str(rows).casefold()
    key_file = world.machine.folder / "state" / "keys" / "authorization_cache.key"
    assert key_file.stat().st_mode & 0o077 == 0
    await world.charges(OTHER_TOKEN)
    assert verdicts.asked_for(OTHER_TOKEN) == 1


@pytest.mark.requirement("C10.FR.08", "C10.FR.10")
async def test_a_token_is_forgotten_when_it_was_not_seen_for_its_life_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start({**EAGER, "AuthCacheCtrlr.LifeTime": "300"})
    await meets(world, bench)
    await world.pass_s(200)
    await meets(world, bench)
    await world.pass_s(200)
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 1
    await world.pass_s(301)
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 2


@pytest.mark.requirement("C10.FR.13")
async def test_an_end_that_the_csms_gave_goes_before_the_life_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start({**EAGER, "AuthCacheCtrlr.LifeTime": "10"})
    verdicts.say(TOKEN, cacheExpiryDateTime=ends_in(600))
    await meets(world, bench)
    await world.pass_s(300)
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 1
    await world.pass_s(300)
    await csms.goes_down()
    await is_refused(world, bench)
    await csms.comes_back()
    await csms.is_ready(60)
    await bench.swipe(TOKEN)
    await world.energy_flows()
    assert verdicts.asked_for(TOKEN) == 2


@pytest.mark.requirement("C10.FR.11")
async def test_a_cache_that_is_off_neither_learns_nor_tells(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start({**EAGER, "AuthCacheCtrlr.Enabled": "false"})
    await meets(world, bench)
    assert await cache_size(csms) == 0
    assert await csms.sets("AuthCacheCtrlr.Enabled", "true") == "Accepted"
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 2
    assert await cache_size(csms) > 0
    assert await csms.sets("AuthCacheCtrlr.Enabled", "false") == "Accepted"
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 3


@pytest.mark.requirement("C11", "C11.FR.01", "C11.FR.02", "C11.FR.03")
async def test_a_cleared_cache_knows_nobody_also_after_a_restart(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start(EAGER)
    await meets(world, bench)
    assert await cache_size(csms) > 0
    assert await clear_cache(csms) == "Accepted"
    assert await cache_size(csms) == 0
    await world.machine.lose_power()
    await csms.is_ready(60)
    assert await cache_size(csms) == 0
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 2


@pytest.mark.requirement("C11.FR.04")
async def test_a_cache_that_is_off_is_not_cleared(world: World, csms: Desk) -> None:
    await world.start({"AuthCacheCtrlr.Enabled": "false"})
    answer = await csms.call("ClearCache", {})
    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"] == "NotEnabled"


@pytest.mark.requirement("C02.FR.03", "C02", "C02.FR.01")
async def test_whoever_charges_freely_is_not_cached(world: World, bench: Bench, csms: Desk) -> None:
    await world.start({"AuthCtrlr.Enabled": "false"})
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_start()
    events = [c.payload for c in csms.calls("TransactionEvent")]
    assert {"idToken": "", "type": "NoAuthorization"} in [e.get("idToken") for e in events]
    assert csms.calls("Authorize") == []
    assert await cache_size(csms) == 0


@pytest.mark.requirement(
    *("C03.FR.01", "C03.FR.02", "C03", "C05.FR.01", "C05.FR.02", "C05.FR.03", "C05.FR.05", "C05"),
)
async def test_a_token_that_the_csms_made_is_neither_asked_for_nor_cached(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.AuthorizeRemoteStart": "true"})
    await bench.plug_in()
    token = {"idToken": "CREDIT-CARD-1", "type": "Central"}
    payload = {"idToken": token, "remoteStartId": 7, "evseId": 1}
    assert (await csms.call("RequestStartTransaction", payload))["status"] == "Accepted"
    await world.energy_flows()
    await csms.sees_start()
    first = csms.calls("TransactionEvent")[0].payload
    assert first["idToken"] == token
    assert first["transactionInfo"]["remoteStartId"] == 7
    assert csms.calls("Authorize") == []
    await world.pass_s(5)
    assert await cache_size(csms) == 0


@pytest.mark.requirement("C15.FR.01")
async def test_a_stranger_let_in_offline_is_not_cached(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true", **EAGER})
    await csms.goes_down()
    await world.charges_unseen()
    cache = world.machine.station.authorization.cache
    assert cache.size_bytes == 0
    await csms.comes_back()
    await csms.sees_start(within_s=90)
    await world.queue_drains()
    assert cache.size_bytes > 0


@pytest.mark.requirement("C10.FR.09", "C10.FR.14")
async def test_a_personal_message_is_cached_only_where_it_is_no_tariff(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    message = {"format": "UTF8", "content": "0.49 EUR/kWh"}
    verdicts.say(
        TOKEN,
        groupIdToken={"idToken": "G", "type": "Central"},
        chargingPriority=3,
        language1="nl-BE",
        language2="fr",
        personalMessage=message,
        evseId=[1],
    )
    await world.start(EAGER)
    await world.charges()
    known = world.machine.station.authorization.cache.look_up(IdToken(TOKEN))
    assert known is not None
    info = known.info
    assert (info.group, info.evse_ids) == (IdToken("G", "Central"), (1,))
    assert (info.charging_priority, info.language1, info.language2) == (3, "nl-BE", "fr")
    kept = None if world.version == BOTH_2X[0] else "0.49 EUR/kWh"
    assert info.personal_message == kept


@pytest.mark.requirement("C01.FR.02", "C10.FR.11")
async def test_without_pre_authorization_every_token_is_asked_for(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start()
    await meets(world, bench)
    await meets(world, bench)
    assert verdicts.asked_for(TOKEN) == 2


async def test_a_station_that_may_not_ask_knows_whom_it_knows(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    await world.start()
    await meets(world, bench)
    assert await csms.sets("AuthCtrlr.DisableRemoteAuthorization", "true") == "Accepted"
    await meets(world, bench)
    await is_refused(world, bench, OTHER_TOKEN)
    assert (verdicts.asked_for(TOKEN), verdicts.asked_for(OTHER_TOKEN)) == (1, 0)
