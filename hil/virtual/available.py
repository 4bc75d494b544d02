"""What this computer lacks to run the bench `virtual`."""

import importlib.util
import os
import shutil
from pathlib import Path

from hil.virtual.image.kernel import COMPILER
from hil.virtual.machine import QEMU

_PROGRAMS = {
    QEMU: "qemu-system-aarch64 (Debian: qemu-system-arm)",
    COMPILER: f"{COMPILER} (Debian: gcc-12-aarch64-linux-gnu)",
    "make": "make",
    "mke2fs": "mke2fs (Debian: e2fsprogs)",
    "depmod": "depmod (Debian: kmod)",
    "dpkg-deb": "dpkg-deb, which Debian and its descendants have",
    "apt-get": "apt-get, which Debian and its descendants have",
    "git": "git",
}
_ALSO_IN = os.pathsep.join(("/usr/sbin", "/sbin"))


INSTALLER = "hil/virtual/install-tools.sh"


def sentence() -> str:
    """Return what is missing and who installs it, in one sentence; empty if nothing is."""
    lacking = missing()
    if not lacking:
        return ""
    return f"it needs {', '.join(lacking)}; on Debian, run {INSTALLER} as root"


def missing() -> list[str]:
    """Return what must be installed first, in words."""
    path = os.environ.get("PATH", os.defpath) + os.pathsep + _ALSO_IN
    lacking = [words for name, words in _PROGRAMS.items() if not shutil.which(name, path=path)]
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        lacking.append("Debian's archive keys (debian-archive-keyring)")
    if not hasattr(os, "memfd_create") or not hasattr(os, "eventfd"):
        lacking.append("a Python for Linux")
    if importlib.util.find_spec("pip") is None:
        lacking.append("pip in this virtual environment")
    return lacking
