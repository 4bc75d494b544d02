"""The slots of the stories keep the contract that the real ones keep."""

from pathlib import Path

import pytest

from agent.ports import Slots
from tests.slots_contract import Machine, SlotsContract
from tests.stories.slots import FolderSlots, image_of


class FolderMachine(Machine):
    """Slots as folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._restarts = 0
        self._slots = FolderSlots(folder / "slots", self._restart)

    @property
    def slots(self) -> Slots:
        return self._slots

    def image(self) -> Path:
        image = self._folder / "image"
        image.write_bytes(image_of("1.1.0"))
        return image

    def bad_image(self) -> Path:
        image = self._folder / "bad"
        image.write_bytes(b"#!/bin/sh\n")
        return image

    @property
    def restarts(self) -> int:
        return self._restarts

    def start(self) -> str:
        return self._slots.start()

    def _restart(self) -> None:
        self._restarts += 1


class TestFolderSlots(SlotsContract):
    """Slots without a service manager."""

    @pytest.fixture
    def machine(self, tmp_path: Path) -> Machine:
        return FolderMachine(tmp_path)
