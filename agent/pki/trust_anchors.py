"""The root certificates that the station trusts, by use: those configured and those installed.

A configured root (`csms.ca_file`) cannot be removed from its file; one that the CSMS deletes is
noted as withdrawn and trusted no more, until it is installed again.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING, Final

from agent.core.certificates import (
    CertificateHashData,
    CertificateProblem,
    HashAlgorithm,
    InstalledCertificate,
    RootUse,
)
from agent.pki.files import private_folder, remove_durably, write_durably
from agent.pki.hash_data import certificate_hash_data
from agent.pki.verification import INVALID, check_root, parse_chain

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

logger = logging.getLogger(__name__)

_WITHDRAWN: Final = "withdrawn"
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class InstalledRoots:
    """Trust anchors below one folder; `csms_file` is the configured one.

    Calls read and write files and some compute: run them in a thread. Raise OSError.
    """

    def __init__(self, folder: Path, csms_file: Path | None = None) -> None:
        self._csms_file = csms_file
        private_folder(folder)
        self._folders = {use: private_folder(folder / use) for use in RootUse}
        self._withdrawn = private_folder(folder / _WITHDRAWN)

    def roots(self, use: RootUse) -> tuple[Certificate, ...]:
        """Return what is trusted for a use, as far as it is readable."""
        return tuple(self._parsed(use).values())

    def csms_roots_pem(self) -> str:
        """Return the anchors of the link to the CSMS in PEM, '' if there are none."""
        return "".join(self._trusted(RootUse.CSMS).values())

    def has_csms_root(self) -> bool:
        """Tell whether a certificate of a CSMS can be verified at all (A05)."""
        return bool(self._trusted(RootUse.CSMS))

    def entries(self) -> int:
        """Return how many roots there are."""
        return sum(len(self._trusted(use)) for use in RootUse)

    def install(self, use: RootUse, pem: str, now: datetime, *, has_room: bool = True) -> bool:
        """Trust another root from now on; False if it is trusted already (M05.FR.17).

        Raises CertificateProblem, also for one that is new while there is no room (M05.FR.06).
        """
        text = _pem(self.checked(pem, now))
        ((name, _),) = _blocks(text, "the new root").items()
        if name in self._trusted(use):
            return False
        if not has_room:
            raise CertificateProblem("OutOfStorage", "CertificateEntries is at its limit")
        write_durably(self._folders[use] / f"{name}.pem", text.encode("ascii"))
        if use is RootUse.CSMS:
            remove_durably(self._withdrawn / name)
        return True

    @staticmethod
    def checked(pem: str, now: datetime) -> Certificate:
        """Return the one root in a PEM text; raises CertificateProblem (M05.FR.07)."""
        chain = parse_chain(pem)
        if len(chain) != 1:
            raise CertificateProblem(INVALID, "more than one certificate")
        check_root(chain[0], now)
        return chain[0]

    def find(self, hash_data: CertificateHashData) -> tuple[tuple[RootUse, str], ...]:
        """Return use and name of each root that some hash data name."""
        return tuple(
            (use, name)
            for use in RootUse
            for name, root in self._parsed(use).items()
            if certificate_hash_data(root, root, hash_data.algorithm).names_the_same_as(hash_data)
        )

    def count(self, use: RootUse) -> int:
        """Return how many roots are trusted for a use."""
        return len(self._trusted(use))

    def remove(self, use: RootUse, name: str) -> None:
        """Trust a root no more."""
        if use is RootUse.CSMS and name in self._configured():
            write_durably(self._withdrawn / name, b"")
        remove_durably(self._folders[use] / f"{name}.pem")

    def installed(self, algorithm: HashAlgorithm) -> tuple[InstalledCertificate, ...]:
        """Return the names of all roots."""
        return tuple(
            InstalledCertificate(use, certificate_hash_data(root, root, algorithm))
            for use in RootUse
            for root in self.roots(use)
        )

    def _parsed(self, use: RootUse) -> dict[str, Certificate]:
        found = {}
        for name, pem in self._trusted(use).items():
            try:
                (found[name],) = parse_chain(pem)
            except CertificateProblem as problem:
                logger.error("the %s %s is not used: %s", use, name, problem)
        return found

    def _trusted(self, use: RootUse) -> dict[str, str]:
        """Return the anchors of a use in PEM by their names, configured ones first."""
        found = {}
        if use is RootUse.CSMS:
            gone = {path.name for path in self._withdrawn.iterdir()}
            found = {name: pem for name, pem in self._configured().items() if name not in gone}
        for path in sorted(self._folders[use].glob("*.pem")):
            found.update(_read(path))
        return found

    def _configured(self) -> dict[str, str]:
        return {} if self._csms_file is None else _read(self._csms_file)


def _read(path: Path) -> dict[str, str]:
    try:
        return _blocks(path.read_text("ascii"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        logger.error("the root certificates in %s cannot be read: %s", path, error)
        return {}


def _blocks(text: str, origin: str) -> dict[str, str]:
    """Return the certificates in a PEM text by their names, SHA-256 of the DER in hexadecimal.

    It needs no X.509, so that a station dials without loading the library for it.
    """
    found = {}
    for part in text.split(_BEGIN)[1:]:
        body = part.partition(_END)[0]
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
            if not _is_whole(der):
                raise ValueError("it is not whole")  # noqa: TRY301 - one place that logs damage
        except ValueError as error:
            logger.error("a root certificate in %s is damaged: %s", origin, error)
        else:
            found[hashlib.sha256(der).hexdigest()] = f"{_BEGIN}{body}{_END}\n"
    return found


def _is_whole(der: bytes) -> bool:
    """Tell whether bytes are one DER sequence of the length that it says (over 255 bytes)."""
    return der[:2] == b"\x30\x82" and len(der) == 4 + int.from_bytes(der[2:4])


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode("ascii")
