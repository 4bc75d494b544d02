"""The image in the cache, built when what it is made of has changed."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hil.virtual.image import kernel as kernels
from hil.virtual.image.debian import Apt
from hil.virtual.image.disk import make_disk
from hil.virtual.image.initrd import write_initrd
from hil.virtual.image.product import SOURCES, write_product
from hil.virtual.image.root import CHECKOUT, make_root

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stationd-bench"
KEPT_S = 7 * 24 * 3600.0
"""How long an image stays that nobody has asked for: another checkout may have its own."""
SPARE_MIB = 96
_BASE_SOURCES = ("hil/virtual/image", "hil/virtual/modules", "hil/virtual/guest")
_BASE_FILES = ("hil/virtual/control_in_guest.py", "pyproject.toml", "systemd")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine boots from; `release` is the kernel's, `root` and `product` are disks."""

    release: str
    kernel: Path
    initrd: Path
    root: Path
    product: Path


def built(*, anew: bool = False) -> Image:
    """Return the image, from the cache or made now; raises `BuildFailed`.

    `anew` makes it again, with whatever kernel and packages Debian has by now.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / "lock"):
        for left in CACHE.glob("new-*"):  # by a build that was killed
            shutil.rmtree(left)
        base = _ensured("base", (*_BASE_SOURCES, *_BASE_FILES), _build_base, anew=anew)
        product = _ensured("product", (*SOURCES, *_BASE_SOURCES), _build_product, anew=anew)
    facts = json.loads((base / "facts.json").read_text("ascii"))
    return Image(
        facts["release"],
        base / "vmlinuz",
        base / "initrd",
        base / "root.img",
        product / "product.img",
    )


def _ensured(
    kind: str, sources: Iterable[str], build: Callable[[Path], None], *, anew: bool
) -> Path:
    """Return the folder of what is made of some sources; make it first where it is not there."""
    folder = CACHE / f"{kind}-{_key(sources)[:16]}"
    if anew or not folder.is_dir():
        started_s = time.monotonic()
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=CACHE))
        try:
            build(fresh)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        _log.info("built %s in %.1f s", kind, time.monotonic() - started_s)
    os.utime(folder)
    _forget_old(kind)
    return folder


def _forget_old(kind: str) -> None:
    for folder in CACHE.glob(f"{kind}-*"):
        if time.time() - folder.stat().st_mtime > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


def _build_base(folder: Path) -> None:
    work = folder / "work"
    work.mkdir()
    apt = Apt(CACHE / "apt")
    apt.update()
    kernel = kernels.fetch(apt, work / "kernel")
    root = work / "root"
    root.mkdir()
    make_root(root, apt, kernel)
    shutil.copy(kernel.image, folder / "vmlinuz")
    write_initrd(folder / "initrd", kernel.modules, root / "usr" / "bin" / "busybox")
    make_disk(root, folder / "root.img", spare_mib=SPARE_MIB)
    (folder / "facts.json").write_text(json.dumps({"release": kernel.release}), "ascii")
    shutil.rmtree(work)


def _build_product(folder: Path) -> None:
    write_product(folder / "product.img")


def _key(sources: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in _files(sources):
        digest.update(f"{path}\0{(CHECKOUT / path).stat().st_mode:o}\0".encode())
        digest.update((CHECKOUT / path).read_bytes())
    return digest.hexdigest()


def _files(sources: Iterable[str]) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *sources],  # noqa: S607
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(name for name in listed.stdout.split("\0") if (CHECKOUT / name).is_file())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
