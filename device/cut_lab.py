"""A file system of the kernel on a disk that loses what was not flushed; nothing is booted."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from device.cut_disk import CutDisk

SIZE = 128 << 20
UNMOUNTS_S = 20.0
NEEDED = ("nbdfuse", "fusermount3", "mkfs.ext4", "losetup", "mount")


def obstacle() -> str:
    """Return why there is no laboratory here, '' if there is."""
    if os.geteuid() != 0:
        return "mounting disks needs root"
    if not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists():
        return "/dev/fuse and /dev/loop-control are needed"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install libnbd-bin fuse3 e2fsprogs"
    return ""


@contextlib.contextmanager
def laboratory(size: int = SIZE) -> Iterator["Laboratory"]:
    """Provide a laboratory in a folder that pytest does not clean while something is mounted."""
    folder = Path(tempfile.mkdtemp(prefix="stationd-cuts-"))
    try:
        yield Laboratory(folder, size)
    finally:
        shutil.rmtree(folder)


def trial() -> str:
    """Return why no disk can be mounted here, '' if one can: a container may not be allowed to."""
    try:
        with laboratory(8 << 20) as lab, lab.recording():
            return ""
    except (OSError, subprocess.SubprocessError, TimeoutError) as error:
        return f"no disk of our own can be mounted here: {error}"


class Laboratory:
    """Makes a file system, lets a workload use it, and mounts what cuts leave of it."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._image = folder / "image"
        names = ("live", "fuse", "left", "root")
        self.live, self._fuse, self.left, self.root = (folder / name for name in names)
        for path in (self.live, self._fuse, self.left, self.root):
            path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self._image)], check=True)

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Path]:
        """Mount the plain image, for what is there before any power is cut."""
        with self._mounted(self._image, self.live):
            yield self.live

    @contextlib.contextmanager
    def recording(self, content: bytearray | None = None) -> Iterator[CutDisk]:
        """Mount a disk with a volatile cache at `live`, and log what is done to it.

        It holds the image, or what another cut has left.
        """
        address = self._folder / "socket"
        address.unlink(missing_ok=True)
        disk = CutDisk(bytearray(self.base) if content is None else content, address)
        server = subprocess.Popen(
            ["nbdfuse", str(self._fuse / "disk"), f"nbd+unix:///?socket={address}"]
        )
        try:
            _await(self._fuse / "disk")
            with self._mounted(self._fuse / "disk", self.live):
                yield disk
        finally:
            self._let_go(server)
            disk.close()

    def _let_go(self, server: "subprocess.Popen[bytes]") -> None:
        """Unmount what the disk is served by; the kernel lets go of its loop device a bit later."""
        ends = time.monotonic() + UNMOUNTS_S
        while subprocess.run(["fusermount3", "-u", str(self._fuse)], check=False).returncode != 0:
            if time.monotonic() > ends:
                subprocess.run(["umount", "--lazy", str(self._fuse)], check=False)
                break
            time.sleep(0.2)
        try:
            server.wait(10.0)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    @property
    def base(self) -> bytes:
        """Return the content of the disk before the recording."""
        return self._image.read_bytes()

    @contextlib.contextmanager
    def after_a_cut(self, content: bytearray) -> Iterator[Path]:
        """Mount what a cut left, as the next start does."""
        found = self._folder / "found"
        found.write_bytes(content)
        with self._mounted(found, self.left):
            yield self.left

    @contextlib.contextmanager
    def _mounted(self, image: Path, place: Path) -> Iterator[None]:
        command = ["losetup", "--find", "--show", str(image)]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        device = found.stdout.strip()
        try:
            # A loop device that was used before may still show a block of what it held then.
            subprocess.run(["blockdev", "--flushbufs", device], check=True)
            subprocess.run(["mount", device, str(place)], check=True)
            try:
                yield
            finally:
                unmount(place)
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)


def unmount(place: Path) -> None:
    """Unmount; whatever was killed there lets go of it a moment later."""
    ends = time.monotonic() + UNMOUNTS_S
    while subprocess.run(["umount", str(place)], check=False).returncode != 0:
        if time.monotonic() > ends:
            raise TimeoutError(f"{place} is still in use")
        time.sleep(0.1)


def _await(path: Path) -> None:
    ends = time.monotonic() + 10.0
    while not path.exists():
        if time.monotonic() > ends:
            raise TimeoutError(f"{path} does not appear")
        time.sleep(0.02)
