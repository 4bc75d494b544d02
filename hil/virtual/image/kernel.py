"""Debian's kernel for arm64, and the bench's own modules for it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hil.virtual.image.debian import ARCHITECTURE, Apt, build_architecture, unpack
from hil.virtual.image.programs import BuildFailed, run

MODULES = Path(__file__).parents[1] / "modules"
GNU_TYPE = "aarch64-linux-gnu"
COMPILER = f"{GNU_TYPE}-gcc-12"


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: `release` as `uname -r` says it, `folder` with `boot` and `lib`."""

    release: str
    folder: Path

    @property
    def image(self) -> Path:
        """The file that boots."""
        return self.folder / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """The folder of its modules, with `modules.dep`."""
        return self.folder / "lib" / "modules" / self.release


def fetch(apt: Apt, folder: Path) -> Kernel:
    """Download and unpack the newest kernel, and build the bench's modules for it."""
    release = _release(apt)
    abi = release.removesuffix(f"-{ARCHITECTURE}")
    series = ".".join(release.split(".")[:2])
    packages = (
        f"linux-image-{release}:{ARCHITECTURE}",
        f"linux-headers-{release}:{ARCHITECTURE}",
        f"linux-headers-{abi}-common",
        f"linux-kbuild-{series}:{build_architecture()}",
    )
    folder.mkdir()
    for package in apt.download(packages):
        unpack(package, folder)
    kernel = Kernel(release, folder)
    _build_modules(kernel, folder / "bench-modules")
    run("depmod", "--basedir", folder, release)
    return kernel


def _release(apt: Apt) -> str:
    prefix = "linux-image-"
    for package in apt.resolve([f"linux-image-{ARCHITECTURE}"]):
        name = package.partition(":")[0]
        release = name.removeprefix(prefix)
        if release != name and release[0].isdigit():
            return release
    raise BuildFailed(f"apt finds no kernel for {ARCHITECTURE}")


def _build_modules(kernel: Kernel, place: Path) -> None:
    headers = kernel.folder / "usr" / "src" / f"linux-headers-{kernel.release}"
    makefile = headers / "Makefile"
    makefile.write_text(
        makefile.read_text("ascii").replace("/usr/src/", f"{headers.parent}/", 1), "ascii"
    )
    shutil.copytree(MODULES, place)
    run(
        *("make", "-C", headers, f"M={place}", f"ARCH={ARCHITECTURE}"),
        *(f"CROSS_COMPILE={GNU_TYPE}-", f"CC={COMPILER}"),
        *(f"DEB_HOST_GNU_TYPE={GNU_TYPE}", f"DEB_HOST_ARCH={ARCHITECTURE}"),
        f"DEB_BUILD_ARCH={build_architecture()}",
        "CONFIG_DEBUG_INFO_BTF_MODULES=",
        "modules",
    )
    extra = kernel.modules / "extra"
    extra.mkdir()
    for module in place.glob("*.ko"):
        run(f"{GNU_TYPE}-strip", "--strip-debug", module)
        shutil.copy(module, extra)
