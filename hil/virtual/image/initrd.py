"""The first root of the machine: a busybox and the modules that lead to the disk."""

import gzip
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from hil.virtual.image.module_closure import closure

# What the disks need; the watchdog is there before systemd is, which takes it over; crc32c is a
# dependency of ext4 that modules.dep does not know.
WANTED = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "i6300esb")
APPLETS = ("sh", "mount", "insmod", "sleep", "switch_root")

_INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
{load}
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do sleep 0.1; done
mount -t ext4 /dev/vda /target
mount -t ext4 -o ro /dev/vdb /target/opt/product
mount -o move /dev /target/dev
mount -o move /proc /target/proc
mount -o move /sys /target/sys
exec switch_root /target /sbin/init
"""


def write_initrd(target: Path, modules: Path, busybox: Path) -> None:
    """Write a compressed cpio archive; `modules` is the kernel's folder of modules."""
    paths = [modules / path for path in closure(modules, WANTED)]
    load = "\n".join(f"insmod /modules/{path.name}" for path in paths)
    folders = ("bin", "dev", "modules", "proc", "target", "sys")
    files: dict[str, bytes] = {f"modules/{path.name}": path.read_bytes() for path in paths}
    files["bin/busybox"] = busybox.read_bytes()
    files["init"] = _INIT.format(load=load).encode()
    links = {f"bin/{applet}": "busybox" for applet in APPLETS}
    target.write_bytes(gzip.compress(_archive(folders, files, links), compresslevel=1))


def _archive(folders: Iterable[str], files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    """Return a cpio archive in the format that the kernel reads ("newc")."""
    members = [(name, stat.S_IFDIR | 0o755, b"") for name in folders]
    members += [(name, stat.S_IFREG | 0o755, content) for name, content in files.items()]
    members += [(name, stat.S_IFLNK | 0o777, goal.encode()) for name, goal in links.items()]
    members.append(("TRAILER!!!", 0, b""))
    return b"".join(_member(i, *member) for i, member in enumerate(members, 1))


def _member(number: int, name: str, mode: int, content: bytes) -> bytes:
    numbers = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % one for one in numbers) + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
