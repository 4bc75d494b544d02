"""The agent's side: what it asks for, what it hears, and what it does when nobody answers."""

import asyncio
import contextlib
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent import __version__
from agent.ports import ImageRefused, InstallationFailed, SlotStanding
from agent.update import application_slots, requests
from agent.update.application_slots import ApplicationSlots
from agent.update.requests import (
    Answer,
    Order,
    Outcome,
    Request,
    take_request,
    write_answer,
    write_request,
)
from agent.update.slot_keeper import SlotKeeper
from tests.unit.update.station_rig import HERE, TREE, Station


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


@pytest.fixture
def slots(station: Station, monkeypatch: pytest.MonkeyPatch) -> ApplicationSlots:
    monkeypatch.setattr(application_slots, "POLL_S", 0.01)
    return ApplicationSlots(station.layout.root)


@contextlib.asynccontextmanager
async def service_manager(station: Station) -> AsyncIterator[None]:
    """Start the privileged side whenever a request lies there, as the path unit does."""

    async def watch() -> None:
        while True:
            if station.layout.request.exists():
                await asyncio.to_thread(station.keeper.serve)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def image(station: Station, **change: object) -> Path:
    downloaded = station.bundle(HERE, name="download")
    moved = station.root / "download"
    downloaded.rename(moved)
    return moved


async def test_an_image_is_installed_activated_and_confirmed(
    station: Station, slots: ApplicationSlots
) -> None:
    told: list[int] = []
    async with service_manager(station):
        assert await slots.standing() == SlotStanding(version=__version__)
        await slots.install(image(station), told.append)
        assert told == sorted(told)
        await slots.activate()
        while not station.ran:  # noqa: ASYNC110 - it is told before it is done
            await asyncio.sleep(0.01)
        assert station.ran[-1][-2:] == ("restart", "stationd.service")
        assert station.starts() == "1.1.0"
        assert (await slots.standing()).on_trial
        await slots.confirm()
        assert not (await slots.standing()).on_trial
        await slots.confirm()
    assert station.starts() == "1.1.0"
    assert not list(station.layout.outbox.glob("image*"))


async def test_a_version_is_kept_only_once_the_guard_of_the_old_one_has_left(
    station: Station, slots: ApplicationSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_slots, "AGAIN_S", 0.05)
    station.try_new()
    station.starts()
    python = station.layout.slots / "a/bin/python"
    guard = await asyncio.create_subprocess_exec(python, "-I", "-c", "import time; time.sleep(60)")
    try:
        async with service_manager(station):
            confirmed = asyncio.create_task(slots.confirm())
            await asyncio.sleep(0.5)
            assert not confirmed.done()
            assert station.state.trial == "b"
            guard.kill()
            await guard.wait()
            await asyncio.wait_for(confirmed, 10.0)
    finally:
        if guard.returncode is None:
            guard.kill()
            await guard.wait()
    assert station.state.active == "b"


async def test_a_version_whose_guard_does_not_run_is_not_kept(
    station: Station, slots: ApplicationSlots
) -> None:
    station.try_new()
    station.starts()
    station.guard_runs = False
    async with service_manager(station):
        with pytest.raises(InstallationFailed, match="guard of the new version"):
            await slots.confirm()
    assert station.state.trial == "b"


async def test_giving_up_says_why_and_starts_the_version_before(
    station: Station, slots: ApplicationSlots
) -> None:
    station.try_new()
    station.starts()
    async with service_manager(station):
        await slots.give_up("the guard\ndoes not answer")
    assert station.starts() == "1.0.0"
    standing = await slots.standing()
    assert standing.trial_failed
    assert standing.failure == "the guarddoes not answer"


async def test_a_refusal_is_told_with_its_reason(station: Station, slots: ApplicationSlots) -> None:
    bad = image(station)
    bad.write_bytes(bad.read_bytes()[:-1])
    async with service_manager(station):
        with pytest.raises(ImageRefused, match="is no bundle"):
            await slots.install(bad, lambda _: None)


async def test_activating_what_was_never_written_fails(
    station: Station, slots: ApplicationSlots
) -> None:
    async with service_manager(station):
        with pytest.raises(InstallationFailed, match="no slot was written"):
            await slots.activate()
    assert station.starts() == "1.0.0"


async def test_a_cancelled_installation_is_taken_back(
    station: Station, slots: ApplicationSlots
) -> None:
    asked = asyncio.create_task(slots.install(image(station), lambda _: None))
    while not station.layout.request.exists():  # noqa: ASYNC110 - a file gives no event
        await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    station.keeper.serve()
    assert station.state.ready is None
    async with service_manager(station):
        await slots.install(image(station), lambda _: None)
    assert station.state.ready == "b"


async def test_nobody_who_answers_is_an_error_and_no_hang(
    station: Station, slots: ApplicationSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_slots, "TAKEN_UP_S", 0.05)
    with pytest.raises(InstallationFailed, match=r"stationd-update\.path"):
        await slots.activate()


async def test_a_switch_that_was_told_as_failed_does_not_come_true_later(
    station: Station, slots: ApplicationSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_slots, "TAKEN_UP_S", 0.05)
    station.install()
    with pytest.raises(InstallationFailed, match="no answer"):
        await slots.activate()
    async with service_manager(station):
        await asyncio.sleep(0.1)
    assert (station.state.trial, station.starts()) == (None, "1.0.0")


