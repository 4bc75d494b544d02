"""An installed station below a folder: slots, state and makers, but no service manager."""

import dataclasses
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.update import installer
from agent.update.bundle import seal, write_unsigned
from agent.update.layout import Layout
from agent.update.manifest import BundledFile, Manifest
from agent.update.requests import (
    Answer,
    Order,
    Outcome,
    Request,
    read_answer,
    write_request,
)
from agent.update.selector import select
from agent.update.slot_keeper import INSTALLER, SlotKeeper
from agent.update.slot_link import linked_slot
from agent.update.slot_state import SlotState, load
from agent.update.slot_tree import read_mark
from tests.unit.update.trees import ROOT, bundle, plant

HERE = Manifest(
    product="stationd",
    version="1.1.0",
    hardware=("AC22",),
    machine=platform.machine(),
    python=f"3.{sys.version_info.minor}",
    minimum_version="1.0.0",
    rollback_index=3,
    files=(),
)
SITE = f"lib/python3.{sys.version_info.minor}/site-packages"
TREE = {
    f"{SITE}/agent/__init__.py": b'VERSION = "old"\n',
    f"{SITE}/agent/data.json": b"{}" * 2000,
    f"{SITE}/hal/__init__.py": b"",
}
NEW_TREE = {
    **TREE,
    f"{SITE}/agent/__init__.py": b'VERSION = "new"\n',
    f"{SITE}/more.py": b"x = 1\n",
}


def unsealed(file: Path, manifest: Manifest, tree: Path) -> Path:
    """A bundle as a package brings it: the package manager vouches for it, no signature does."""

    def complete(files: tuple[BundledFile, ...]) -> Manifest:
        return dataclasses.replace(manifest, files=files)

    write_unsigned(file, complete, tree)
    seal(file, "", lambda _: b"")
    return file


@dataclass
class Station:
    """A station with version 1.0.0 in slot a."""

    root: Path
    ran: list[tuple[str, ...]] = field(default_factory=list)
    guard_runs: bool = True

    def attach(self) -> None:
        """Use what lies in the folder."""
        self.layout = Layout(self.root / "station")
        self.keeper = SlotKeeper(self.layout, self.run)

    def __post_init__(self) -> None:
        self.attach()
        for folder in (self.layout.makers, self.layout.outbox, self.layout.answer.parent):
            folder.mkdir(parents=True)
        (self.layout.makers / "maker.pem").write_text(ROOT.pem)
        self.layout.config.write_text('[station]\nmodel = "AC22"\n')
        tree = plant(self.root / "old-tree", TREE)
        old = dataclasses.replace(HERE, version="1.0.0", rollback_index=2)
        self.keeper.adopt(unsealed(self.root / "package", old, tree))
        select(self.layout)

    def run(self, command: Sequence[str]) -> int:
        """Take the service manager's place: the installer runs here, other commands are noted."""
        words = tuple(command)
        if INSTALLER in words:
            linked = linked_slot(self.layout)
            assert words[0] == str(self.layout.slots / f"{linked}/bin/python")
            return installer.main(words[4:], self.layout)
        self.ran.append(words)
        return 0 if self.guard_runs or "is-active" not in words else 3

    @property
    def state(self) -> SlotState:
        return load(self.layout.state)

    def bundle(
        self, manifest: Manifest = HERE, tree: Mapping[str, bytes] = NEW_TREE, name: str = "image"
    ) -> Path:
        """A genuine bundle, where the agent puts what it downloaded."""
        planted = plant(self.root / f"tree-{os.urandom(4).hex()}", tree)
        return bundle(self.layout.outbox / name, planted, manifest)

    def ask(self, order: Order, **more: str) -> Answer:
        """Do as the agent does, and as the service manager then does."""
        request = Request(order=order, number=os.urandom(16).hex(), **more)
        write_request(self.layout.request, request)
        self.keeper.serve()
        answer = read_answer(self.layout.answer)
        assert answer is not None
        assert answer.number == request.number
        return answer

    def install(self, manifest: Manifest = HERE, tree: Mapping[str, bytes] = NEW_TREE) -> None:
        self.bundle(manifest, tree)
        assert self.ask(Order.INSTALL, image="image").outcome is Outcome.DONE

    def try_new(self) -> None:
        self.install()
        assert self.ask(Order.ACTIVATE).outcome is Outcome.DONE

    def starts(self) -> str:
        """Start the agent: return the version that starts."""
        selection = select(self.layout)
        self.keeper.selected(selection)
        assert linked_slot(self.layout) == selection.slot
        mark = read_mark(self.layout.current)
        assert mark is not None
        source = (self.layout.current / SITE / "agent/__init__.py").read_text()
        assert ("old" in source) == (mark.version == "1.0.0")
        return mark.version

    def old_slot(self) -> dict[str, bytes]:
        """Everything in slot a, to see that it is untouched."""
        slot = self.layout.slots / "a"
        return {
            path.relative_to(slot).as_posix(): path.read_bytes()
            for path in sorted(slot.rglob("*"))
            if path.is_file()
        }
