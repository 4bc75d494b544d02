"""Stories of other ways to identify than a card: codes, tickets, prepaid (C04, C06, C08, C17)."""

import logging

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.verdicts import BOTH_2X, Verdicts
from tests.stories.words import OTHER_TOKEN, TOKEN
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", BOTH_2X)
CODE = "735918"


async def enters(bench: Bench, code: str, kind: str = "KeyCode") -> None:
    await bench.operate("swipe", token=code, type=kind)


@pytest.mark.requirement("C06", "C06.FR.01", "C06.FR.02", "C06.FR.03", "C01.FR.01")
async def test_a_ticket_is_asked_for_before_it_charges(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say("TICKET-2", "Invalid")
    await world.start()
    await bench.plug_in()
    await enters(bench, "TICKET-2", "Local")
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
    await enters(bench, "TICKET-1", "Local")
    await world.energy_flows()
    asked = [call.payload["idToken"] for call in csms.calls("Authorize")]
    assert asked == [{"idToken": n, "type": "Local"} for n in ("TICKET-2", "TICKET-1")]
    await enters(bench, "TICKET-1", "Local")
    await csms.sees_end("Local")
    assert len(csms.calls("Authorize")) == 2


@pytest.mark.requirement("C04", "C04.FR.04", "C04.FR.03")
async def test_a_code_charges_is_remembered_and_never_logged(
    world: World, bench: Bench, csms: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    verdicts = Verdicts(csms)
    await world.start({"AuthCtrlr.LocalPreAuthorize": "true"})
    for _ in range(2):
        await bench.plug_in()
        await enters(bench, CODE)
        await world.energy_flows()
        await enters(bench, CODE)
        await world.energy_ceases()
        await bench.unplug()
        await world.pass_s(5)
    await csms.sees_end("Local", 2)
    assert verdicts.asked_for(CODE) == 1
    assert csms.calls("Authorize")[0].payload["idToken"]["type"] == "KeyCode"
    assert CODE not in caplog.text


@pytest.mark.requirement("C04.FR.06")
async def test_whoever_tries_codes_has_to_wait_longer_each_time(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    wrong = [f"{number:06d}" for number in range(40)]
    for code in wrong:
        verdicts.say(code, "Invalid")
    await world.start()
    await bench.plug_in()
    for code in wrong:
        await enters(bench, code)
        await world.pass_s(5)
    # 200 s: three at once, then after 10, 20, 40 and 80 s.
    assert 5 <= len(csms.calls("Authorize")) <= 7
    await enters(bench, CODE)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
    # A card is no guess.
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(400)
    await enters(bench, CODE)
    await world.energy_flows()


@pytest.mark.requirement("C08", "C08.FR.01", "C08.FR.02")
async def test_a_driver_identifies_by_other_means_while_the_car_waits_also_late(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "60"})
    await bench.plug_in()
    await world.pass_s(200)
    assert csms.station.transactions == {}
    await bench.swipe(OTHER_TOKEN)
    asked = await csms.sees("Authorize")
    assert asked.payload["idToken"]["idToken"] == OTHER_TOKEN
    await world.energy_flows()


@pytest.mark.requirement("C17.FR.04", "C17.FR.05")
async def test_a_prepaid_card_charges_while_it_has_credit(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(TOKEN, "NoCredit")
    await world.start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
    verdicts.say(TOKEN)
    await bench.swipe(TOKEN)
    await world.energy_flows()
