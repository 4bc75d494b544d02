"""Stories of cards that are enrolled at the station, without a CSMS that would send a list."""

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from agent.sim.csms_model import AuthorizationStatus
from agent.sim.frames import Payload
from tests.stories import test_local_list_16 as v16
from tests.stories import verdicts as v2x
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V201
from tests.stories.world import World

ANSWER_S = 5.0
one_version = pytest.mark.parametrize("version", [V201])
"""For what no CSMS has to do with."""
EAGER = {"AuthCtrlr.LocalPreAuthorize": "true"}


class Installer:
    """Somebody at the local socket of the station, who asks as the commands do."""

    def __init__(self, world: World, session: str = "one") -> None:
        self._folder = world.machine.folder / "state"
        self.session = session

    async def asks(self, op: str, **fields: object) -> Mapping[str, Any]:
        """Ask once; the socket's folder is where its long path is opened."""
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            path = f"/proc/self/fd/{folder}/api.sock"
            reader, writer = await asyncio.open_unix_connection(path)
        finally:
            os.close(folder)
        writer.write(json.dumps({"op": op, **fields}).encode() + b"\n")
        reply: Mapping[str, Any] = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        return reply

    async def waits_for_card(self, wait_s: float = ANSWER_S, **fields: object) -> Mapping[str, Any]:
        return await self.asks("rfid_learn", session=self.session, wait_s=wait_s, **fields)

    async def leaves(self) -> None:
        await self.asks("rfid_learn", session=self.session, end=True)

    async def takes(self, bench: Bench, token: str, **fields: object) -> str:
        """Enrol or remove one card; return what came of it."""
        waiting = asyncio.ensure_future(self.waits_for_card(**fields))
        await asyncio.sleep(0.5)
        await bench.swipe(token)
        reply = await waiting
        await self.leaves()
        assert reply["ok"] is True
        return str(reply["card"]["outcome"])


@pytest.fixture
def installer(world: World) -> Installer:
    return Installer(world)


async def charges_and_leaves(world: World, bench: Bench, token: str = TOKEN) -> None:
    await world.charges_unseen(token)
    await bench.swipe(token)
    await world.energy_ceases()
    await bench.unplug()
    await world.pass_s(5)


async def is_refused(world: World, bench: Bench, token: str = TOKEN) -> None:
    await bench.plug_in()
    await bench.swipe(token)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
    await bench.unplug()
    await world.pass_s(5)


async def send_list(
    csms: Desk, version: int, *tokens: str, update: str = "Full", status: str | None = "Accepted"
) -> None:
    """Send a local list in the version's words; it must be accepted."""
    if csms.is_16:
        entries: list[Payload] = [v16.listed(token, status) for token in tokens]
        assert await v16.send_list(csms, version, *entries, update=update) == "Accepted"
    else:
        entries = [v2x.listed(token, status) for token in tokens]
        assert (await v2x.send_list(csms, version, *entries, update=update))[0] == "Accepted"


async def list_version(csms: Desk) -> int:
    return await (v16.list_version(csms) if csms.is_16 else v2x.list_version(csms))


async def security_log(world: World) -> list[tuple[str, str]]:
    entries = await world.machine.station._f.storage.security_log.entries()
    return [(entry.kind, entry.technical_info) for entry in entries]


# --- Without a CSMS.


