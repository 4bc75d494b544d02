"""An update is cut off anywhere, any number of times: what comes of it is true and told in order.

The service, the table and the store are the real ones; slots, network and trust are the port's
doubles. A life of the software ends in the middle of a write, before it or after it, or at any
instant, and the next life finds what the disk has.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.core.event_documents import SCHEMA
from agent.core.events import StoredEvent
from agent.core.firmware_order import FirmwareOrder, SignatureRefused, UpdateStatus
from agent.core.firmware_update import FirmwareUpdate, Stage
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.core.security_events import SecurityEventKind
from agent.core.update_health import Observation
from agent.services.firmware_ports import FirmwarePorts, FirmwareSettings
from agent.services.firmware_update import FirmwareUpdateService
from agent.store.database import Database, Limits
from agent.store.endurance import Endurance
from agent.store.enduring_journal import EnduringJournal
from agent.store.enduring_settings import EnduringDocuments
from agent.store.firmware_update import StoredFirmwareUpdate
from agent.store.journal import StoredJournal
from agent.store.outbox import Outbox, Stamp
from agent.store.settings import Documents
from agent.store.writer import Timing
from tests.stories.slots import FolderSlots, image_of
from tests.stories.updates import LOCATION, Shelf
from tests.virtual_time import START, VirtualClock, VirtualTimeLoop

NEW = "2.0.0"
STRAIGHT = [
    FirmwareStatus.DOWNLOADING,
    FirmwareStatus.DOWNLOADED,
    FirmwareStatus.SIGNATURE_VERIFIED,
    FirmwareStatus.INSTALLING,
    FirmwareStatus.INSTALL_REBOOTING,
    FirmwareStatus.INSTALLED,
]
IMAGES = {
    "good": image_of(NEW),
    "hangs": image_of(NEW, hangs=True),
    "rubbish": b"rubbish",
    "unhealthy": image_of(NEW),
    "forged": image_of(NEW),
}
ENDS = {
    "hangs": FirmwareStatus.INSTALLATION_FAILED,
    "rubbish": FirmwareStatus.INSTALL_VERIFICATION_FAILED,
    "unhealthy": FirmwareStatus.INSTALLATION_FAILED,
    "forged": FirmwareStatus.INVALID_SIGNATURE,
}


@dataclass(frozen=True)
class Cut:
    """How a life ends: in a write of this number, before or after the commit; or at a time."""

    write: int | None = None
    committed: bool = False
    at_s: float | None = None


class Trust:
    """Knows one signature."""

    async def check_signer(self, certificate: str, at: datetime) -> None: ...

    async def check_image(self, order: FirmwareOrder, image: Path, at: datetime) -> None:
        if order.signature != "good":
            raise SignatureRefused("it is not the maker's")


class CuttingStore:
    """The real store, in whose writes the power may fail."""

    def __init__(self, store: StoredFirmwareUpdate, cut: Cut | None, dies: asyncio.Event) -> None:
        self._store = store
        self._cut = cut
        self._dies = dies
        self._writes = 0
        self.is_writing = 0

    @property
    def found(self) -> FirmwareUpdate | None:
        return self._store.found

    async def record(self, update: FirmwareUpdate, events: Sequence[StoredEvent]) -> None:
        self._writes += 1
        is_last = self._cut is not None and self._cut.write == self._writes
        if not is_last or (self._cut and self._cut.committed):
            self.is_writing += 1
            try:
                await self._store.record(update, events)
            finally:
                self.is_writing -= 1
        if is_last:
            self._dies.set()
            await asyncio.Future()


class Life:
    """The lives of one station's software, one after the other, on the same folder."""

    def __init__(self, folder: Path, image: str) -> None:
        self._folder = folder
        self._image = image
        self._ends = asyncio.Event()
        self.slots = FolderSlots(folder / "slots", self._ends.set)
        self._shelf = Shelf()
        self._shelf.images[LOCATION] = IMAGES[image]
        self.answers: list[UpdateStatus] = []
        self.security: list[SecurityEventKind] = []
        self.update: FirmwareUpdate | None = None
        self.told: list[FirmwareProgress] = []
        self.runs = ("", False)
        """The version that runs in the end, and whether it is still on trial."""

    async def lives(self, cut: Cut | None, order: FirmwareOrder | None) -> None:
        """Live until the update is over, the software restarts, or the power fails."""
        self._ends.clear()
        self.slots.start()
        limits = Limits(timing=Timing(delay_s=0.0))
        database = await Database.open(self._folder / "state" / "stationd.db", limits)
        endurance = Endurance()
        outbox = await Outbox.open(database, stamp=lambda: Stamp("boot", 0.0, 1), schema=SCHEMA)
        documents = EnduringDocuments(await Documents.open(database), endurance)
        journal = EnduringJournal(
            StoredJournal(database, outbox, {}), endurance, lambda: Stamp("boot", 0.0, 1)
        )
        store = CuttingStore(StoredFirmwareUpdate(documents, journal), cut, self._ends)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        holds = lambda: store.is_writing > 0  # noqa: E731 - to be removed again
        loop.selector.busy.append(holds)
        service = FirmwareUpdateService(self._ports(store, journal), self._settings())
        try:
            await self._serve(service, cut, order)
        finally:
            loop.selector.busy.remove(holds)
            self.update = service.update
            await outbox.close()
            await database.close()

    async def _serve(
        self, service: FirmwareUpdateService, cut: Cut | None, order: FirmwareOrder | None
    ) -> None:
        running = asyncio.create_task(service.run())
        watching = asyncio.create_task(self._over(service))
        if order is not None:
            ordering = asyncio.create_task(service.order(order))
            dying = asyncio.create_task(self._ends.wait())
            await asyncio.wait({ordering, dying}, return_when=asyncio.FIRST_COMPLETED)
            if ordering.done():
                self.answers.append(ordering.result().status)
        ended = asyncio.create_task(self._ends.wait())
        limit_s = 5000.0 if cut is None or cut.at_s is None else cut.at_s
        await asyncio.wait({ended, watching}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(running, *tasks, return_exceptions=True)
        wrong = [r for r in results if isinstance(r, Exception)]
        assert wrong == []

    async def _over(self, service: FirmwareUpdateService) -> None:
        while True:
            if service.update is not None and service.update.is_over:
                return
            await asyncio.sleep(0.5)

    def _ports(self, store: CuttingStore, journal: EnduringJournal) -> FirmwarePorts:
        async def look(before: frozenset[str]) -> Observation:
            sick = self._image == "unhealthy" and self.slots.version == NEW
            return Observation(guard_answers=not sick, csms_reached=True)

        return FirmwarePorts(
            slots=self.slots,
            download=self._shelf,
            trust=Trust(),
            store=store,
            queue=journal,
            clock=VirtualClock(),
            tell=lambda kind, _info: self.security.append(kind),
            busy=lambda: False,
            hold_back=lambda _held: None,
            faults=frozenset,
            look=look,
        )

    def _settings(self) -> FirmwareSettings:
        return FirmwareSettings(
            version=self.slots.version,
            image=self._folder / "state" / "image",
            allow_unsigned=False,
            allows_new_sessions=lambda: False,
        )

    async def drain(self) -> None:
        """Read everything that the CSMS would be told, in order."""
        database = await Database.open(self._folder / "state" / "stationd.db")
        outbox = await Outbox.open(database, stamp=lambda: Stamp("boot", 0.0, 1), schema=SCHEMA)
        journal = StoredJournal(database, outbox, {})
        while len(journal):
            await journal.wait_not_empty()
            head = journal.head()
            assert head is not None
            assert isinstance(head.event, FirmwareProgress)
            self.told.append(head.event)
            await journal.acknowledge(head.row_id)
        await outbox.close()
        await database.close()


async def live_through(folder: Path, image: str, cuts: Sequence[Cut]) -> Life:
    life = Life(folder, image)
    signature = "bad" if image == "forged" else "good"
    order = FirmwareOrder(
        request_id=7,
        location=LOCATION,
        retrieve_at=START,
        signing_certificate="PEM",
        signature=signature,
    )
    for cut in itertools.chain(cuts, itertools.repeat(None, 8)):
        await life.lives(cut, order if life.update is None else None)
        if life.update is not None and life.update.is_over:
            break
    await life.drain()
    life.runs = (life.slots.version, life.slots.is_on_trial)
    return life


def lives(image: str, cuts: Sequence[Cut]) -> Life:
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        return runner.run(live_through(Path(folder), image, cuts))


cut_points = st.builds(Cut, write=st.integers(1, 7), committed=st.booleans()) | st.builds(
    Cut, at_s=st.floats(0, 60)
)


@pytest.mark.parametrize("image", IMAGES)
def test_without_a_cut_each_image_ends_as_it_must(image: str) -> None:
    life = lives(image, [])
    assert life.answers == [UpdateStatus.ACCEPTED]
    end = ENDS.get(image, FirmwareStatus.INSTALLED)
    assert life.told[-1].status is end
    assert (SecurityEventKind.FIRMWARE_UPDATED in life.security) is (image == "good")


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(IMAGES)), st.lists(cut_points, max_size=4))
@example("good", [Cut(write=1), Cut(write=1, committed=True)])
@example("good", [Cut(write=number, committed=True) for number in (2, 1, 1, 1, 1, 1)])
@example("good", [Cut(write=number) for number in (2, 2, 2, 2, 2, 2)])
@example("unhealthy", [Cut(at_s=40.0), Cut(at_s=299.0)])
@pytest.mark.requirement("L01.FR.01", "L01.FR.10", "L02.FR.06")
def test_wherever_it_is_cut_off_the_end_is_true_and_everything_is_told_once(
    image: str, cuts: list[Cut]
) -> None:
    life = lives(image, cuts)
    assert life.update is not None
    assert life.update.is_over
    told = [event.status for event in life.told]
    assert {event.request_id for event in life.told} == {7}
    runs_new = life.runs == (NEW, False)
    assert (told[-1] is FirmwareStatus.INSTALLED) is runs_new
    assert (life.update.stage is Stage.INSTALLED) is runs_new
    assert told[:-1] == STRAIGHT[: len(told) - 1]
    if image != "good":
        assert told[-1] is ENDS[image]
        assert life.runs == ("1.0.0", False)
