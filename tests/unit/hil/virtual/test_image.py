"""The pure parts of building an image: which modules, and the archive that the kernel unpacks."""

import gzip
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.virtual.image.initrd import write_initrd
from hil.virtual.image.module_closure import closure

DEPENDENCIES = """\
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/fs/mbcache.ko:
kernel/lib/crc16.ko:
kernel/crypto/crc32c_generic.ko:
kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio.ko:
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/watchdog/i6300esb.ko:
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A kernel's folder of modules."""
    folder = tmp_path / "modules"
    for line in DEPENDENCIES.splitlines():
        file = folder / line.partition(":")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file.name.encode())
    (folder / "modules.dep").write_text(DEPENDENCIES, "ascii")
    (folder / "modules.builtin").write_text("kernel/drivers/net/net_failover.ko\n", "ascii")
    return folder


def test_a_module_comes_after_all_that_it_needs(modules: Path) -> None:
    names = [Path(path).name for path in closure(modules, ["ext4", "virtio_blk"])]
    assert names == ["jbd2.ko", "mbcache.ko", "crc16.ko", "ext4.ko", "virtio.ko", "virtio_blk.ko"]


def test_a_module_that_two_others_need_is_loaded_once(modules: Path) -> None:
    paths = closure(modules, ["virtio_pci", "virtio_blk"])
    assert len(paths) == len(set(paths)) == 3


def test_what_is_built_into_the_kernel_is_left_out_whatever_its_dashes(modules: Path) -> None:
    assert closure(modules, ["net-failover"]) == []


def test_a_module_that_no_kernel_has_is_an_error(modules: Path) -> None:
    with pytest.raises(LookupError, match="no module no_such"):
        closure(modules, ["no_such"])


def _members(archive: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Read a cpio archive ("newc") as the kernel does: heads of hex numbers, padded to four."""
    at = 0
    while True:
        head = archive[at : at + 110]
        assert head[:6] == b"070701"
        numbers = [int(head[6 + 8 * i : 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = numbers[1], numbers[6], numbers[11]
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        at = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return
        yield name, mode, archive[at : at + size]
        at = (at + size + 3) // 4 * 4


def test_the_archive_has_an_init_that_loads_the_modules_and_leads_to_the_disk(
    modules: Path, tmp_path: Path
) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"\x7fELF odd")
    write_initrd(tmp_path / "initrd", modules, busybox)
    members = {
        name: (mode, content)
        for name, mode, content in _members(gzip.decompress((tmp_path / "initrd").read_bytes()))
    }
    mode, init = members["init"]
    assert stat.S_ISREG(mode)
    assert mode & 0o111
    script = init.decode()
    loaded = [line.split("/")[-1] for line in script.splitlines() if line.startswith("insmod")]
    assert loaded[-1] == "i6300esb.ko"
    assert loaded.index("virtio.ko") < loaded.index("virtio_blk.ko") < loaded.index("ext4.ko")
    assert all(members[f"modules/{name}"][1] == name.encode() for name in loaded)
    assert script.rstrip().endswith("exec switch_root /target /sbin/init")
    assert stat.S_ISDIR(members["target"][0])
    assert members["bin/busybox"][1] == b"\x7fELF odd"
    assert stat.S_ISLNK(members["bin/sh"][0])
    assert members["bin/sh"][1] == b"busybox"
