"""A whole machine below a folder that updates itself: real service, store, slots and download.

Outside of it, and made up, are the file server, which can break off, the service manager, the CSMS
that takes the news, vehicles, and the power. A cut of the power leaves what the disk held at that
instant: the folder is copied before anything of the run that was cut off is cleaned up.
"""

import asyncio
import base64
import contextlib
import dataclasses
import errno
import hashlib
import shutil
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from agent.app.firmware_trust import ManufacturerTrust
from agent.core.event_documents import SCHEMA
from agent.core.events import StoredEvent
from agent.core.firmware_order import FirmwareOrder, UpdateStatus
from agent.core.firmware_update import FirmwareUpdate, Stage
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.core.security_events import SecurityEventKind
from agent.core.update_health import Observation
from agent.pki.code_signing import sign
from agent.pki.trust_anchors import InstalledRoots
from agent.ports import StorageRefused
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
from agent.transfer.addresses import AddressRules
from agent.update import application_slots, installer, slot_state
from agent.update.application_slots import ApplicationSlots
from agent.update.bundle import seal, write_unsigned
from agent.update.download import DownloadLimits, HttpDownload
from agent.update.layout import TRIAL_TIMER, Layout
from agent.update.manifest import BundledFile, Manifest
from agent.update.requests import Order, write_answer
from agent.update.selector import select
from agent.update.slot_keeper import INSTALLER, SlotKeeper
from agent.update.slot_link import linked_slot
from agent.update.slot_state import SlotState, load
from agent.update.slot_tree import SlotMark, read_mark
from tests.integration.file_server import FileServer, Handler
from tests.stories.updates import ROOT, SIGNER
from tests.unit.update.station_rig import HERE, TREE, unsealed
from tests.unit.update.trees import plant
from tests.virtual_time import START, VirtualTimeLoop, utc_now

FIRST = "1.0.0"
VERSIONS = (FIRST, "1.1.0", "1.2.0")
OTHERS = {"older": "0.9.0", "sick": "1.8.0", "hangs": "1.8.1"}
LOOK_S = 1.0
TRIAL_S = 50 * 3600.0


@dataclass(frozen=True)
class Image:
    """What lies on the file server; `sha256` is what a slot's mark says of it."""

    content: bytes
    sha256: str
    signature: str


@dataclass
class Asked:
    """One order, its answer, and what ran before; `answer` None: the power failed meanwhile."""

    order: FirmwareOrder
    kind: str
    image: Image
    active: str
    answer: UpdateStatus | None = None


@cache
def images(folder: Path) -> dict[str, Image]:
    """Every image by version or by what is wrong with it; built once."""
    found = {version: _image(folder, version) for version in (*VERSIONS, *OTHERS.values())}
    named = {name: found[version] for name, version in OTHERS.items()}
    return {**found, **named, "rubbish": _signed(b"rubbish", "")}


def _image(folder: Path, version: str) -> Image:
    content = f'VERSION = "{version}"\n'.encode() * 50
    tree = plant(folder / f"tree-{version}", {**TREE, "more.py": content})
    manifest = dataclasses.replace(HERE, version=version)

    def complete(files: tuple[BundledFile, ...]) -> Manifest:
        return dataclasses.replace(manifest, files=files)

    file, digests = folder / f"{version}.bundle", list[bytes]()

    def signed(digest: bytes) -> bytes:
        digests.append(digest)
        return sign(SIGNER.key_pem, digest)

    write_unsigned(file, complete, tree)
    seal(file, SIGNER.pem, signed)
    return _signed(file.read_bytes(), digests[-1].hex())


def _signed(content: bytes, sha256: str) -> Image:
    signature = sign(SIGNER.key_pem, hashlib.sha256(content).digest())
    return Image(content, sha256, base64.b64encode(signature).decode())


