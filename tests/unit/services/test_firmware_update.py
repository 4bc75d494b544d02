"""The firmware update where storage and slots refuse; the usual course is told in stories."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agent.core.documents import written
from agent.core.events import StoredEvent
from agent.core.firmware_order import FirmwareOrder, UpdateStatus
from agent.core.firmware_update import FirmwareUpdate, Stage
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.core.security_events import SecurityEventKind
from agent.core.update_health import Observation
from agent.ports import InstallationFailed, SlotStanding, StorageRefused
from agent.services.firmware_ports import FirmwarePorts, FirmwareSettings
from agent.services.firmware_update import FirmwareUpdateService
from tests.stories.slots import FolderSlots, image_of
from tests.stories.updates import LOCATION, Shelf
from tests.virtual_time import START, VirtualClock

ORDER = FirmwareOrder(
    request_id=7,
    location=LOCATION,
    retrieve_at=START,
    signing_certificate="PEM",
    signature="c2lnbmF0dXJl",
)
SICK = Observation(guard_answers=False)


class Store:
    """A memory that may refuse."""

    def __init__(self, found: FirmwareUpdate | None = None) -> None:
        self.found = found
        self.refuses = False
        self.told: list[FirmwareStatus] = []

    async def record(self, update: FirmwareUpdate, events: Sequence[StoredEvent]) -> None:
        if self.refuses:
            raise StorageRefused("the disk is full")
        self.found = update
        self.told += [event.status for event in events if isinstance(event, FirmwareProgress)]


class Trust:
    """Trusts everybody."""

    async def check_signer(self, certificate: str, at: datetime) -> None: ...

    async def check_image(self, order: FirmwareOrder, image: Path, at: datetime) -> None: ...


class StubbornSlots(FolderSlots):
    """Slots that do not answer, confirm or go back for a while."""

    deaf = unconfirming = 0
    no_way_back = False

    async def standing(self) -> SlotStanding:
        if self.deaf > 0:
            self.deaf -= 1
            raise InstallationFailed("no answer")
        return await super().standing()

    async def confirm(self) -> None:
        if self.unconfirming > 0:
            self.unconfirming -= 1
            raise InstallationFailed("no confirmation")
        await super().confirm()

    async def give_up(self) -> None:
        if self.no_way_back:
            raise InstallationFailed("no way back")
        await super().give_up()


class Queue(list[StoredEvent]):
    """An empty queue."""


class Rig:
    """One service; it is started again whenever its slots restart it."""

    def __init__(self, folder: Path) -> None:
        self.restarts = 0
        self.slots = StubbornSlots(folder / "slots", self._restart)
        self.store = Store()
        self.shelf = Shelf()
        self.queue = Queue()
        self.is_busy = self.is_held_back = False
        self.seen = Observation(guard_answers=True, csms_reached=True)
        self.security: list[SecurityEventKind] = []
        self.settings = FirmwareSettings(
            version="1.0.0",
            image=folder / "image",
            allow_unsigned=False,
            allows_new_sessions=lambda: False,
        )
        self.start()

    def start(self) -> None:
        async def look(_before: frozenset[str]) -> Observation:
            return self.seen

        ports = FirmwarePorts(
            slots=self.slots,
            download=self.shelf,
            trust=Trust(),
            store=self.store,
            queue=self.queue,  # type: ignore[arg-type] # asked for its length only
            clock=VirtualClock(),
            tell=lambda kind, _info: self.security.append(kind),
            busy=lambda: self.is_busy,
            hold_back=self._hold_back,
            faults=frozenset,
            look=look,
        )
        self.service = FirmwareUpdateService(ports, self.settings)
        self.running = asyncio.create_task(self.service.run())

    def _hold_back(self, held_back: bool) -> None:
        self.is_held_back = held_back

    async def reaches(self, stage: Stage) -> None:
        for _ in range(4000):
            if self.service.update is not None and self.service.update.stage is stage:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"it stands at {self.service.update}")

    def _restart(self) -> None:
        self.restarts += 1
        self.slots.start()
        self.settings = replace(self.settings, version=self.slots.version)
        self.running.cancel()
        asyncio.get_running_loop().call_later(1, self.start)

    async def ends(self) -> Stage:
        for _ in range(4000):
            await asyncio.sleep(1)
            if self.service.update is not None and self.service.update.is_over:
                return self.service.update.stage
        raise AssertionError(f"it stands at {self.service.update}")

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.close()


async def test_an_order_that_cannot_be_kept_is_refused(rig: Rig) -> None:
    rig.store.refuses = True
    answer = await rig.service.order(ORDER)
    assert (answer.status, answer.reason_code) == (UpdateStatus.REJECTED, "OutOfStorage")
    await asyncio.sleep(100)
    assert (rig.service.update, rig.store.told) == (None, [])
    rig.store.refuses = False
    assert (await rig.service.order(ORDER)).status is UpdateStatus.ACCEPTED
    assert await rig.ends() is Stage.INSTALLED


async def test_an_order_that_cannot_be_kept_does_not_end_the_one_that_runs(rig: Rig) -> None:
    assert (await rig.service.order(ORDER)).status is UpdateStatus.ACCEPTED
    await asyncio.sleep(5)
    rig.store.refuses = True
    other = replace(ORDER, request_id=8)
    assert (await rig.service.order(other)).status is UpdateStatus.REJECTED
    rig.store.refuses = False
    assert await rig.ends() is Stage.INSTALLED
    assert rig.service.update is not None
    assert rig.service.update.order.request_id == 7


async def test_while_the_storage_refuses_nothing_goes_on(rig: Rig) -> None:
    assert (await rig.service.order(ORDER)).status is UpdateStatus.ACCEPTED
    await asyncio.sleep(5)
    rig.store.refuses = True
    await asyncio.sleep(1000)
    assert rig.service.update is not None
    assert rig.service.update.stage is Stage.DOWNLOADING
    assert (rig.slots.installations, rig.restarts) == (0, 0)
    rig.store.refuses = False
    assert await rig.ends() is Stage.INSTALLED
    assert rig.store.told[-1] is FirmwareStatus.INSTALLED


async def test_slots_that_do_not_answer_are_asked_again(rig: Rig) -> None:
    rig.slots.deaf = 3
    assert (await rig.service.order(ORDER)).status is UpdateStatus.ACCEPTED
    assert await rig.ends() is Stage.INSTALLED


async def test_a_confirmation_is_tried_again(rig: Rig) -> None:
    rig.slots.unconfirming = 5
    await rig.service.order(ORDER)
    assert await rig.ends() is Stage.INSTALLED
    assert not rig.slots.is_on_trial


async def test_a_version_that_cannot_be_confirmed_is_given_up(rig: Rig) -> None:
    rig.slots.unconfirming = 10_000
    await rig.service.order(ORDER)
    assert await rig.ends() is Stage.INSTALLATION_FAILED
    assert (rig.slots.version, rig.restarts) == ("1.0.0", 2)


async def test_a_version_that_is_no_good_and_cannot_be_left_says_that_it_failed(rig: Rig) -> None:
    rig.slots.no_way_back = True
    await rig.service.order(ORDER)
    await asyncio.sleep(33)
    rig.seen = SICK
    assert await rig.ends() is Stage.INSTALLATION_FAILED
    assert rig.service.update is not None
    assert rig.service.update.detail == "the guard does not answer; no way back"
    assert SecurityEventKind.FIRMWARE_UPDATED not in rig.security


async def test_a_reason_that_was_noted_on_trial_is_told_by_the_old_version(rig: Rig) -> None:
    await rig.service.order(ORDER)
    await asyncio.sleep(33)
    rig.seen = SICK
    assert await rig.ends() is Stage.INSTALLATION_FAILED
    assert rig.service.update is not None
    assert rig.slots.version == "1.0.0"
    assert rig.service.update.detail == "the guard does not answer"


async def test_a_switch_that_does_not_restart_the_software_is_asked_for_again(rig: Rig) -> None:
    restart, calls = rig.slots._restart, []

    def lazy() -> None:
        calls.append(1)
        if len(calls) > 1:
            restart()

    rig.slots._restart = lazy
    await rig.service.order(ORDER)
    assert await rig.ends() is Stage.INSTALLED
    assert len(calls) == 2


# --- What a start means.


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
@pytest.mark.requirement("L01.FR.28", "L02.FR.20")
async def test_a_version_that_was_kept_and_cut_off_before_that_was_noted_is_told_as_installed(
    rig: Rig, version: str
) -> None:
    """The same version again is another slot all the same, and needs no second trial."""
    rig.shelf.images[LOCATION] = image_of(version)
    await rig.service.order(ORDER)
    await rig.reaches(Stage.ON_TRIAL)
    rig.store.refuses = True
    await asyncio.sleep(60)
    assert (rig.slots.is_on_trial, rig.service.update.stage) == (False, Stage.ON_TRIAL)  # type: ignore[union-attr]
    await rig.close()
    rig.store.refuses, rig.seen = False, SICK
    rig.start()
    assert await rig.ends() is Stage.INSTALLED
    assert rig.store.told[-1] is FirmwareStatus.INSTALLED
    assert rig.security[-1] is SecurityEventKind.FIRMWARE_UPDATED


async def test_a_document_of_an_older_version_is_resumed_by_its_version(rig: Rig) -> None:
    await rig.service.order(ORDER)
    await rig.reaches(Stage.ON_TRIAL)
    assert rig.service.update is not None
    await rig.close()
    found = replace(rig.service.update, from_slot=None)
    assert "from_slot" not in written(found)
    rig.store.found = found
    rig.start()
    assert await rig.ends() is Stage.INSTALLED


async def test_a_version_that_came_by_a_package_meanwhile_is_not_taken_for_the_ordered_one(
    rig: Rig,
) -> None:
    await rig.service.order(ORDER)
    await rig.reaches(Stage.ACTIVATING)
    assert rig.service.update is not None
    await rig.close()
    rig.store.found = replace(rig.service.update, from_version="0.9.0")
    rig.slots.refuses_to_switch = True
    rig.start()
    assert await rig.ends() is Stage.INSTALLATION_FAILED
    assert rig.slots.version == "1.0.0"


async def test_slots_that_do_not_answer_at_the_start_keep_nobody_from_charging(rig: Rig) -> None:
    await rig.service.order(ORDER)
    await rig.reaches(Stage.ACTIVATING)
    await rig.close()
    rig.slots.deaf, rig.is_held_back = 10, False
    rig.start()
    await asyncio.sleep(60)
    assert not rig.is_held_back
    assert await rig.ends() is Stage.INSTALLED


async def test_what_is_left_of_an_image_goes_when_a_cut_came_right_after_the_end(rig: Rig) -> None:
    await rig.service.order(ORDER)
    assert await rig.ends() is Stage.INSTALLED
    await rig.close()
    rig.settings.image.write_text("left")
    rig.start()
    await asyncio.sleep(1)
    assert not rig.settings.image.exists()


# --- Sessions.


@pytest.mark.requirement("L01.FR.33", "L02.FR.22")
async def test_whoever_was_let_in_at_the_last_moment_is_waited_for(rig: Rig) -> None:
    rig.queue.append(ORDER)  # type: ignore[arg-type] # news that do not get out
    await rig.service.order(ORDER)
    await rig.reaches(Stage.ACTIVATING)
    await asyncio.sleep(1)
    rig.is_busy = True
    await asyncio.sleep(3600)
    assert rig.restarts == 0
    assert rig.is_held_back
    rig.is_busy = False
    assert await rig.ends() is Stage.INSTALLED


# --- Triggers.


@pytest.mark.requirement("L01.FR.21 (1.6)", "L01.FR.20")
async def test_of_an_order_without_a_name_the_news_of_signed_updates_tell_nothing(
    rig: Rig,
) -> None:
    """In 1.6 each kind of update has its own message; the newer one needs a request id."""
    rig.settings = replace(rig.settings, allow_unsigned=True)
    await rig.close()
    rig.start()
    unsigned = replace(ORDER, request_id=None, signing_certificate=None, signature=None)
    assert (await rig.service.order(unsigned)).status is UpdateStatus.ACCEPTED
    await rig.reaches(Stage.DOWNLOADING)
    asked = rig.service.progress(signed=True)
    assert (asked.status, asked.request_id) == (FirmwareStatus.IDLE, None)
    assert rig.service.progress(signed=False).status is FirmwareStatus.DOWNLOADING
