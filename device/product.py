"""The package, and bundles of further versions, good and bad ones, of a maker of its own."""

import datetime as dt
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent import __version__
from agent.update.making import Description, build, sign_bundle
from deb.__main__ import make_package
from deb.tree import SITE

MODEL = "AC22"
CRASHES = "raise SystemExit('a version that crashes at its start')\n"
HANGS = "import time\n\ntime.sleep(3600)\n"
Change = Callable[[Path], None]


@dataclass(frozen=True)
class Maker:
    """Signs bundles; stations get its root."""

    root_pem: str
    chain_pem: str
    key_pem: bytes

    @classmethod
    def new(cls) -> "Maker":
        """Make keys that end with the test."""
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate("Maker Root", root_key, None, root_key)
        signer = _certificate("Maker", key, root, root_key)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(_pem(root), _pem(signer), key_pem)


class Product:
    """Version 0.1.0 as a package, and what follows as bundles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.maker = Maker.new()
        scratch = folder / "scratch"
        scratch.mkdir(parents=True)
        self.package = make_package(folder, scratch, (MODEL,))
        self._tree = scratch / "tree"

    def bundle(self, version: str, change: Mapping[str, str] | None = None) -> Path:
        """Return a signed bundle; `change` appends to files of the tree, by their module's path."""
        tree = self._folder / f"tree-{version}"
        shutil.copytree(self._tree, tree)
        about = tree / SITE / "agent/__init__.py"
        about.write_text(about.read_text().replace(f'"{__version__}"', f'"{version}"'))
        for name, text in (change or {}).items():
            path = tree / SITE / name
            path.write_text(text + path.read_text())
        unsigned, signed = (self._folder / f"{version}.{kind}" for kind in ("unsigned", "bundle"))
        build(unsigned, tree, Description(product="stationd", version=version, hardware=(MODEL,)))
        sign_bundle(unsigned, signed, self.maker.key_pem, self.maker.chain_pem)
        shutil.rmtree(tree)
        unsigned.unlink()
        return signed

    def newer_package(self, version: str) -> Path:
        """Return the package of a later version, as `apt upgrade` brings it."""
        root = self._folder / f"package-{version}"
        subprocess.run(["dpkg-deb", "-R", str(self.package), str(root)], check=True)
        tree = self._folder / f"tree-{version}"
        shutil.copytree(self._tree, tree)
        about = tree / SITE / "agent/__init__.py"
        about.write_text(about.read_text().replace(f'"{__version__}"', f'"{version}"'))
        from agent.update.bundle import seal  # noqa: PLC0415 - only here

        bundle = root / "usr/lib/stationd/stationd.bundle"
        build(bundle, tree, Description(product="stationd", version=version, hardware=(MODEL,)))
        seal(bundle, "", lambda _: b"")
        control = root / "DEBIAN/control"
        control.write_text(control.read_text().replace(__version__, version))
        package = self._folder / f"stationd_{version}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-b", str(root), str(package)], check=True
        )
        return package


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
