"""The station's trust anchors as the CSMS manages them: list, delete, install (M03, M04, M05)."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from agent.core.certificates import (
    V2G_CHAIN,
    CertificateHashData,
    CertificateOutcome,
    CertificateProblem,
    CertificateStatus,
    DeleteCertificate,
    GetInstalledCertificateIds,
    HashAlgorithm,
    InstallCertificate,
    InstalledCertificates,
    RootUse,
)
from agent.core.records import dataclass
from agent.core.security_events import SecurityEventKind
from agent.ports import Clock, IdentityStore, RootStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """`max_entries` bounds all certificates together; `needs_csms_root`: the link uses TLS."""

    max_entries: Callable[[], int]
    needs_csms_root: Callable[[], bool]


class TrustStoreService:
    """Carries out what the CSMS orders of certificates; one order at a time."""

    def __init__(
        self,
        roots: RootStore,
        identities: IdentityStore,
        clock: Clock,
        settings: TrustSettings,
        tell: Callable[[SecurityEventKind, str], None],
    ) -> None:
        self._roots = roots
        self._identities = identities
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._turn = asyncio.Lock()
        self.on_change: Callable[[], None] = lambda: None

    def entries(self) -> int:
        """Return how many certificates are installed (SecurityCtrlr.CertificateEntries)."""
        return self._roots.entries() + self._identities.entries()

    @property
    def untried_root(self) -> str | None:
        """The CSMS root that is on trial; None if none is."""
        return self._roots.untried

    async def root_worked(self, name: str) -> None:
        """Remove all other CSMS roots, now that this one has worked alone (M05.FR.13)."""
        async with self._turn:
            try:
                is_news = await asyncio.to_thread(self._roots.prove, name)
            except OSError as error:
                # What is left is removed after the next connection.
                log.error("the earlier roots of the CSMS cannot be removed: %s", error)
                return
        if is_news:
            self._changed("the new CSMSRootCertificate has replaced the earlier ones")

    async def install(self, command: InstallCertificate) -> CertificateOutcome:
        """Trust a root (M05.FR.01-07); one that is trusted already is accepted again."""
        async with self._turn:
            try:
                is_new = await asyncio.to_thread(self._install, command, self._clock.now())
            except CertificateProblem as problem:
                return CertificateOutcome(CertificateStatus.REJECTED, problem)
            except OSError as error:
                return _failed(error)
        if is_new:
            self._changed(f"a {command.use} was installed")
        return CertificateOutcome(CertificateStatus.ACCEPTED)

    async def delete(self, command: DeleteCertificate) -> CertificateOutcome:
        """Trust a root no more (M04.FR.01-06)."""
        async with self._turn:
            try:
                outcome = await asyncio.to_thread(self._delete, command.hash_data)
            except OSError as error:
                return _failed(error)
        if outcome.status is CertificateStatus.ACCEPTED:
            self._changed("a certificate was deleted")
        return outcome

    async def installed(self, command: GetInstalledCertificateIds) -> InstalledCertificates:
        """List roots and V2G certificates by their names (M03.FR.01-05)."""
        async with self._turn:
            return await asyncio.to_thread(self._list, command.uses, self._clock.now())

    def _install(self, command: InstallCertificate, now: datetime) -> bool:
        has_room = self.entries() < self._settings.max_entries()
        return self._roots.install(command.use, command.certificate, now, has_room=has_room)

    def _delete(self, hash_data: CertificateHashData) -> CertificateOutcome:
        if self._identities.is_station_certificate(hash_data):
            problem = CertificateProblem("InvalidValue", "the station's certificate is in use")
            return CertificateOutcome(CertificateStatus.FAILED, problem)
        named = self._roots.find(hash_data)
        if self._would_cut_off(named):
            problem = CertificateProblem("InvalidValue", "without it no CSMS could be verified")
            return CertificateOutcome(CertificateStatus.FAILED, problem)
        for use, name in named:
            self._roots.remove(use, name)
        if self._identities.remove_v2g(hash_data) or named:
            return CertificateOutcome(CertificateStatus.ACCEPTED)
        return CertificateOutcome(CertificateStatus.NOT_FOUND)

    def _would_cut_off(self, named: tuple[tuple[RootUse, str], ...]) -> bool:
        """Tell whether no CSMS root would be left on a station that needs one (M04.FR.03).

        One that is on trial does not count.
        """
        going = {name for use, name in named if use is RootUse.CSMS}
        is_last = bool(going) and self._roots.proven_csms_roots() <= going
        return is_last and self._settings.needs_csms_root()

    def _list(self, uses: frozenset[str], now: datetime) -> InstalledCertificates:
        algorithm = HashAlgorithm.SHA256
        found = self._roots.installed(algorithm)
        if not uses or V2G_CHAIN in uses:
            found += self._identities.v2g_chains(now, algorithm)
        return InstalledCertificates(tuple(c for c in found if not uses or c.use in uses))

    def _changed(self, info: str) -> None:
        self.on_change()
        self._tell(SecurityEventKind.RECONFIGURATION_OF_SECURITY_PARAMETERS, info)


def _failed(error: OSError) -> CertificateOutcome:
    log.error("the trust store cannot be changed: %s", error)
    problem = CertificateProblem("OutOfStorage", "the certificate store cannot be written")
    return CertificateOutcome(CertificateStatus.FAILED, problem)
