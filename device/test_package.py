"""The package for a Raspberry Pi, built on another kind of machine."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from agent import __version__
from agent.update.bundle import VerifiedBundle, read_seal
from agent.update.fitness import StationFacts, Unfit, check_fits
from agent.update.manifest import Manifest
from deb.__main__ import ARCHITECTURES, make_package
from deb.tree import HERE, SITE, Target
from device import system

pytestmark = pytest.mark.timeout(600)
ELF_KINDS = {"x86_64": 62, "aarch64": 183}
OTHER = next(machine for machine in ARCHITECTURES if machine != HERE.machine)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package for the other kind of machine, and what it was made of."""
    folder = tmp_path_factory.mktemp("package")
    make_package(folder, folder, ("AC22",), Target(OTHER, HERE.python))
    return folder


def test_a_package_for_another_machine_has_its_programs_and_says_so(built: Path) -> None:
    (package,) = built.glob("*.deb")
    architecture = subprocess.run(
        ["dpkg-deb", "--field", str(package), "Architecture"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert architecture == ARCHITECTURES[OTHER]
    assert kinds_of_programs(built / "tree") == {ELF_KINDS[OTHER]}


def test_its_bundle_is_taken_by_that_machine_and_refused_by_this_one(built: Path) -> None:
    manifest = manifest_in(built / "root")
    check_fits(manifest, station(OTHER))
    with pytest.raises(Unfit, match=f"is for {OTHER} processors"):
        check_fits(manifest, station(HERE.machine))


def station(machine: str) -> StationFacts:
    return StationFacts(
        product="stationd",
        hardware="AC22",
        machine=machine,
        python=HERE.python,
        version=__version__,
        rollback_index=0,
    )


PROBE = """
import platform, runpy, sys
sys.path.insert(0, sys.argv[1])
import gpiod, ssl, sqlite3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key, how = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
key.public_key().verify(key.sign(b"x", how), b"x", how)
print(platform.machine())
sys.argv = ["stationd", "--version"]
runpy.run_module("agent", run_name="__main__")
"""


def test_its_programs_run_on_that_machine(built: Path) -> None:
    emulator = shutil.which(f"qemu-{OTHER}")
    if emulator is None:
        pytest.skip(f"qemu-{OTHER} missing: apt-get install --no-install-recommends qemu-user")
    root = system.extracted(ARCHITECTURES[OTHER])
    python = root / f"usr/bin/python{HERE.python}"
    site = built / "tree" / SITE
    command = [emulator, "-L", str(root), str(python), "-I", "-c", PROBE, str(site)]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert said.stdout.split("\n")[:2] == [OTHER, f"stationd {__version__}"], said.stderr


def manifest_in(root: Path) -> Manifest:
    bundle = root / "usr/lib/stationd/stationd.bundle"
    return VerifiedBundle(bundle, read_seal(bundle)).manifest


def kinds_of_programs(tree: Path) -> set[int]:
    """Return the processors that the compiled libraries of a tree are for."""
    found = set()
    for path in tree.rglob("*"):
        if path.is_file() and (head := path.read_bytes()[:20])[:4] == b"\x7fELF":
            found.add(struct.unpack_from("<H", head, 18)[0])
    return found
