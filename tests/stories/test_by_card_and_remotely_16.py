"""Stories of 1.6 that go alike whether a card is shown or the CSMS starts remotely."""

import pytest

from agent.sim.csms_model import AuthorizationStatus
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.test_local_list_16 import EAGER, charges_and_leaves, listed, send_list
from tests.stories.test_reservation_in_16 import reserve
from tests.stories.words import OTHER_TOKEN, TOKEN, V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
JUDGED_REMOTELY = {"AuthCtrlr.AuthorizeRemoteStart": "true"}


async def begins(world: World, bench: Bench, csms: Desk, token: str, *, remotely: bool) -> None:
    """Let a car be plugged in and its token told, by card or by the CSMS."""
    await bench.plug_in()
    await world.pass_s(1)
    if remotely:
        assert (await csms.remote_start(token)).accepted
    else:
        await bench.swipe(token)


async def ends(csms: Desk, bench: Bench, token: str = TOKEN, count: int = 1) -> None:
    await bench.swipe(token)
    await csms.sees_end("Local", count=count)


def by_card_or_remotely(card: str, remote: str) -> pytest.MarkDecorator:
    """Let a story be told in both ways; each of them is a public test case of its own."""
    cases = [
        pytest.param(False, marks=pytest.mark.requirement(card), id="card"),
        pytest.param(True, marks=pytest.mark.requirement(remote), id="remote"),
    ]
    return pytest.mark.parametrize("remotely", cases)


@pytest.mark.requirement("S16-CACHE-01")
@by_card_or_remotely("TC_007_1_CS", "TC_007_2_CS")
async def test_a_cached_id_tag_charges_without_being_asked_for(
    world: World, bench: Bench, csms: Desk, remotely: bool
) -> None:
    await world.start({**EAGER, **JUDGED_REMOTELY})
    await charges_and_leaves(world, bench)
    asked = len(csms.calls("Authorize"))
    assert asked == 1
    await begins(world, bench, csms, TOKEN, remotely=remotely)
    await world.energy_flows()
    await ends(csms, bench, count=2)
    assert len(csms.calls("Authorize")) == asked


@pytest.mark.requirement("S16-LIST-03")
@by_card_or_remotely("TC_008_1_CS", "TC_008_2_CS")
async def test_a_listed_id_tag_charges_without_being_asked_for(
    world: World, bench: Bench, csms: Desk, remotely: bool
) -> None:
    await world.start({**EAGER, **JUDGED_REMOTELY})
    assert await send_list(csms, 1, listed(TOKEN)) == "Accepted"
    await begins(world, bench, csms, TOKEN, remotely=remotely)
    await world.energy_flows()
    await ends(csms, bench)
    assert csms.calls("Authorize") == []


@pytest.mark.requirement("S16-AUTH-01")
@by_card_or_remotely("TC_023_4_CS", "TC_023_5_CS")
async def test_an_id_tag_that_the_csms_finds_invalid_gets_no_energy(
    world: World, bench: Bench, csms: Desk, remotely: bool
) -> None:
    csms.knows(_DEADBEEF=AuthorizationStatus.UNKNOWN)
    await world.start(JUDGED_REMOTELY)
    await begins(world, bench, csms, TOKEN, remotely=remotely)
    await csms.sees("Authorize")
    await world.pass_s(10)
    assert not bench.plant().contactor_closed
    assert csms.calls("StartTransaction") == []


@pytest.mark.requirement("S16-RSV-03")
@by_card_or_remotely("TC_053_1_CS", "TC_053_2_CS")
async def test_an_id_tag_of_the_parent_uses_the_reservation(
    world: World, bench: Bench, csms: Desk, remotely: bool
) -> None:
    await world.start(JUDGED_REMOTELY)
    assert await reserve(csms, 1, parent="FAMILY") == "Accepted"
    await csms.sees_status("Reserved", 1)
    csms.answers_group("FAMILY")
    await begins(world, bench, csms, OTHER_TOKEN, remotely=remotely)
    await world.energy_flows()
    await csms.sees_start()
    assert csms.calls("StartTransaction")[0].payload["reservationId"] == 7
    await ends(csms, bench, OTHER_TOKEN)


@pytest.mark.requirement("S16-CACHE-06")
@by_card_or_remotely("TC_061_1_CS", "TC_061_2_CS")
async def test_a_cleared_cache_knows_nobody_any_more(
    world: World, bench: Bench, csms: Desk, remotely: bool
) -> None:
    await world.start({**EAGER, **JUDGED_REMOTELY})
    await charges_and_leaves(world, bench)
    assert (await csms.call("ClearCache", {}))["status"] == "Accepted"
    await begins(world, bench, csms, TOKEN, remotely=remotely)
    await csms.sees("Authorize", 2)
    await world.energy_flows()
    await ends(csms, bench, count=2)
