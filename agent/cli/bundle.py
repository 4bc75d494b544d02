"""`stationd bundle`: what makers do with firmware: build, sign, inspect and verify a bundle."""

import argparse
import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.cli.exit_codes import FAILED, OK
from agent.cli.options import add_json
from agent.cli.output import complain, plain, say, say_json
from agent.cli.programs import Programs

if TYPE_CHECKING:
    from agent.update.manifest import Manifest

# ruff: noqa: PLC0415 - each operation loads what it needs

EXAMPLE = """stationd bundle build --tree tree --version 1.2.0 --hardware AC22 --output unsigned
         stationd bundle sign unsigned --key maker.key --chain maker.pem --output 1.2.0.bundle
         stationd bundle verify 1.2.0.bundle --makers /etc/stationd/maker"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the four operations."""
    operations = parser.add_subparsers(dest="operation", metavar="OPERATION", required=True)
    _add_build(
        operations.add_parser("build", help="pack a tree; the same tree gives the same file")
    )
    _add_sign(operations.add_parser("sign", help="sign what `build` made"))
    inspect = operations.add_parser("inspect", help="tell what a file says of itself, unverified")
    inspect.add_argument("file", type=Path, metavar="FILE")
    add_json(inspect)
    verify = operations.add_parser("verify", help="check the signature, then tell what is in it")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--makers", type=Path, required=True, metavar="FOLDER")
    add_json(verify)


def _add_build(build: argparse.ArgumentParser) -> None:
    build.add_argument("--tree", type=Path, required=True, help="the application tree")
    build.add_argument("--version", required=True, help="such as 1.4.2; 1.4.2-rc1 is before it")
    build.add_argument("--hardware", required=True, nargs="+", help="models that it is for")
    build.add_argument("--product", default="stationd", help="what stations call themselves")
    build.add_argument("--machine", help="default: this machine's, such as aarch64")
    build.add_argument("--python", help="default: this Python's, such as 3.11")
    build.add_argument("--minimum-version", default="0", help="what must be installed before")
    index = "once it is confirmed, a station takes nothing with a lower one; default: 0"
    build.add_argument("--rollback-index", type=int, default=0, help=index)
    build.add_argument("--base", type=Path, help="an older bundle: only what changed travels")
    build.add_argument("--output", type=Path, required=True, help="the file, still to be signed")


def _add_sign(sign: argparse.ArgumentParser) -> None:
    sign.add_argument("file", type=Path, metavar="FILE", help="what `build` made")
    sign.add_argument("--key", type=Path, required=True, help="PEM private key, RSA or EC")
    sign.add_argument("--chain", type=Path, required=True, help="PEM: signer, then sub-CAs")
    sign.add_argument("--output", type=Path, required=True, help="the bundle")


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Carry the operation out; every refusal is told with its reason."""
    del programs
    from agent.update.bundle import BundleError
    from agent.update.manifest import ManifestError
    from agent.update.trust import Distrusted

    try:
        _OPERATIONS[options.operation](options)
    except OSError as error:
        return _failed(options, f"{error.filename}: {error.strerror}")
    except (BundleError, ManifestError, Distrusted, ValueError) as error:
        return _failed(options, str(error))
    return OK


def _failed(options: argparse.Namespace, message: str) -> int:
    if getattr(options, "json", False):
        say_json({"ok": False, "error": message})
    else:
        complain(plain(message))
    return FAILED


def _build(options: argparse.Namespace) -> None:
    from agent.update.making import Description, build

    description = Description(
        product=options.product,
        version=options.version,
        hardware=tuple(options.hardware),
        machine=options.machine,
        python=options.python,
        minimum_version=options.minimum_version,
        rollback_index=options.rollback_index,
    )
    manifest = build(options.output, options.tree, description, options.base)
    say(f"{options.output}: {len(manifest.files)} files, {options.output.stat().st_size} bytes")


def _sign(options: argparse.Namespace) -> None:
    from agent.update.making import sign_bundle

    try:
        chain = options.chain.read_text("ascii")
    except UnicodeDecodeError as error:
        raise ValueError(f"{options.chain} has no certificate in PEM") from error
    signature = sign_bundle(options.file, options.output, options.key.read_bytes(), chain)
    say(f"{options.output} is signed; UpdateFirmware carries the chain as signingCertificate and")
    say(f"signature = {signature}")


def _inspect(options: argparse.Namespace) -> None:
    from agent.update.bundle import VerifiedBundle, read_seal

    _tell(VerifiedBundle(options.file, read_seal(options.file)).manifest, options, verified=False)


def _verify(options: argparse.Namespace) -> None:
    from agent.update.trust import open_signed

    bundle, _ = open_signed(options.file, options.makers, dt.datetime.now(dt.UTC))
    bundle.check_contents()
    _tell(bundle.manifest, options, verified=True)


def _tell(manifest: "Manifest", options: argparse.Namespace, *, verified: bool) -> None:
    facts = _facts(manifest) | {"bundle_bytes": options.file.stat().st_size, "verified": verified}
    if options.json:
        say_json({"ok": True, **facts})
        return
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        say(f"{name} = {plain(str(shown))}")
    if not verified:
        say("nothing of this is verified")


def _facts(manifest: "Manifest") -> dict[str, object]:
    return {
        "product": manifest.product,
        "version": manifest.version,
        "hardware": list(manifest.hardware),
        "machine": manifest.machine,
        "python": manifest.python,
        "minimum_version": manifest.minimum_version,
        "rollback_index": manifest.rollback_index,
        "base_version": manifest.base_version,
        "files": len(manifest.files),
        "files_that_travel": sum(file.packed_bytes is not None for file in manifest.files),
        "tree_bytes": manifest.tree_bytes,
    }


_OPERATIONS: Final[Mapping[str, Callable[[argparse.Namespace], None]]] = {
    "build": _build,
    "sign": _sign,
    "inspect": _inspect,
    "verify": _verify,
}
