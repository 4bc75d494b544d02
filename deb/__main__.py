"""`./dev package [--output FOLDER] [--machine KIND]`: build the Debian package.

The package brings the program outside the slots, units, users and rules, and the application as a
bundle, which its installation writes into a slot. It is for this kind of machine and Python, or for
the one that is named.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agent import __version__
from agent.update.bundle import seal
from agent.update.making import Description, build
from deb.tree import HERE, ROOT, Target, make_tree, normalize

BASE_MODULES = (
    *("__init__", "core/__init__", "core/records", "update/__init__", "update/base"),
    *("update/bundle", "update/durable", "update/layout", "update/manifest", "update/requests"),
    *(
        "update/selector",
        "update/slot_keeper",
        "update/slot_link",
        "update/slot_processes",
        "update/slot_state",
        "update/slot_tree",
    ),
)
"""What stands outside the slots: it imports the standard library and itself."""
_START = "import sys\n\nfrom agent.update.base import main\n\nsys.exit(main(sys.argv[1:]))\n"
_SYSTEM = "usr/lib/systemd/system"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Machines for which there are wheels of everything, by the kernel's name and by Debian's."""
DOCUMENTS = (
    *("config/station.toml", "systemd/50-stationd-reboot.rules"),
    *("README.md", "CHANGELOG.md", "docs/operating.md", "docs/hardware.md"),
)
"""What somebody at a device without network may want to read or copy."""
MAINTAINER = "The authors of stationd <stationd@invalid.example>"


def main(arguments: list[str]) -> int:
    """Build the package and say where it is."""
    parser = argparse.ArgumentParser(prog="./dev package")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--hardware", nargs="+", default=["any"], help="models, for the bundle")
    parser.add_argument("--machine", choices=ARCHITECTURES, default=HERE.machine)
    parser.add_argument("--python", default=HERE.python, help="its minor version, as 3.11")
    options = parser.parse_args(arguments)
    target = Target(options.machine, options.python)
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        package = make_package(options.output, Path(scratch), tuple(options.hardware), target)
    print(f"{package}: {package.stat().st_size >> 10} KiB")
    return 0


def make_package(
    output: Path, scratch: Path, hardware: tuple[str, ...], target: Target = HERE
) -> Path:
    """Build everything in `scratch`, and the package in `output`."""
    tree, root = scratch / "tree", scratch / "root"
    make_tree(tree, scratch, target)
    lay_out_base(root / "usr/lib/stationd/base")
    description = Description(
        product="stationd",
        version=__version__,
        hardware=hardware,
        machine=target.machine,
        python=target.python,
    )
    bundle = root / "usr/lib/stationd/stationd.bundle"
    build(bundle, tree, description)
    # The package manager vouches for it: an empty signature, which no station takes from a CSMS.
    seal(bundle, "", lambda _: b"")
    _lay_out_system(root)
    _lay_out_control(root, target)
    normalize(root)
    package = output / f"stationd_{__version__}_{_architecture(target)}.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(root), str(package)]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": _date()})
    return package


def lay_out_base(base: Path) -> None:
    """Copy what stands outside the slots, as a folder that Python runs."""
    for module in BASE_MODULES:
        target = base / f"agent/{module}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / f"agent/{module}.py", target)
    (base / "__main__.py").write_text(_START)


def _lay_out_system(root: Path) -> None:
    for unit in sorted((ROOT / "systemd").glob("stationd*.*")):
        _put(unit, root / _SYSTEM / unit.name)
    _put(ROOT / "systemd/99-stationd.rules", root / "usr/lib/udev/rules.d/99-stationd.rules")
    _put(ROOT / "systemd/sysusers.d/stationd.conf", root / "usr/lib/sysusers.d/stationd.conf")
    _put(ROOT / "systemd/tmpfiles.d/stationd.conf", root / "usr/lib/tmpfiles.d/stationd.conf")
    for program in ("stationd", "stationd-guard"):
        _put(ROOT / f"deb/{program}.sh", root / f"usr/bin/{program}", 0o755)
    _put(ROOT / "LICENSE", root / "usr/share/doc/stationd/copyright")
    for name in DOCUMENTS:
        _put(ROOT / name, root / "usr/share/doc/stationd" / Path(name).name)
    for examples in ("boards", "meters"):
        for file in sorted((ROOT / "config" / examples).iterdir()):
            _put(file, root / "usr/share/doc/stationd" / examples / file.name)


def _lay_out_control(root: Path, target: Target) -> None:
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    major, minor = target.python.split(".")
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    text = (ROOT / "deb/control.in").read_text()
    for name, value in {
        "VERSION": __version__,
        "ARCHITECTURE": _architecture(target),
        "MAINTAINER": MAINTAINER,
        "SIZE_KIB": str(size >> 10),
        "PYTHON": target.python,
        "NEXT_PYTHON": f"{major}.{int(minor) + 1}",
    }.items():
        text = text.replace(f"@{name}@", value)
    (control / "control").write_text(text)
    for script in ("postinst", "prerm", "postrm"):
        _put(ROOT / "deb" / script, control / script, 0o755)


def _put(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _architecture(target: Target) -> str:
    if target.machine != HERE.machine:
        return ARCHITECTURES[target.machine]
    # The kernel may be of another kind than the programs, as on 32-bit systems of a Pi 4.
    return subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()


def _date() -> str:
    """Return the time of the latest commit, so that the same sources give the same package."""
    found = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "0"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
