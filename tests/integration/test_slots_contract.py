"""Both real backends keep the contract of the port."""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.ports import Slots
from agent.update import application_slots
from agent.update.application_slots import ApplicationSlots
from agent.update.rauc_slots import RaucSlots
from tests.integration.rauc_bench import RaucBench, obstacle, rauc_bench
from tests.slots_contract import Machine, SlotsContract
from tests.unit.update.station_rig import Station


class ApplicationMachine(Machine):
    """A station below a folder; a task starts the privileged side as the path unit does."""

    def __init__(self, folder: Path) -> None:
        self._station = Station(folder)
        self._folder = folder

    @property
    def slots(self) -> Slots:
        return ApplicationSlots(self._station.layout.root)

    def image(self) -> Path:
        return self._station.bundle(name="download").rename(self._folder / "download")

    def bad_image(self) -> Path:
        image = self.image()
        content = bytearray(image.read_bytes())
        content[len(content) // 2] ^= 1
        image.write_bytes(content)
        return image

    @property
    def restarts(self) -> int:
        return sum("restart" in words for words in self._station.ran)

    def start(self) -> str:
        return self._station.starts()

    async def serve(self) -> None:
        while True:
            if self._station.layout.request.exists():
                await asyncio.to_thread(self._station.keeper.serve)
            await asyncio.sleep(0.01)


class TestApplicationSlots(SlotsContract):
    """Two trees, of which root chooses one before every start."""

    @pytest.fixture
    async def machine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Machine]:
        monkeypatch.setattr(application_slots, "POLL_S", 0.01)
        machine = ApplicationMachine(tmp_path / "machine")
        serving = asyncio.create_task(machine.serve())
        yield machine
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


class RaucMachine(Machine):
    """A machine whose boot loader tries a system a few times, as U-Boot does."""

    TRIES = 3

    def __init__(self, bench: RaucBench) -> None:
        self._bench = bench
        self._state_dir = bench.folder / "state"
        self._state_dir.mkdir()
        self._boots = self._restarts = 0
        self._left = dict.fromkeys("AB", self.TRIES)
        self._primary = bench.says("primary")

    @property
    def slots(self) -> Slots:
        return RaucSlots(
            self._state_dir, self._bench.address, self._restart, boot_id=lambda: str(self._boots)
        )

    def image(self) -> Path:
        return self._bench.bundle(b"system 2" * 4096)

    def bad_image(self) -> Path:
        image = self.image()
        image.write_bytes(image.read_bytes()[:-100])
        return image

    @property
    def restarts(self) -> int:
        return self._restarts

    def start(self) -> str:
        self._boots += 1
        system = self._bench.says("primary")
        if system != self._primary:
            self._left[system] = self.TRIES
        if self._bench.says(f"state-{system}") != "good":
            if not self._left[system]:
                system = "A" if system == "B" else "B"
                (self._bench.folder / "primary").write_text(system)
            else:
                self._left[system] -= 1
        self._primary = system
        self._bench.boot(system)
        return system

    async def _restart(self) -> None:
        self._restarts += 1


@pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "RAUC runs here")
@pytest.mark.skipif(
    importlib.util.find_spec("dbus_fast") is None, reason="the extra `rauc` is not installed"
)
class TestRaucSlots(SlotsContract):
    """Two systems, of which the boot loader chooses one at every boot."""

    @pytest.fixture
    def machine(self, tmp_path: Path) -> Iterator[Machine]:
        (tmp_path / "machine").mkdir()
        with rauc_bench(tmp_path / "machine") as bench:
            yield RaucMachine(bench)
