"""The application tree: this repository and the libraries that it needs, as they lie in a slot."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def make_tree(tree: Path, scratch: Path) -> None:
    """Install this repository and its dependencies, wheels only, into an empty folder.

    What an installation leaves behind about itself is removed, so that the same versions give the
    same tree.
    """
    shutil.rmtree(tree, ignore_errors=True)
    site = tree / SITE
    site.mkdir(parents=True)
    _pip("wheel", "--no-deps", "--wheel-dir", str(scratch), str(ROOT))
    (wheel,) = scratch.glob("stationd-*.whl")
    _pip("install", "--no-compile", "--only-binary", ":all:", "--target", str(site), str(wheel))
    for left in (
        site / "bin",
        *site.rglob("__pycache__"),
        *site.glob("*.dist-info/direct_url.json"),
    ):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    for record in (*site.glob("*.dist-info/RECORD"), *site.glob("*.dist-info/REQUESTED")):
        record.unlink()
    _normalize(tree)


def _normalize(tree: Path) -> None:
    """Give every file the rights it has in a slot, whatever the umask."""
    for path in tree.rglob("*"):
        is_run = path.is_dir() or bool(path.stat().st_mode & 0o100)
        path.chmod(0o755 if is_run else 0o644)


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True)
