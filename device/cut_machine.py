"""A machine in a container whose disk loses in a power cut what was not flushed."""

import random
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from device.container import Container
from device.cut_disk import CutDisk, Cuts
from device.cut_lab import Laboratory, unmount
from device.system import lay_over

DISK_BYTES = 400 << 20
"""Two slots, an image three times on its way, and what a download leaves free."""


class CutMachine:
    """Everything that the container changes lies on the laboratory's disk.

    It is set up on a plain disk, then booted again with every write and flush recorded.
    """

    def __init__(self, lab: Laboratory, root: Path, log: Path, seed: int) -> None:
        self.container = Container(root, log)
        self._lab, self._root = lab, root
        self.seed = seed
        self._dice = random.Random(seed)  # noqa: S311 - what a cut leaves is no secret
        self._mounts = ExitStack()
        self._disk: CutDisk | None = None
        self._base = b""

    def __enter__(self) -> Self:
        """Boot, on a disk that loses nothing."""
        self._mounts.enter_context(self._lab.prepared())
        self._boot()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        try:
            self.container.power_off()
        finally:
            self._mounts.close()

    def set_up(self) -> None:
        """Call what is there the beginning: from now on power may be cut."""
        self.container.power_off()
        self._mounts.close()
        self._record(bytearray(self._lab.base))

    def cut_power(self) -> None:
        """Cut, and boot what the disk is left with: of what was not flushed a random part."""
        assert self._disk is not None, "set_up comes first"
        done = self._disk.seen_so_far()
        self.container.cut_power()
        self._mounts.close()
        self._record(Cuts(self._base, done, self._dice.randrange(2**32)).at(len(done)))

    def _record(self, content: bytearray) -> None:
        self._base = bytes(content)
        self._disk = self._mounts.enter_context(self._lab.recording(content))
        self._boot()

    def _boot(self) -> None:
        lay_over(self._lab.live, self._root)
        self._mounts.callback(unmount, self._root)
        self.container.boot()