def prepared(folder: Path) -> Path:
    """A machine with the first version in slot a, to be copied."""
    layout = Layout(folder / "machine/station", folder / "machine/state")
    for needed in (layout.makers, layout.outbox, layout.answer.parent):
        needed.mkdir(parents=True)
    (folder / "machine/state").chmod(0o700)
    (layout.makers / "maker.pem").write_text(ROOT.pem)
    layout.config.write_text('[station]\nmodel = "AC22"\n')
    first = dataclasses.replace(HERE, version=FIRST)
    package = unsealed(folder / "package", first, plant(folder / "old-tree", TREE))
    SlotKeeper(layout, lambda _: 0).adopt(package)
    select(layout)
    return folder / "machine"


class WorldClock:
    """The clock of the machine, which may be wrong."""

    def __init__(self) -> None:
        self.wrong_by = timedelta(0)

    def now(self) -> datetime:
        return utc_now() + self.wrong_by

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def synchronize(self, told: datetime) -> float:
        raise NotImplementedError


@dataclass
class Cut:
    """The power fails in the write of this number from now on, before or after its commit."""

    writes_left: int
    committed: bool


class CuttableStore:
    """The real store, which may refuse, and in whose writes the power may fail."""

    def __init__(self, store: StoredFirmwareUpdate, machine: "Machine") -> None:
        self._store = store
        self._machine = machine

    @property
    def found(self) -> FirmwareUpdate | None:
        return self._store.found

    async def record(self, update: FirmwareUpdate, events: Sequence[StoredEvent]) -> None:
        machine = self._machine
        if machine.storage_refuses:
            raise StorageRefused("the disk is full")
        cut = machine.cut_armed
        if cut is not None:
            cut.writes_left -= 1
        fails = cut is not None and cut.writes_left <= 0
        if not (fails and cut and not cut.committed):
            with machine.working():
                await self._store.record(update, events)
            machine.recorded += [e for e in events if isinstance(e, FirmwareProgress)]
        if fails:
            machine.loses_power()
            await asyncio.Future()


