"""The station's own certificates with their keys, as files of the state directory.

A key pair lies in `keys`, named by its public key; a certificate that was signed for it lies, with
its sub-CAs, in the folder of its use, named by a growing number and the key. A certificate counts
from the moment its file is there, and the key was there before it.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from agent.core.certificates import (
    V2G_CHAIN,
    CertificateProblem,
    CertificateUse,
    InstalledCertificate,
    KeyKind,
    RootUse,
)
from agent.core.contracts import StatusRequest
from agent.pki.files import private_folder, remove_durably, write_durably
from agent.pki.hash_data import certificate_hash_data, chain_hash_data, ocsp_responder_url
from agent.pki.keys import key_name, load_key, new_key_pem, signing_request
from agent.pki.verification import (
    INVALID,
    check_signed,
    key_of,
    parse_chain,
    path_to_root,
)
from agent.ports import ClientIdentity

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from agent.core.certificates import (
        CertificateHashData,
        Expectation,
        HashAlgorithm,
        Subject,
    )
    from agent.pki.trust_anchors import InstalledRoots

logger = logging.getLogger(__name__)

_KEYS: Final = "keys"
_RETIRED: Final = "retired"
_FOLDERS: Final = {
    CertificateUse.CHARGING_STATION: ("station",),
    CertificateUse.V2G: ("v2g",),
    CertificateUse.V2G_20: ("v2g20",),
    CertificateUse.COMBINED: ("station", "v2g"),
}
_ROOTS: Final = {
    CertificateUse.CHARGING_STATION: (RootUse.CSMS,),
    CertificateUse.V2G: (RootUse.V2G,),
    CertificateUse.V2G_20: (RootUse.V2G,),
    CertificateUse.COMBINED: (RootUse.CSMS, RootUse.V2G),
}
V2G_USES: Final = (CertificateUse.V2G, CertificateUse.V2G_20)
_STATION: Final = "station"


class StationIdentities:
    """Keys and certificates of this station below one folder; `factory` is the configured pair.

    Calls read and write files and some compute: run them in a thread. Raise OSError.
    """

    def __init__(
        self,
        folder: Path,
        roots: InstalledRoots,
        kind: KeyKind = KeyKind.EC,
        factory: tuple[Path, Path] | None = None,
    ) -> None:
        self._roots = roots
        self._kind = kind
        self._factory = factory
        names = {name for names in _FOLDERS.values() for name in names} | {_KEYS, _RETIRED}
        private_folder(folder)
        self._folders = {name: private_folder(folder / name) for name in names}

    # --- Keys and requests.

    def make_key(self) -> str:
        """Make a key pair, keep it, and return its name (A02.FR.02)."""
        pem = new_key_pem(self._kind)
        name = key_name(load_key(pem).public_key())
        write_durably(self._key_file(name), pem)
        return name

    def request(self, key: str, subject: Subject) -> str:
        """Return the PKCS#10 request in PEM for a key that was made here."""
        return signing_request(self._key_file(key).read_bytes(), subject)

    def has_key(self, key: str) -> bool:
        """Tell whether a key pair is still there."""
        return self._key_file(key).is_file()

    def forget_keys(self, keep: Collection[str]) -> None:
        """Remove every key pair that no certificate is for, except some."""
        needed = {_key_in(path) for name in _certificate_folders() for path in self._files(name)}
        for path in self._folders[_KEYS].glob("*.key"):
            if path.stem not in needed and path.stem not in keep:
                remove_durably(path)

    # --- Certificates.

    def add(self, pem: str, key: str | None, expectation: Expectation) -> bool:
        """Keep a signed certificate for the awaited key; False if it is here already.

        Raises CertificateProblem; then nothing is kept (A02.FR.07).
        """
        chain = parse_chain(pem)
        name, folders = key_of(chain), _FOLDERS[expectation.use]
        content = _pem(chain)
        if any(path.read_bytes() == content for path in self._files(folders[0])):
            return False
        if name != key or not self.has_key(name):
            raise CertificateProblem(INVALID, "the certificate is not for the key in the request")
        check_signed(chain, self._roots_for(expectation.use), expectation)
        for folder in folders:
            number = 1 + max((_number_in(path) for path in self._files(folder)), default=0)
            write_durably(self._folders[folder] / f"{number:08d}-{name}.pem", content)
        return True

    def usable(self) -> tuple[ClientIdentity, ...]:
        """Return the pairs for the link to the CSMS, newest first, the configured one last."""
        found = [
            ClientIdentity(path, self._key_file(_key_in(path)), path.stem)
            for path in reversed(self._files(_STATION))
            if self.has_key(_key_in(path))
        ]
        factory = self._factory_identity()
        return (*found, factory) if factory is not None else tuple(found)

    def remove(self, identity: ClientIdentity) -> None:
        """Remove a pair; the configured one, which is not ours, is only marked as retired."""
        if identity.certificate_file.parent == self._folders[_STATION]:
            remove_durably(identity.certificate_file)
            self._remove_key_unless_needed(_key_in(identity.certificate_file))
        else:
            write_durably(self._folders[_RETIRED] / identity.fingerprint, b"")

    def expires_at(self) -> datetime | None:
        """Return when the newest pair's certificate expires, None without a readable one."""
        for identity in self.usable()[:1]:
            try:
                chain = parse_chain(identity.certificate_file.read_text("ascii"))
            except (CertificateProblem, OSError, UnicodeDecodeError) as error:
                logger.warning("%s cannot be read: %s", identity.certificate_file, error)
            else:
                return chain[0].not_valid_after_utc
        return None

    def entries(self) -> int:
        """Return how many certificates of the station itself are installed, sub-CAs included."""
        return sum(
            path.read_text("ascii").count("-----BEGIN CERTIFICATE")
            for name in _certificate_folders()
            for path in self._files(name)
        )

    def is_station_certificate(self, hash_data: CertificateHashData) -> bool:
        """Tell whether some hash data name a certificate for the link to the CSMS (M04.FR.06)."""
        return any(_is_named(identity.certificate_file, hash_data) for identity in self.usable())

    def remove_v2g(self, hash_data: CertificateHashData) -> bool:
        """Remove the V2G certificate that some hash data name; False if there is none."""
        folders = (name for use in V2G_USES for name in _FOLDERS[use])
        named = [
            path for folder in folders for path in self._files(folder) if _is_named(path, hash_data)
        ]
        for path in named:
            remove_durably(path)
            self._remove_key_unless_needed(_key_in(path))
        return bool(named)

    def has_v2g(self) -> bool:
        """Tell whether there is a certificate to show to vehicles; nothing is read for it."""
        return any(self._files(folder) for use in V2G_USES for folder in _FOLDERS[use])

    def v2g_chains(
        self, now: datetime, algorithm: HashAlgorithm
    ) -> tuple[InstalledCertificate, ...]:
        """Return the names of the V2G certificates in use, sub-CAs below the leaf (M03.FR.05).

        Of several below the same root the one with the latest notBefore is used (A02.FR.15).
        """
        chains = self._newest_v2g_paths(now)
        hashes = (chain_hash_data(chain[:-1], chain[-1], algorithm) for chain in chains)
        return tuple(InstalledCertificate(V2G_CHAIN, leaf, tuple(subs)) for leaf, *subs in hashes)

    def _newest_v2g_paths(self, now: datetime) -> tuple[tuple[Certificate, ...], ...]:
        newest: dict[bytes, tuple[Certificate, ...]] = {}
        for chain in self._v2g_paths(now):
            root = _fingerprint(chain[-1])
            if root not in newest or _starts(chain) >= _starts(newest[root]):
                newest[root] = chain
        return tuple(newest.values())

    def v2g_status_requests(self, now: datetime) -> tuple[StatusRequest, ...]:
        """Return what to ask of each V2G certificate in use and its sub-CAs (M06.FR.06).

        A certificate that names no responder cannot be asked for.
        """
        if not self._has_v2g():
            return ()
        found = {}
        for chain in self._newest_v2g_paths(now):
            for certificate, issuer in pairwise(chain):
                url = ocsp_responder_url(certificate)
                if url is not None:
                    request = StatusRequest(certificate_hash_data(certificate, issuer), url)
                    found[request.hash_data.comparable] = request
        return tuple(found.values())

    def v2g_expires_at(self, now: datetime) -> dict[CertificateUse, datetime]:
        """Return when the V2G certificates in use expire that no link to the CSMS shares."""
        found = {}
        for use in V2G_USES:
            for folder in _FOLDERS[use]:
                ends = [p[0].not_valid_after_utc for p in self._paths_in(folder, now)]
                if ends:
                    found[use] = max(ends)
        return found

    def _has_v2g(self) -> bool:
        return any(self._files(folder) for use in V2G_USES for folder in _FOLDERS[use])

    def _v2g_paths(self, now: datetime) -> list[tuple[Certificate, ...]]:
        folders = (name for use in V2G_USES for name in _FOLDERS[use])
        return [path for folder in folders for path in self._paths_in(folder, now)]

    def _paths_in(self, folder: str, now: datetime) -> list[tuple[Certificate, ...]]:
        files, found = self._files(folder), []
        roots = self._roots_for(CertificateUse.V2G) if files else ()
        for path in files:
            try:
                found.append(path_to_root(parse_chain(path.read_text("ascii")), roots, now))
            except CertificateProblem as problem:
                logger.warning("%s is not used: %s", path, problem)
        return found

    def _roots_for(self, use: CertificateUse) -> tuple[Certificate, ...]:
        """Return the roots that a certificate of the station may come from."""
        return tuple(root for kind in _ROOTS[use] for root in self._roots.roots(kind))

    # --- Files.

    def _files(self, folder: str) -> list[Path]:
        """Return the certificate files of a folder, oldest first."""
        return sorted(self._folders[folder].glob("*-*.pem"))

    def _key_file(self, key: str) -> Path:
        return self._folders[_KEYS] / f"{key}.key"

    def _remove_key_unless_needed(self, key: str) -> None:
        users = (path for name in _certificate_folders() for path in self._files(name))
        if all(_key_in(path) != key for path in users):
            remove_durably(self._key_file(key))

    def _factory_identity(self) -> ClientIdentity | None:
        if self._factory is None:
            return None
        certificate, key = self._factory
        try:
            digest = hashlib.sha256(certificate.read_bytes()).hexdigest()
        except OSError as error:
            logger.error("the configured certificate %s cannot be read: %s", certificate, error)
            return None
        identity = ClientIdentity(certificate, key, f"configured-{digest}")
        retired = (self._folders[_RETIRED] / identity.fingerprint).exists()
        return None if retired else identity


def _is_named(path: Path, hash_data: CertificateHashData) -> bool:
    """Compare serial number and issuer's name, which name one certificate."""
    try:
        leaf = parse_chain(path.read_text("ascii"))[0]
    except (CertificateProblem, OSError, UnicodeDecodeError) as error:
        logger.warning("%s cannot be read: %s", path, error)
        return False
    # The issuer itself may not be at hand, and its key is not needed to tell certificates apart.
    mine = certificate_hash_data(leaf, leaf, hash_data.algorithm)
    return replace(mine, issuer_key_hash=hash_data.issuer_key_hash).names_the_same_as(hash_data)


def _certificate_folders() -> set[str]:
    return {name for names in _FOLDERS.values() for name in names}


def _number_in(path: Path) -> int:
    number = path.stem.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def _key_in(path: Path) -> str:
    return path.stem.partition("-")[2]


def _pem(chain: Sequence[Certificate]) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def _starts(chain: Sequence[Certificate]) -> datetime:
    return chain[0].not_valid_before_utc


def _fingerprint(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256())