async def test_an_enrolled_card_charges_without_a_csms_and_survives_a_power_cut(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    await csms.goes_down()
    await is_refused(world, bench)
    assert await installer.takes(bench, TOKEN) == "learnt"
    await charges_and_leaves(world, bench)
    await is_refused(world, bench, OTHER_TOKEN)
    await world.machine.lose_power()
    await world.pass_s(20)
    await charges_and_leaves(world, bench)
    assert (await installer.asks("rfid_cards"))["cards"][0]["token"] == "…BEEF"
    await csms.comes_back()
    await csms.sees_end(count=2, within_s=120)


async def test_a_card_that_is_removed_charges_no_more(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    await csms.goes_down()
    assert await installer.takes(bench, TOKEN) == "learnt"
    assert await installer.takes(bench, OTHER_TOKEN) == "learnt"
    assert await installer.takes(bench, TOKEN) == "unchanged"
    assert await installer.takes(bench, TOKEN, remove=True) == "removed"
    assert await installer.takes(bench, TOKEN, remove=True) == "unchanged"
    await is_refused(world, bench)
    # A lost card cannot be held before the reader any more.
    gone = await installer.asks("rfid_forget", token=OTHER_TOKEN.lower())
    assert gone == {"ok": True, "removed": 1, "enrolled": 0}
    await is_refused(world, bench, OTHER_TOKEN)
    await csms.comes_back()
    await csms.is_ready(60)


# --- While somebody enrols.


async def test_a_card_that_is_enrolled_is_not_judged_as_a_request_to_charge(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    assert await installer.takes(bench, TOKEN) == "learnt"
    await world.pass_s(10)
    assert csms.calls("Authorize") == []
    assert not bench.plant().contactor_closed
    # Enrolling has ended: the same card charges.
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()


@one_version
async def test_an_enrolment_that_was_broken_off_ends_within_seconds(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    assert (await installer.waits_for_card(1))["card"] is None
    await world.pass_s(4)
    await world.charges()
    assert (await installer.asks("rfid_cards"))["cards"] == []


async def test_whoever_charges_may_stop_while_somebody_enrols(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    await world.charges()
    waiting = asyncio.ensure_future(installer.waits_for_card())
    await world.pass_s(0.5)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert (await waiting)["card"] is None
    await installer.leaves()


@one_version
async def test_one_at_a_time_enrols(world: World, bench: Bench, installer: Installer) -> None:
    await world.start()
    other = Installer(world, "two")
    waiting = asyncio.ensure_future(installer.waits_for_card(2))
    await world.pass_s(0.5)
    refused = await other.waits_for_card(1)
    assert refused == {
        "ok": False,
        "error": "somebody else is enrolling cards: wait until that has ended",
    }
    await waiting
    await installer.leaves()
    assert await other.takes(bench, TOKEN) == "learnt"


@one_version
async def test_cards_are_enrolled_at_the_wanted_reader_only(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start(evses=2)
    reply = await installer.waits_for_card(1, evse=3)
    assert reply["error"] == "EVSE 3 has no token reader; EVSE 1, 2 has one"
    waiting = asyncio.ensure_future(installer.waits_for_card(3, evse=2))
    await world.pass_s(0.5)
    await bench.plug_in(1)
    await bench.swipe(OTHER_TOKEN, 1)
    await bench.swipe(TOKEN, 2)
    assert (await waiting)["card"]["evses"] == [2]
    await installer.leaves()
    await world.energy_flows(1)
    await csms.sees_start()


@one_version
async def test_a_list_that_is_off_enrols_nobody(world: World, installer: Installer) -> None:
    await world.start({"LocalAuthListCtrlr.Enabled": "false"})
    reply = await installer.waits_for_card()
    assert reply["ok"] is False
    assert "the local authorization list is switched off" in reply["error"]
    assert "LocalAuthListCtrlr.Enabled" in reply["error"]


# --- With a CSMS.


async def test_enrolling_leaves_the_version_of_the_csms_s_list_true(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    assert await installer.takes(bench, TOKEN) == "learnt"
    assert await list_version(csms) == 0
    await send_list(csms, 4, OTHER_TOKEN)
    assert await installer.takes(bench, TOKEN) == "learnt"
    assert await installer.takes(bench, OTHER_TOKEN) == "unchanged"
    assert await installer.takes(bench, OTHER_TOKEN, remove=True) == "refused"
    assert await list_version(csms) == 4
    if not csms.is_16:
        assert await csms.gets("LocalAuthListCtrlr.Entries") == "1"


async def test_a_full_list_overrules_every_enrolled_card(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    await installer.takes(bench, TOKEN)
    await send_list(csms, 1, OTHER_TOKEN)
    assert (await installer.asks("rfid_cards"))["cards"] == []
    await world.machine.lose_power()
    await csms.is_ready(60)
    await csms.goes_down()
    await is_refused(world, bench)
    await charges_and_leaves(world, bench, OTHER_TOKEN)
    await csms.comes_back()
    await csms.sees_end(within_s=120)


@pytest.mark.parametrize("status", ["Blocked", None])
async def test_a_differential_list_overrules_the_cards_that_it_names(
    world: World, bench: Bench, csms: Desk, installer: Installer, status: str | None
) -> None:
    await world.start()
    await installer.takes(bench, TOKEN)
    await installer.takes(bench, OTHER_TOKEN)
    await send_list(csms, 1, TOKEN, update="Differential", status=status)
    assert len((await installer.asks("rfid_cards"))["cards"]) == 1
    if status is not None:
        assert await installer.takes(bench, TOKEN) == "refused"
    await csms.goes_down()
    await is_refused(world, bench)
    await charges_and_leaves(world, bench, OTHER_TOKEN)
    await csms.comes_back()
    await csms.sees_end(within_s=120)


async def test_the_csms_s_refusal_counts_more_until_the_card_is_enrolled_anew(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start()
    await installer.takes(bench, TOKEN)
    csms.knows(DEADBEEF=AuthorizationStatus.BLOCKED)
    await is_refused(world, bench)
    await csms.goes_down()
    await is_refused(world, bench)
    assert await installer.takes(bench, TOKEN, remove=True) == "removed"
    assert await installer.takes(bench, TOKEN) == "learnt"
    await charges_and_leaves(world, bench)
    csms.knows(DEADBEEF=AuthorizationStatus.ACCEPTED)
    await csms.comes_back()
    await csms.sees_end(within_s=120)


async def test_where_the_list_may_decide_online_an_enrolled_card_is_not_asked_for(
    world: World, bench: Bench, csms: Desk, installer: Installer
) -> None:
    await world.start(EAGER)
    await installer.takes(bench, TOKEN)
    await world.charges()
    assert csms.calls("Authorize") == []


# --- What is told of it.


async def test_the_security_log_tells_of_enrolled_and_removed_cards_without_their_numbers(
    world: World, bench: Bench, installer: Installer
) -> None:
    await world.start()
    await installer.takes(bench, TOKEN)
    await installer.takes(bench, TOKEN)
    await installer.takes(bench, TOKEN, remove=True)
    await world.pass_s(1)
    kind = "ReconfigurationOfSecurityParameters"
    assert (await security_log(world))[-2:] == [
        (kind, "a card was enrolled at the station; 1 are enrolled"),
        (kind, "a card was removed at the station; 0 are enrolled"),
    ]


@one_version
async def test_whoever_watches_sees_tokens_masked_and_why_a_reader_is_lost(
    world: World, bench: Bench, installer: Installer
) -> None:
    await world.start()
    now = await installer.asks("rfid_watch")
    assert now["readers"] == [{"kind": "reader", "evses": [1], "works": True, "reason": ""}]
    waiting = asyncio.ensure_future(
        installer.asks("rfid_watch", after=now["number"], wait_s=ANSWER_S)
    )
    await world.pass_s(0.5)
    await bench.swipe(TOKEN)
    seen = await waiting
    assert [one["token"] for one in seen["news"]] == ["…BEEF"]
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(0.5)
    await bench.fault("reader_lost")
    await world.pass_s(2)
    later = await installer.asks("rfid_watch", after=seen["number"], show=True)
    card, reader = later["news"]
    assert (card["token"], card["type"], card["evses"]) == (OTHER_TOKEN, "ISO14443", [1])
    assert reader["reason"] == later["readers"][0]["reason"] == "the token reader does not answer"
    await bench.repair("reader_lost")
    await world.pass_s(5)
    assert (await installer.asks("rfid_watch"))["readers"][0]["works"] is True


@one_version
async def test_a_code_is_shown_to_nobody(world: World, bench: Bench, installer: Installer) -> None:
    await world.start()
    now = await installer.asks("rfid_watch")
    await bench.operate("swipe", token="73591846", type="KeyCode")
    seen = await installer.asks("rfid_watch", after=now["number"], wait_s=1, show=True)
    assert [(one["token"], one["type"]) for one in seen["news"]] == [("…", "KeyCode")]


@one_version
async def test_nothing_is_remembered_of_tokens_while_nobody_watches(
    world: World, bench: Bench, installer: Installer
) -> None:
    await world.start()
    before = (await installer.asks("rfid_watch"))["number"]
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await world.pass_s(5)
    assert (await installer.asks("rfid_watch", after=before, show=True))["news"] == []


@one_version
async def test_a_reader_that_comes_back_is_no_fault_any_more(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.fault("reader_lost")
    await world.pass_s(3)
    assert "reader_lost" in world.machine.service().state.snapshot.faults
    await bench.repair("reader_lost")
    await world.pass_s(6)
    assert world.machine.service().state.snapshot.faults == frozenset()


@one_version
@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({}, '"session" must be a text'),
        ({"session": "x", "wait_s": "long"}, '"wait_s" must be a number'),
        ({"session": "x", "wait_s": float("nan")}, '"wait_s" must be a number'),
        ({"session": "x", "evse": "1"}, '"evse" must be a whole number'),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_why(
    world: World, installer: Installer, request_: dict[str, object], why: str
) -> None:
    await world.start()
    reply = await installer.asks("rfid_learn", **request_)
    assert reply["ok"] is False
    assert why in reply["error"]
