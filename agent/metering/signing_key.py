"""The station's meter signing key: made once on the device, kept in one file, never replaced.

Every record that was ever signed is worth only as much as the public key that verifies it. So a
key that cannot be read stops the signing and says so; it is never quietly replaced by a new one.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.records import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

logger = logging.getLogger(__name__)

FILE_MODE = 0o600
FOLDER_MODE = 0o700
CURVE = "secp256r1"
_MAX_FILE_BYTES = 8192


class SigningKeyError(Exception):
    """No meter signing key can be used; the message names the file and the remedy."""


class SigningKeyDamagedError(SigningKeyError):
    """The key file holds no usable key: restore it from a backup, or decide to start a new key."""


class SigningKeyUnavailableError(SigningKeyError):
    """The file system refuses the key: mend the folder's owner, rights or space, then retry."""


class SigningKeyChangedError(SigningKeyError):
    """The key is not the one this station signed with before; restore it or adopt the new one."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secp256r1 key pair. `public_key_hex` is the SubjectPublicKeyInfo, DER in hexadecimal."""

    public_key_hex: str
    _private_key: EllipticCurvePrivateKey = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, in hexadecimal."""
        return hashlib.sha256(bytes.fromhex(self.public_key_hex)).hexdigest()

    def sign(self, content: bytes) -> bytes:
        """Sign exactly these bytes: ECDSA over their SHA-256, DER encoded."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._private_key.sign(content, ec.ECDSA(hashes.SHA256()))


def load_or_create_signing_key(path: Path, *, known_public_key_hex: str = "") -> SigningKey:
    """Read the key in `path`; make it when the station starts for the first time.

    The folder belongs to keys alone: it and the file are tightened to 0700 and 0600 when they are
    looser. `known_public_key_hex` is the public key of the records already signed, if there are
    any; then no new key is made and no other key accepted.

    Raises SigningKeyDamagedError, SigningKeyUnavailableError, SigningKeyChangedError.
    """
    try:
        with _locked_folder(path.parent) as folder:
            if not _is_kept(path):
                _refuse_replacement(path, known_public_key_hex)
                _write_new_key(path, folder)
            _tighten(path, FILE_MODE)
            key = _parse(path, _read(path))
    except OSError as error:
        raise SigningKeyUnavailableError(
            f"cannot use the meter signing key {path}: {error.strerror or error}; "
            "check the owner, the rights and the free space of its folder"
        ) from error
    if known_public_key_hex and key.public_key_hex != known_public_key_hex.lower():
        raise SigningKeyChangedError(
            f"the meter signing key {path} (fingerprint {key.fingerprint}) is not the one that "
            "signed the records of this station: restore the earlier key from a backup, or adopt "
            "the new one and publish its public key"
        )
    return key


@contextlib.contextmanager
def _locked_folder(folder: Path) -> Iterator[int]:
    """Open the folder with an exclusive lock, so that two starting processes make one key."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _tighten(folder, FOLDER_MODE)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_kept(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise SigningKeyDamagedError(
            f"the meter signing key {path} is not a regular file; {_REMEDY}"
        )
    return True


def _refuse_replacement(path: Path, known_public_key_hex: str) -> None:
    if known_public_key_hex:
        raise SigningKeyDamagedError(
            f"the meter signing key {path} is missing, but records were signed with it; {_REMEDY}"
        )


def _write_new_key(path: Path, folder: int) -> None:
    # A left-over temporary file is from a start that was cut off before its key was ever used.
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, FILE_MODE), "wb") as file:
        file.write(_new_key_pem())
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    os.fsync(folder)
    logger.info("made a new meter signing key in %s", path)


def _new_key_pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _tighten(path: Path, wanted: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~wanted:
        logger.warning(
            "%s had the rights %04o, set to %04o: the meter signing key is for its owner alone",
            path,
            mode,
            wanted,
        )
        path.chmod(wanted)


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read(_MAX_FILE_BYTES)


def _parse(path: Path, pem: bytes) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyDamagedError(
            f"the meter signing key {path} is damaged ({len(pem)} bytes, no readable PEM key); "
            f"{_REMEDY}"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise SigningKeyDamagedError(f"the meter signing key {path} is no {CURVE} key; {_REMEDY}")
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(spki.hex(), key)


_REMEDY = (
    "restore it from a backup; only if there is none, move it away, so that the next start makes "
    "a new key, and publish the new public key, because it cannot verify earlier records"
)