async def test_a_switch_that_was_made_without_an_answer_is_not_told_as_failed(
    station: Station, slots: ApplicationSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_slots, "TAKEN_UP_S", 0.1)
    station.install()
    asked = asyncio.create_task(slots.activate())
    while not station.layout.request.exists():  # noqa: ASYNC110 - a file gives no event
        await asyncio.sleep(0.01)
    monkeypatch.setattr(SlotKeeper, "_answer", lambda *_: None)
    station.keeper.serve()
    await asked
    assert station.starts() == "1.1.0"


async def test_a_trial_that_ended_while_the_guard_was_waited_for_keeps_nothing(
    station: Station, slots: ApplicationSlots
) -> None:
    station.try_new()
    station.starts()
    station.keeper.expire()
    with pytest.raises(InstallationFailed, match="not found healthy in time"):
        await slots.confirm()


async def test_what_runs_is_the_slot_and_not_the_version(
    station: Station, slots: ApplicationSlots
) -> None:
    assert await slots.running() == "a"
    station.install(dataclasses.replace(HERE, version="1.0.0"), TREE)
    station.ask(Order.ACTIVATE)
    station.starts()
    station.ask(Order.CONFIRM)
    assert await slots.running() == "b"
    station.layout.current.unlink()
    assert await slots.running() == ""


async def test_what_a_run_before_asked_for_is_waited_for_however_long_it_takes(
    station: Station, slots: ApplicationSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the privileged side takes up the old request before the agent asks anew."""
    monkeypatch.setattr(application_slots, "TAKEN_UP_S", 0.5)
    abandoned = "0" * 32
    at_work = Answer(number=abandoned, outcome=Outcome.WORKING)
    write_answer(station.layout.answer, at_work)
    installed = asyncio.create_task(slots.install(image(station), lambda _: None))
    await asyncio.sleep(1.0)
    assert not installed.done()
    done = Answer(number=abandoned, outcome=Outcome.DONE, percent=100)
    write_answer(station.layout.answer, done)
    async with service_manager(station):
        await installed
    assert station.state.ready == "b"


def test_a_request_that_comes_while_another_is_taken_stays(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.install()
    read = requests._read_small
    later = Request(order=Order.ACTIVATE, number="1" * 32)

    def read_while_the_agent_asks_again(path: Path) -> bytes:
        write_request(station.layout.request, later)
        return read(path)

    monkeypatch.setattr(requests, "_read_small", read_while_the_agent_asks_again)
    write_request(station.layout.request, Request(order=Order.CONFIRM, number="0" * 32))
    taken = take_request(station.layout.request)
    assert taken is not None
    assert taken.order is Order.CONFIRM
    monkeypatch.undo()
    assert take_request(station.layout.request) == later
    assert take_request(station.layout.request) is None


def test_a_version_that_runs_already_is_not_restarted_for_a_request_that_came_late(
    station: Station,
) -> None:
    station.try_new()
    assert station.starts() == "1.1.0"
    left = station.state.tries
    restarts = len([words for words in station.ran if "restart" in words])
    assert station.ask(Order.ACTIVATE).outcome is Outcome.DONE
    assert len([words for words in station.ran if "restart" in words]) == restarts == 1
    assert station.state.tries == left


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"{",
        b"[]",
        b'{"order": "reboot", "number": "00000000000000000000000000000000"}',
        b'{"order": "install", "number": "../../etc"}',
        b'{"order": "install", "number": "%s", "image": "../x"}' % (b"0" * 32),
        b'{"order": "install", "number": "%s", "image": ".x"}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "now_s": 1e99}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "now_s": NaN}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "more": 1}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "now_s": -1}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "now_s": true}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "reason": "a\\nb"}' % (b"0" * 32),
        b'{"order": "activate", "number": "%s", "reason": "%s"}' % (b"0" * 32, b"x" * 301),
        b'{"order": "activate", "number": "%s"}' % (b"0" * 31),
        (b'{"order": "activate", "number": "%s"}' % (b"0" * 32)).ljust(5000),
        b'{"order": {}, "number": "%s"}' % (b"0" * 32),
        b"x" * 100_000,
        b"[" * 3000,
    ],
)
def test_a_request_that_is_none_changes_nothing_and_is_gone(station: Station, noise: bytes) -> None:
    """There is something that could be activated, so that one which is taken would show."""
    station.install()
    before = station.state, station.old_slot()
    assert before[0].ready == "b"
    station.layout.request.write_bytes(noise)
    station.keeper.serve()
    assert (station.state, station.old_slot()) == before
    assert not station.layout.request.exists()
    assert not station.ran


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_in_the_request_s_place_is_put_aside(station: Station, kind: str) -> None:
    request = station.layout.request
    match kind:
        case "folder":
            request.mkdir()
        case "link":
            secret = station.root / "secret"
            secret.write_text(json.dumps({"order": "activate", "number": "0" * 32}))
            request.symlink_to(secret)
        case _:
            os.mkfifo(request)
    station.keeper.serve()
    assert not os.path.lexists(request)
    assert not station.ran
