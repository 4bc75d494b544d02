"""The product as a disk that is mounted at `/opt/product`: what the Debian package brings.

A wheel of this checkout is unpacked into a slot, and what stands outside the slots lies beside it.
The links in the root lead here; nothing is signed or verified, which is the package's part.
"""

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from agent import __version__
from deb.__main__ import lay_out_base
from hil.virtual.image.disk import make_disk
from hil.virtual.image.programs import run
from hil.virtual.image.root import CHECKOUT, PYTHON, WHEELS, compile_python

SITE = f"lib/python{PYTHON}/site-packages"
PROGRAMS = ("stationd", "stationd-guard")
SOURCES = ("agent", "hal", "config", "systemd", "deb", "pyproject.toml", "README.md", "LICENSE")
_MARK = {"version": __version__, "rollback_index": 0, "bundle_sha256": ""}
_ENVIRONMENT = "home = /usr/bin\ninclude-system-site-packages = false\n"


def write_product(target: Path) -> None:
    """Build the product's disk; raises `BuildFailed`."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--wheel-dir", folder, CHECKOUT),
        )
        tree = folder / "tree"
        for wheel in folder.glob("stationd-*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(tree / "slot" / SITE)
        _make_slot(tree / "slot")
        lay_out_base(tree / "base")
        shutil.copytree(CHECKOUT / "systemd", tree / "systemd")
        (tree / "bin").mkdir()
        for program in PROGRAMS:
            launcher = tree / "bin" / program
            shutil.copyfile(CHECKOUT / "deb" / f"{program}.sh", launcher)
            launcher.chmod(0o755)
        compile_python(tree, ("slot", "base"))
        make_disk(tree, target)


def _make_slot(slot: Path) -> None:
    """Make a tree a slot: an environment over the machine's Python, and the mark of a whole one."""
    (slot / SITE / "libraries.pth").write_text(f"/{WHEELS}\n", "ascii")
    (slot / "pyvenv.cfg").write_text(_ENVIRONMENT, "ascii")
    (slot / "bin").mkdir()
    (slot / "bin" / "python").symlink_to(f"/usr/bin/python{PYTHON}")
    (slot / "slot.json").write_text(json.dumps(_MARK), "ascii")
