"""The power of a booted device is cut while it carries out an update that its CSMS has ordered.

Its disk loses what was not flushed. Each update is cut once in each of its stages, at a random
moment; after each cut the device boots a version that works and has kept what it had said to keep,
and in the end the CSMS has heard the truth. `--device-cuts N` cuts so often.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from agent.sim.csms import Csms
from agent.sim.csms_link import StationNotConnected
from agent.sim.csms_station import Station as Record
from agent.sim.frames import Payload
from agent.update.layout import Layout
from agent.update.slot_link import linked_slot
from agent.update.slot_state import SlotStateError, load
from agent.update.slot_tree import read_mark
from device import cut_lab
from device.cut_machine import DISK_BYTES, CutMachine
from device.ordering import ENDS, PATIENCE_S, Orders, images_from
from device.product import Product
from device.station import Station
from tests.integration.file_server import FileServer

pytestmark = [
    pytest.mark.quick,
    pytest.mark.timeout(6 * 3600),
    pytest.mark.skipif(bool(cut_lab.obstacle()), reason=cut_lab.obstacle() or "there is one"),
]
LOOK_S = 0.05
KEPT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
SENT_PER_S = 2 << 20
"""A slow line: an image of 10 MB is on its way for some seconds."""


class Stage(StrEnum):
    """Where an update is, as far as somebody beside the device sees it."""

    DOWNLOAD = "download"
    INSTALLATION = "installation"
    SWITCH = "switch"
    FIRST_BOOT = "first boot"
    CONFIRMATION = "confirmation"


LASTS_S = {
    Stage.DOWNLOAD: 5.0,
    Stage.INSTALLATION: 8.0,
    Stage.SWITCH: 1.5,
    Stage.FIRST_BOOT: 3.0,
    Stage.CONFIRMATION: 14.0,
}
"""About how long each takes; a cut somewhat after its end is one in the next."""


@dataclass
class Watch:
    """What is seen of one device, and what it has said to keep."""

    site: Station
    orders: Orders
    kept: set[int] = field(default_factory=set)
    """What OfflineThreshold may be: the value that was accepted last, or one still unanswered."""
    sessions: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def layout(self) -> Layout:
        return Layout(self.site.container.root)

    def has_begun(self, stage: Stage, request_id: int) -> bool:
        told = self.orders.told(request_id)
        match stage:
            case Stage.DOWNLOAD:
                return "Downloading" in told
            case Stage.INSTALLATION:
                return "Installing" in told
            case Stage.SWITCH:
                return "InstallRebooting" in told
            case Stage.FIRST_BOOT:
                return self.is_on_trial()
            case Stage.CONFIRMATION:
                return self.is_on_trial() and self.orders.record.connected

    def is_on_trial(self) -> bool:
        """Tell whether the new version was chosen and not kept yet; its files are read outside."""
        try:
            trial = load(self.layout.state).trial
        except SlotStateError:
            return False
        return trial is not None and trial == linked_slot(self.layout)

    async def keep_something(self, value: int) -> None:
        """Have the device accept a value; without an answer it may or may not have it."""
        data = {"setVariableData": [{**KEPT, "attributeValue": str(value)}]}
        self.kept.add(value)
        try:
            answer = await self.orders.record.call("SetVariables", data, 5.0)
        except (StationNotConnected, TimeoutError, OSError):
            return
        if answer["setVariableResult"][0]["attributeStatus"] == "Accepted":
            self.kept = {value}

    async def check_kept(self) -> None:
        """After a cut: a version that works runs, and nothing that was said is forgotten."""
        await asyncio.to_thread(self.site.await_agent, PATIENCE_S)
        runs = linked_slot(self.layout)
        assert runs is not None
        assert read_mark(self.layout.slots / runs) is not None
        assert await asyncio.to_thread(self.stored_sessions) == self.sessions
        answer = await asked(self.orders.record, "GetVariables", {"getVariableData": [KEPT]})
        found = int(answer["getVariableResult"][0]["attributeValue"])
        assert found in self.kept, (found, self.kept)
        self.kept = {found}

    def stored_sessions(self) -> int:
        text = self.site.container.text("stationd", "transactions", "--json")
        return len(json.loads(text)["transactions"])

    async def check_truth(self, request_id: int, before: str, ordered: str) -> None:
        """In the end exactly one end was told, and it is what the device does."""
        statuses = await self.orders.end(request_id)
        ends = [status for status in statuses if status in ENDS]
        runs = await asyncio.to_thread(self.site.running_version)
        assert set(ends) <= {"Installed", "InstallationFailed"}, statuses
        assert len(set(ends)) == 1, statuses
        assert statuses[-1] == ends[-1], statuses
        assert runs == (ordered if ends[0] == "Installed" else before), (runs, statuses)
        slots = await asyncio.to_thread(self.site.slots)
        assert slots["on_trial"] is None
        assert slots["confirmed"] == slots["runs"]
        self.seen[ends[0]] += 1


async def asked(record: Record, action: str, payload: Payload) -> Payload:
    """Ask as soon as the station is connected."""
    ends = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return await record.call(action, payload, 5.0)
        except (StationNotConnected, TimeoutError, OSError):
            assert asyncio.get_running_loop().time() < ends
            await asyncio.sleep(0.5)


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with FileServer(bytes_per_s=SENT_PER_S).serving() as files:
        yield files


@pytest.fixture(scope="module")
def machine(bootable: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutMachine]:  # noqa: ARG001 - it skips
    if reason := cut_lab.trial():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("machine")
    seed = random.randrange(2**32)  # noqa: S311 - printed, so that it can be repeated
    with (
        cut_lab.laboratory(DISK_BYTES) as lab,
        CutMachine(lab, lab.root, folder / "console.log", seed) as machine,
    ):
        yield machine


def install(machine: CutMachine, site: Station, files: FileServer) -> None:
    """Install, and charge once, so that there is something to lose."""
    site.install_package()
    site.connect_board()
    site.configure(images_from(files))
    site.trust_the_maker()
    site.start()
    site.await_agent()
    site.charge()
    site.leave()
    machine.set_up()
    site.await_agent()


@dataclass
class Cutter:
    """Cuts the power once in each stage of each update, until it was cut often enough."""

    machine: CutMachine
    watch: Watch
    dice: random.Random
    left: int

    async def update(self, number: int) -> None:
        site, version = self.watch.site, f"0.2.{number}"
        before = await asyncio.to_thread(site.running_version)
        image = await asyncio.to_thread(site.product.bundle, version)
        await self.watch.orders.order(number, image)
        for stage in Stage:
            if self.left:
                await self._cut(stage, number)
        await self.watch.check_truth(number, before, version)
        image.unlink()

    async def _cut(self, stage: Stage, number: int) -> None:
        watch = self.watch
        wait_s = PATIENCE_S
        while not watch.has_begun(stage, number) and not watch.orders.is_over(number):
            await asyncio.sleep(LOOK_S)
            wait_s -= LOOK_S
            assert wait_s > 0, (stage, watch.orders.told(number))
        await watch.keep_something(1000 + self.left)
        delay_s = self.dice.uniform(0.0, LASTS_S[stage])
        await asyncio.sleep(delay_s)
        self.left -= 1
        told = watch.orders.told(number)
        print(f"update {number}, {stage}, after {delay_s:.2f} s: told {told}", flush=True)
        await asyncio.to_thread(self.machine.cut_power)
        watch.seen[stage] += 1
        await watch.check_kept()


async def test_wherever_the_power_of_a_device_is_cut_its_update_ends_with_the_truth(
    machine: CutMachine,
    product: Product,
    files: FileServer,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    tmp_path: Path,
) -> None:
    print(f"seed {machine.seed}")
    site = Station(machine.container, product, tmp_path)
    async with Csms(port=site.port, versions=("ocpp2.0.1",), ping_interval_s=None) as csms:
        record = csms.station("CS001")
        await asyncio.to_thread(install, machine, site, files)
        await record.wait_for(lambda s: s.registration == "Accepted", 60.0)
        watch = Watch(site, Orders(record, files, product.maker))
        await watch.keep_something(999)
        watch.sessions = await asyncio.to_thread(watch.stored_sessions)
        assert watch.sessions >= 1
        dice = random.Random(machine.seed)  # noqa: S311 - moments are no secret
        cutter = Cutter(machine, watch, dice, request.config.getoption("device_cuts"))
        number = 0
        while cutter.left:
            number += 1
            await cutter.update(number)
        if not watch.seen["Installed"]:  # so many cuts may use up the tries of a version
            await cutter.update(number + 1)
        resumed = [r for r in files.requests if "Range" in r]
        record_property("cuts and ends", {**watch.seen, "downloads gone on with": len(resumed)})
        print(f"{dict(watch.seen)}, {len(resumed)} downloads were gone on with")
        assert watch.seen["Installed"]