@dataclass
class Machine:
    """One machine from its first order on; `files` is the server that it fetches from."""

    folder: Path
    files: FileServer
    pool: dict[str, Image]
    clock: WorldClock = field(default_factory=WorldClock)
    online: bool = True
    allows_new_sessions: bool = False
    storage_refuses: bool = False
    slots_disk_is_full: bool = False
    keeper_is_deaf: bool = False
    somebody_is_let_in_at_the_switch: bool = False
    guard_is_lost: bool = False
    is_charging: bool = False
    is_held_back: bool = False
    cut_armed: Cut | None = None
    service: FirmwareUpdateService | None = None
    asked: list[Asked] = field(default_factory=list)
    recorded: list[FirmwareProgress] = field(default_factory=list)
    told: dict[int, FirmwareProgress] = field(default_factory=dict)
    security: list[SecurityEventKind] = field(default_factory=list)
    starts: int = 0

    def __post_init__(self) -> None:
        self.layout = Layout(self.folder / "station", self.folder / "state")
        self.keeper = SlotKeeper(self.layout, self._run)
        self._ends = asyncio.Event()
        self._power_failed = False
        self._trial_ends_s: float | None = None
        self._works = 0
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.selector.busy.append(lambda: self._works > 0 or _downloads())
        self._tasks = [asyncio.create_task(self._unit()), asyncio.create_task(self._privileged())]

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Let the clock stand still, as threads are at work."""
        self._works += 1
        try:
            yield
        finally:
            self._works -= 1

    async def close(self) -> None:
        self._ends.set()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, *tasks, return_exceptions=True)
        wrong = [r for r in results if isinstance(r, Exception)]
        assert wrong == []

    # --- What runs.

    @property
    def state(self) -> SlotState:
        return load(self.layout.state)

    @property
    def mark(self) -> SlotMark:
        found = read_mark(self.layout.current)
        assert found is not None
        return found

    @property
    def update(self) -> FirmwareUpdate | None:
        return None if self.service is None else self.service.update

    def _is(self, kind: str) -> bool:
        return self.mark.bundle_sha256 == self.pool[kind].sha256

    # --- The service manager.

    async def _unit(self) -> None:
        """Start the agent again and again, as the unit does."""
        while True:
            self.keeper.selected(select(self.layout))
            self.starts += 1
            application_slots.__version__ = self.mark.version
            if self._is("hangs"):
                await asyncio.sleep(10)
                continue
            await self._agent()
            await asyncio.sleep(1)

    async def _privileged(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._power_failed:
                continue
            if self._trial_ends_s is not None and self.clock.monotonic_s() >= self._trial_ends_s:
                self._trial_ends_s = None
                self.keeper.expire()
            self._serves()

    def _serves(self) -> None:
        if self.layout.request.exists() and not self.keeper_is_deaf:
            if f'"{Order.ACTIVATE.value}"' in self.layout.request.read_text("utf-8"):
                assert not self.is_charging, "the slots are switched under a transaction"
            self.keeper.serve()

    def _run(self, command: Sequence[str]) -> int:
        words = tuple(command)
        if INSTALLER in words:
            image, number, told_s = words[4:]
            at = installer.later_of(START.timestamp(), float(told_s))
            write_answer(self.layout.answer, installer.install(self.layout, image, number, at))
        elif "restart" in words:
            self._ends.set()
        elif TRIAL_TIMER in words:
            now_s = self.clock.monotonic_s()
            self._trial_ends_s = now_s + TRIAL_S if "start" in words else None
        return 0

    def restarts(self) -> None:
        """Restart the agent alone."""
        self._ends.set()

    def loses_power(self) -> None:
        """Keep what is on the disk now, and nothing else."""
        if self._ends.is_set() or self.service is None:
            return
        shutil.copytree(self.folder, self._kept, symlinks=True)
        self.cut_armed, self._power_failed, self._trial_ends_s = None, True, None
        self._ends.set()

    @property
    def _kept(self) -> Path:
        return self.folder.with_name(self.folder.name + ".kept")

    def _gets_power(self) -> None:
        for folder in self.layout.slots.glob("**/"):
            folder.chmod(0o755)
        shutil.rmtree(self.folder)
        self._kept.rename(self.folder)
        self.layout.answer.unlink(missing_ok=True)
        self._power_failed = self.is_charging = False
        self._serves()

    # --- One run of the agent.

    async def _agent(self) -> None:
        self._ends.clear()
        self.is_held_back = False
        with self.working():
            limits = Limits(timing=Timing(delay_s=0.0))
            database = await Database.open(self.folder / "state/stationd.db", limits)
            stamp = Stamp("boot", 0.0, 1)
            outbox = await Outbox.open(database, stamp=lambda: stamp, schema=SCHEMA)
            endurance = Endurance()
            documents = EnduringDocuments(await Documents.open(database), endurance)
            journal = EnduringJournal(StoredJournal(database, outbox, {}), endurance, lambda: stamp)
        store = CuttableStore(StoredFirmwareUpdate(documents, journal), self)
        self.service = FirmwareUpdateService(self._ports(store, journal), self._settings())
        tasks = [asyncio.create_task(self.service.run()), asyncio.create_task(self._csms(journal))]
        try:
            await self._ends.wait()
        finally:
            self.service = None
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            with self.working():
                await outbox.close()
                await database.close()
            if self._power_failed:
                self._gets_power()
        assert [r for r in results if isinstance(r, Exception)] == []

    async def _csms(self, journal: EnduringJournal) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            while self.online and len(journal):
                head = journal.head()
                assert head is not None
                assert isinstance(head.event, FirmwareProgress)
                self.told[head.row_id] = head.event
                with self.working():
                    await journal.acknowledge(head.row_id)

    def _ports(self, store: CuttableStore, journal: EnduringJournal) -> FirmwarePorts:
        async def look(before: frozenset[str]) -> Observation:
            is_well = not (self.guard_is_lost or self._is("sick"))
            return Observation(guard_answers=is_well, csms_reached=self.online)

        rules = AddressRules(
            schemes=frozenset({"http"}), ports=frozenset({self.files.port}), private=True
        )
        roots = InstalledRoots(self.folder / "state/pki")
        return FirmwarePorts(
            slots=ApplicationSlots(
                self.layout.root, self.layout.state_dir, lambda: self.clock.now().timestamp()
            ),
            download=HttpDownload(rules, DownloadLimits(), ssl.create_default_context),
            trust=ManufacturerTrust(roots, self.layout.makers),
            store=store,
            queue=journal,
            clock=self.clock,
            tell=lambda kind, _info: self.security.append(kind),
            busy=lambda: self.is_charging,
            hold_back=self._hold_back,
            faults=frozenset,
            look=look,
        )

    def _settings(self) -> FirmwareSettings:
        return FirmwareSettings(
            version=self.mark.version,
            image=self.layout.outbox / "image",
            allow_unsigned=True,
            allows_new_sessions=lambda: self.allows_new_sessions,
        )

    def _hold_back(self, held_back: bool) -> None:
        if held_back and not self.is_held_back and self.somebody_is_let_in_at_the_switch:
            self.charges(120)
        self.is_held_back = held_back

    # --- Vehicles and files.

    def charges(self, seconds: float) -> None:
        """Let a driver begin, unless sessions are held back, and leave after a while."""
        is_open = self.service is not None and not self.keeper_is_deaf
        if is_open and not self.is_held_back and not self.is_charging:
            self.is_charging = True
            asyncio.get_running_loop().call_later(seconds, self._leaves)

    def _leaves(self) -> None:
        self.is_charging = False

    def serves(self, behaviour: str) -> None:
        """Let the file server behave from now on."""
        self.files.behave = {
            "well": self._sends,
            "breaks off": self._breaks_off,
            "knows no ranges": self._knows_no_ranges,
            "is out of order": lambda handler: handler.answers(503, {}),
        }[behaviour]

    def _sends(self, handler: Handler, after: int | None = None, *, ranges: bool = True) -> None:
        image = self.pool[handler.path.removeprefix("/")]
        self.files.content, self.files.tag = image.content, f'"{image.sha256}"'
        self.files.breaks_off_after, self.files.knows_ranges = after, ranges
        handler.sends_file()

    def _breaks_off(self, handler: Handler) -> None:
        self._sends(handler, len(self.pool[handler.path.removeprefix("/")].content) // 3)

    def _knows_no_ranges(self, handler: Handler) -> None:
        self._sends(handler, ranges=False)

    # --- Orders.

    async def orders(self, kind: str, **dates: Any) -> None:
        """Order an update; note the answer, or that the power failed before it."""
        service, active = self.service, self.state.active
        if service is None or not self.online:
            return
        is_unsigned, is_forged = kind == "unsigned", kind == "forged"
        name = self._named(kind)
        image = self.pool[name]
        signed = self.pool["rubbish"] if is_forged else image
        order = FirmwareOrder(
            request_id=len(self.asked) + 1,
            location=self.files.url(f"/{name}"),
            signing_certificate=None if is_unsigned else SIGNER.pem,
            signature=None if is_unsigned else signed.signature,
            **dates,
        )
        asked = Asked(order, kind, image, active)
        self.asked.append(asked)
        ordering = asyncio.create_task(service.order(order))
        ending = asyncio.create_task(self._ends.wait())
        await asyncio.wait({ordering, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ordering.done():
            asked.answer = ordering.result().status
        for task in (ordering, ending):
            task.cancel()
        await asyncio.gather(ordering, ending, return_exceptions=True)

    def _named(self, kind: str) -> str:
        if kind in self.pool:
            return kind
        present = self.mark.version
        newer = [version for version in VERSIONS if version > present]
        return newer[0] if newer and kind != "same" else VERSIONS[-1] if newer == [] else present


def full_disk_of(machine: Machine) -> Any:
    """Return what takes the place of `replace_file` for the state of the slots."""
    replace_file = slot_state.replace_file

    def refusing(path: Path, *words: Any) -> None:
        if machine.slots_disk_is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(path, *words)

    return refusing


def _downloads() -> bool:
    return any(thread.name == "firmware-download" for thread in threading.enumerate())


__all__ = [
    "START",
    "Asked",
    "Cut",
    "FirmwareStatus",
    "Machine",
    "Stage",
    "full_disk_of",
    "images",
    "linked_slot",
    "prepared",
]
