"""The root certificates that the station trusts, by use: those configured and those installed.

A configured root (`csms.ca_file`) cannot be removed from its file; one that the CSMS deletes is
noted as withdrawn and trusted no more, until it is installed again.

With AdditionalRootCertificateCheck a further root of the CSMS must be signed by a present one, and
is on trial beside them until the CSMS was reached with it alone; then the others go (M05.FR.09).
Whatever a power cut leaves, the roots that worked last are still there.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING, Final

from agent.core.certificates import (
    ALL_ROOTS,
    CertificateHashData,
    CertificateProblem,
    HashAlgorithm,
    InstalledCertificate,
    RootChoice,
    RootUse,
)
from agent.pki.files import private_folder, remove_durably, write_durably
from agent.pki.hash_data import certificate_hash_data
from agent.pki.verification import INVALID, check_root, check_successor, parse_chain

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

logger = logging.getLogger(__name__)

_WITHDRAWN: Final = "withdrawn"
_UNTRIED: Final = "untried"
_SIGNERS: Final = "signers"
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class InstalledRoots:
    """Trust anchors below one folder; `csms_file` is the configured one.

    `must_be_signed` is AdditionalRootCertificateCheck. Without it a root on trial becomes one like
    all others. Calls read and write files and some compute: run them in a thread. Raise OSError.
    """

    def __init__(
        self, folder: Path, csms_file: Path | None = None, *, must_be_signed: bool = False
    ) -> None:
        self._csms_file = csms_file
        self._must_be_signed = must_be_signed
        private_folder(folder)
        self._folders = {use: private_folder(folder / use) for use in RootUse}
        self._withdrawn = private_folder(folder / _WITHDRAWN)
        self._signers = private_folder(folder / _SIGNERS)
        self._trial = private_folder(folder / _UNTRIED)
        self._untried = self._resumed_trial()

    @property
    def untried(self) -> str | None:
        """The name of the CSMS root that is on trial; reads no file."""
        return self._untried

    def roots(self, use: RootUse) -> tuple[Certificate, ...]:
        """Return what is trusted for a use, as far as it is readable."""
        return tuple(self._parsed(use).values())

    def csms_roots_pem(self, choice: RootChoice = ALL_ROOTS) -> str:
        """Return the anchors of the link to the CSMS in PEM, '' if there are none.

        A choice that leaves none, since files have gone, is not heeded.
        """
        found = self._trusted(RootUse.CSMS)
        chosen = {name: pem for name, pem in found.items() if name != choice.without}
        if choice.only in found:
            chosen = {name: pem for name, pem in found.items() if name == choice.only}
        return "".join((chosen or found).values())

    def has_cross_signed(self) -> bool:
        """Tell whether a CSMS root is an anchor though another one signed it."""
        signed = {path.stem for path in self._signers.glob("*.pem")}
        return bool(signed) and not signed.isdisjoint(self._trusted(RootUse.CSMS))

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
        if self._must_be_signed and use is RootUse.CSMS and self._trusted(use):
            return self._install_successor(pem, now, has_room=has_room)
        text = _pem(self.checked(pem, now))
        ((name, _),) = _blocks(text, "the new root").items()
        if name in self._trusted(use):
            return False
        _check_room(has_room=has_room)
        write_durably(self._folders[use] / f"{name}.pem", text.encode("ascii"))
        if use is RootUse.CSMS:
            remove_durably(self._withdrawn / name)
        return True

    @staticmethod
    def checked(pem: str, now: datetime) -> Certificate:
        """Return the one root in a PEM text; raises CertificateProblem (M05.FR.07)."""
        root = _single(pem)
        check_root(root, now)
        return root

    def prove(self, name: str) -> bool:
        """End the trial of a root that worked: remove all others (M05.FR.13); False without it."""
        trusted = self._trusted(RootUse.CSMS)
        if name != self._untried or name not in trusted:
            return False
        for other in trusted:
            if other != name:
                self.remove(RootUse.CSMS, other)
        self._end_trial(name)
        return True

    def find(self, hash_data: CertificateHashData) -> tuple[tuple[RootUse, str], ...]:
        """Return use and name of each root that some hash data name."""
        return tuple(
            (use, name)
            for use in RootUse
            for name, root in self._parsed(use).items()
            if self._named(name, root, hash_data.algorithm).names_the_same_as(hash_data)
        )

    def proven_csms_roots(self) -> frozenset[str]:
        """Return the names of the CSMS roots that are not on trial."""
        return frozenset(self._trusted(RootUse.CSMS)) - {self._untried or ""}

    def remove(self, use: RootUse, name: str) -> None:
        """Trust a root no more."""
        if use is RootUse.CSMS and name in self._configured():
            write_durably(self._withdrawn / name, b"")
        remove_durably(self._folders[use] / f"{name}.pem")
        if use is RootUse.CSMS:
            remove_durably(self._signers / f"{name}.pem")
            if name == self._untried:
                self._end_trial(name)

    def installed(self, algorithm: HashAlgorithm) -> tuple[InstalledCertificate, ...]:
        """Return the names of all roots."""
        return tuple(
            InstalledCertificate(use, self._named(name, root, algorithm))
            for use in RootUse
            for name, root in self._parsed(use).items()
        )

    def _install_successor(self, pem: str, now: datetime, *, has_room: bool) -> bool:
        """Try out a CSMS root that a present one signed (M05.FR.10-12); False if it is here."""
        root = _single(pem)
        text = _pem(root)
        name = next(iter(_blocks(text, "the new root")), None)
        if name is None:
            raise CertificateProblem(INVALID, "the certificate is too short")
        if name in self._trusted(RootUse.CSMS):
            return False
        present = self._parsed(RootUse.CSMS)
        present.pop(self._untried or "", None)
        signer = check_successor(root, tuple(present.values()), now)
        _check_room(has_room=has_room or self._untried is not None)
        self._begin_trial(name, text, _pem(signer))
        return True

    def _begin_trial(self, name: str, root_pem: str, signer_pem: str) -> None:
        """Write a root last, so that it is never trusted without being known as untried."""
        write_durably(self._signers / f"{name}.pem", signer_pem.encode("ascii"))
        write_durably(self._trial / name, b"")
        if self._untried is not None:
            self.remove(RootUse.CSMS, self._untried)
        self._untried = name
        write_durably(self._folders[RootUse.CSMS] / f"{name}.pem", root_pem.encode("ascii"))
        remove_durably(self._withdrawn / name)

    def _end_trial(self, name: str) -> None:
        remove_durably(self._trial / name)
        self._untried = None

    def _resumed_trial(self) -> str | None:
        """Return the root that is still on trial; forget a trial that a power cut prevented."""
        untried = None
        for path in sorted(self._trial.iterdir()):
            is_here = (self._folders[RootUse.CSMS] / f"{path.name}.pem").exists()
            if self._must_be_signed and is_here and untried is None:
                untried = path.name
            else:
                remove_durably(path)
        return untried

    def _named(self, name: str, root: Certificate, algorithm: HashAlgorithm) -> CertificateHashData:
        """Return the hash data of a root, which name its issuer: mostly itself."""
        path = self._signers / f"{name}.pem"
        signers = tuple(_read(path).values()) if path.exists() else ()
        issuer = _single(signers[0]) if signers else root
        return certificate_hash_data(root, issuer, algorithm)

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


def _single(pem: str) -> Certificate:
    chain = parse_chain(pem)
    if len(chain) != 1:
        raise CertificateProblem(INVALID, "more than one certificate")
    return chain[0]


def _check_room(*, has_room: bool) -> None:
    if not has_room:
        raise CertificateProblem("OutOfStorage", "CertificateEntries is at its limit")


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
