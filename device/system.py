"""A Debian to boot: made once, kept in a cache, and laid over with what a test changes."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SUITE = {11: "bookworm", 13: "trixie"}.get(sys.version_info.minor, "")
PACKAGES = ("systemd", "systemd-sysv", "dbus", "udev", "python3", "init-system-helpers")
NEEDED = ("systemd-nspawn", "mmdebstrap", "nsenter", "dpkg-deb", "mount")


def obstacle() -> str:
    """Return why no Debian can be booted here, '' if one can."""
    if os.geteuid() != 0:
        return "booting a container needs root"
    if not SUITE:
        return (
            f"no Debian has Python 3.{sys.version_info.minor}, for which the package would be built"
        )
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install systemd-container mmdebstrap"
    return ""


def debian(more: tuple[str, ...] = ()) -> Path:
    """Return a root file system that nobody writes to; the first time it is made, in a minute."""
    words = (SUITE, *PACKAGES, *more)
    name = hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]
    cache = _cache()
    made = cache / name
    if not made.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = cache / f"{name}.{os.getpid()}"
        include = ",".join((*PACKAGES, *more))
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}", SUITE]
        subprocess.run([*command, str(fresh)], check=True)
        fresh.rename(made)
    return made


def extracted(architecture: str) -> Path:
    """Return Python and its libraries for another kind of machine, unpacked and never booted."""
    made = _cache() / f"{SUITE}-{architecture}"
    if not made.is_dir():
        fresh = made.with_name(f"{made.name}.{os.getpid()}")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        words = ("--variant=extract", f"--architectures={architecture}", "--include=python3", SUITE)
        subprocess.run(["mmdebstrap", "--quiet", *words, str(fresh)], check=True)
        fresh.rename(made)
    return made


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stationd-device"


@contextlib.contextmanager
def overlay(more: tuple[str, ...] = ()) -> Iterator[Path]:
    """Provide a writable system over the cached one, with `more` packages; nothing of it stays.

    It lies outside pytest's folders, which are removed without a look at what is mounted there.
    """
    folder = Path(tempfile.mkdtemp(prefix="stationd-device-"))
    root = folder / "root"
    try:
        lay_over(folder, root, more)
        try:
            yield root
        finally:
            subprocess.run(["umount", str(root)], check=True)
    finally:
        shutil.rmtree(folder)


def lay_over(changes: Path, root: Path, more: tuple[str, ...] = ()) -> None:
    """Mount the cached system at `root`, with what is changed in it kept in a folder."""
    for made in (changes / "upper", changes / "work", root):
        made.mkdir(exist_ok=True)
    layers = f"lowerdir={debian(more)},upperdir={changes}/upper,workdir={changes}/work"
    command = ["mount", "-t", "overlay", "stationd-device", "-o", layers, str(root)]
    subprocess.run(command, check=True)
