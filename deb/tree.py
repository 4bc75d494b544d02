"""The application tree: this repository and the libraries that it needs, as they lie in a slot."""

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_OLDEST_GLIBC, _NEWEST_GLIBC = 17, 36
"""Debian 12 has 2.36, and runs what was built for an older one."""


@dataclass(frozen=True)
class Target:
    """What a tree is for: the kernel's name of the processor, and the minor version of Python."""

    machine: str
    python: str

    @property
    def site(self) -> str:
        """Return the folder of the libraries in the tree."""
        return f"lib/python{self.python}/site-packages"


HERE = Target(platform.machine(), f"{sys.version_info.major}.{sys.version_info.minor}")
SITE = HERE.site


def make_tree(tree: Path, scratch: Path, target: Target = HERE) -> None:
    """Install this repository and its dependencies, wheels only, into an empty folder.

    Nothing is compiled or executed for it, so that one kind of machine makes trees for another.
    What an installation leaves behind about itself is removed, so that the same versions give the
    same tree.
    """
    shutil.rmtree(tree, ignore_errors=True)
    site = tree / target.site
    site.mkdir(parents=True)
    _pip("wheel", "--no-deps", "--wheel-dir", str(scratch), str(ROOT))
    (wheel,) = scratch.glob("stationd-*.whl")
    words = ("install", "--no-compile", "--only-binary", ":all:", *_kind_of(target))
    _pip(*words, "--target", str(site), str(wheel))
    for left in (
        site / "bin",
        *site.rglob("__pycache__"),
        *site.glob("*.dist-info/direct_url.json"),
    ):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    for record in (*site.glob("*.dist-info/RECORD"), *site.glob("*.dist-info/REQUESTED")):
        record.unlink()
    normalize(tree)


def _kind_of(target: Target) -> list[str]:
    """Return what tells pip to take wheels of another kind; this machine's need no words."""
    if target == HERE:
        return []
    glibcs = range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)
    kinds = [f"--platform=manylinux_2_{minor}_{target.machine}" for minor in glibcs]
    kinds.append(f"--platform=manylinux2014_{target.machine}")
    return [*kinds, f"--python-version={target.python}", "--implementation=cp"]


def normalize(tree: Path) -> None:
    """Give every file the rights it has in a slot or package, whatever the umask."""
    for path in (tree, *tree.rglob("*")):
        is_run = path.is_dir() or bool(path.stat().st_mode & 0o100)
        path.chmod(0o755 if is_run else 0o644)


def _pip(*words: str) -> None:
    """Run pip, which tells of errors alone."""
    command = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True)
