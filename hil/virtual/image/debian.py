"""Debian packages for another architecture, without touching this computer's own packages.

An apt of its own (state, cache and an empty status file in one folder) reads the sources that this
computer is set up with, and resolves and downloads; `dpkg-deb` unpacks.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from hil.virtual.image.programs import BuildFailed, pipe, run

RELEASE = "bookworm"
ARCHITECTURE = "arm64"
_SUITE = re.compile(r"^[a-z]+")
_LEFT_OUT = ("doc", "man", "locale", "info", "lintian", "bash-completion", "zoneinfo", "i18n")


def build_architecture() -> str:
    """Return Debian's name for this computer's architecture."""
    return run("dpkg", "--print-architecture").strip()


def sources() -> list[str]:
    """Return the lines of a `sources.list` for `RELEASE`, from this computer's own.

    Whichever release of Debian this computer has, its mirrors have the other one as well. Raises
    `BuildFailed` where it has no Debian sources.
    """
    here = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)")
    found = dict.fromkeys(
        (uri.rstrip("/"), _SUITE.sub(RELEASE, codename))
        for origin, codename, uri in (line.split("|") for line in here.split())
        if origin == "Debian" and codename
    )
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    lines = [f"deb [signed-by={keyring}] {uri} {suite} main" for uri, suite in found]
    if not lines:
        raise BuildFailed("apt knows no Debian mirror; run 'apt-get update' as root first")
    return lines


class Apt:
    """An apt of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._debs = folder / "debs"
        for name in ("state/lists/partial", "cache/archives/partial", "debs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text("\n".join(sources()) + "\n", encoding="ascii")

    def update(self) -> None:
        """Fetch the lists of packages; raises `BuildFailed`."""
        self._apt("update")

    def resolve(self, packages: Iterable[str]) -> list[str]:
        """Return `name:architecture` of packages and all that they depend on."""
        simulated = self._apt("install", "--simulate", *packages)
        installed = re.findall(r"^Inst (\S+) \(\S+ .*\[(\w+)\]\)", simulated, re.MULTILINE)
        return [name if ":" in name else f"{name}:{arch}" for name, arch in installed]

    def download(self, packages: Iterable[str]) -> list[Path]:
        """Fetch packages, no matter what they depend on, and return their files.

        What was fetched before is not fetched again. Raises `BuildFailed`.
        """
        wanted = tuple(packages)
        listed = self._apt("download", "--print-uris", *wanted).splitlines()
        files = [self._debs / line.split()[1] for line in listed if line.startswith("'")]
        self._apt("download", *wanted, folder=self._debs)
        return files

    def _apt(self, *words: str, folder: Path | None = None) -> str:
        place = self._folder
        options = {
            "Dir::Etc::sourcelist": place / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": place / "state",
            "Dir::State::status": place / "status",
            "Dir::Cache": place / "cache",
            "APT::Architecture": ARCHITECTURE,
            "APT::Architectures::": ARCHITECTURE,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        given = [f"-o{key}={value}" for key, value in options.items()]
        given.append(f"-oAPT::Architectures::={build_architecture()}")
        return run("apt-get", "--quiet", "--assume-yes", *given, *words, folder=folder)


def unpack(package: Path, root: Path) -> None:
    """Unpack a package's files below a root, without what nobody reads on a device."""
    left_out = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT]
    tar: tuple[str | Path, ...] = (
        "tar",
        "-x",
        "-C",
        root,
        "--keep-directory-symlink",
        "--no-same-owner",
        *left_out,
    )
    pipe(("dpkg-deb", "--fsys-tarfile", package), tar)
