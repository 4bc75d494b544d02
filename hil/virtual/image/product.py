"""The product as a disk that is mounted at `/opt/stationd`: a wheel of this checkout, unpacked."""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from hil.virtual.image.disk import make_disk
from hil.virtual.image.programs import run
from hil.virtual.image.root import CHECKOUT, compile_python

_COMMANDS = {"stationd": "agent.__main__", "stationd-guard": "hal.guard.__main__"}
_LAUNCHER = """#!/usr/bin/python3
import sys

from {module} import main

sys.exit(main())
"""
SOURCES = ("agent", "hal", "config", "systemd", "pyproject.toml", "README.md", "LICENSE")


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
                archive.extractall(tree / "lib")
        shutil.copytree(CHECKOUT / "systemd", tree / "systemd")
        (tree / "bin").mkdir()
        for command, module in _COMMANDS.items():
            launcher = tree / "bin" / command
            launcher.write_text(_LAUNCHER.format(module=module), "ascii")
            launcher.chmod(0o755)
        compile_python(tree, ("lib",))
        make_disk(tree, target)
