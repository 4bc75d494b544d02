"""Certificates of the station: the store, its services, and what link and router get of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Final

from agent.app.commands import CommandRouter
from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.certificates import (
    CertificateSigned,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    RootUse,
    Subject,
)
from agent.core.commands import Outcome, TriggerMessage
from agent.core.security_events import SecurityEventKind
from agent.core.vocabulary import MessageTrigger
from agent.pki.identities import StationIdentities
from agent.pki.trust_anchors import InstalledRoots
from agent.ports import Csms
from agent.services.certificates import (
    V2G_USES,
    CertificatePorts,
    CertificateService,
    CertificateSettings,
)
from agent.services.tasks import Spawn
from agent.services.trust_store import TrustSettings, TrustStoreService

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

FOLDER: Final = "pki"
TLS_PROFILE: Final = 2
CLIENT_CERTIFICATE_PROFILE: Final = 3
_USES: Final = {
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: CertificateUse.CHARGING_STATION,
    MessageTrigger.SIGN_COMBINED_CERTIFICATE: CertificateUse.COMBINED,
    MessageTrigger.SIGN_V2G_CERTIFICATE: CertificateUse.V2G,
    MessageTrigger.SIGN_V2G_20_CERTIFICATE: CertificateUse.V2G_20,
}

Trigger = Callable[[TriggerMessage], Outcome | Awaitable[Outcome]]


class Certificates:
    """The station's keys, certificates and trust anchors, put together. Raises OSError.

    `keeps_csms_root` tells whether the version in use forbids to delete the last root of the CSMS.
    """

    def __init__(
        self,
        f: Foundations,
        csms: Csms,
        tell: Callable[[SecurityEventKind, str], None],
        reconnect: Callable[[], Awaitable[None]],
        spawn: Spawn,
        keeps_csms_root: Callable[[], bool],
    ) -> None:
        self._f = f
        configured = f.config.csms
        folder = f.config.station.state_dir / FOLDER
        must_be_signed = f.model.boolean(sv.ADDITIONAL_ROOT_CERTIFICATE_CHECK, default=False)
        self.roots = InstalledRoots(
            folder / "roots", configured.ca_file, must_be_signed=must_be_signed
        )
        pair = (configured.client_certificate_file, configured.client_key_file)
        factory = (pair[0], pair[1]) if pair[0] and pair[1] else None
        self.v2g_renewed: Callable[[], None] = lambda: None
        self.store = store = StationIdentities(
            folder, self.roots, configured.certificate_key, factory
        )
        self.identities = CertificateService(
            CertificatePorts(
                identities=store,
                roots=self.roots,
                csms=csms,
                documents=f.storage.documents,
                clock=f.clock,
                tell=tell,
                reconnect=reconnect,
                spawn=spawn,
                v2g_renewed=lambda: self.v2g_renewed(),  # noqa: PLW0108 - made later
            ),
            self._settings(),
        )
        self.trust = TrustStoreService(
            self.roots,
            store,
            f.clock,
            TrustSettings(
                max_entries=self._max_entries,
                needs_csms_root=lambda: (
                    self._security_profile() >= TLS_PROFILE or keeps_csms_root()
                ),
            ),
            tell,
        )

    def contract_roots(self) -> tuple[Certificate, ...]:
        """Return the roots that a vehicle's contract may lead to (C07). Raises OSError."""
        return self.roots.roots(RootUse.MO) + self.roots.roots(RootUse.V2G)

    def serve(self, router: CommandRouter, trigger: Trigger) -> None:
        """Take the commands about certificates, and the triggers for SignCertificate."""
        router.carries_out(CertificateSigned, self.identities.signed)
        router.carries_out(InstallCertificate, self.trust.install)
        router.carries_out(DeleteCertificate, self.trust.delete)
        router.carries_out(GetInstalledCertificateIds, self.trust.installed)

        async def triggered(command: TriggerMessage) -> Outcome:
            use = None if command.trigger is None else _USES.get(command.trigger)
            if use is not None:
                return self.identities.trigger(use)
            outcome = trigger(command)
            return await outcome if isawaitable(outcome) else outcome

        router.carries_out(TriggerMessage, triggered)

    def _settings(self) -> CertificateSettings:
        model = self._f.model
        return CertificateSettings(
            subject=self._subject,
            wait_minimum_s=lambda: model.integer(sv.CERT_SIGNING_WAIT_MINIMUM),
            repeat_times=lambda: model.integer(sv.CERT_SIGNING_REPEAT_TIMES),
            max_chain_size=lambda: model.integer(sv.MAX_CERTIFICATE_CHAIN_SIZE),
            uses_client_certificate=lambda: self._security_profile() == CLIENT_CERTIFICATE_PROFILE,
        )

    def _subject(self, use: CertificateUse) -> Subject | None:
        """Return the subject for a use; V2G certificates need a backend that speaks ISO 15118."""
        model = self._f.model
        if use is CertificateUse.CHARGING_STATION:
            organization = model.text(sv.ORGANIZATION_NAME)
            return Subject(organization, self._f.config.station.serial_number)
        if use in V2G_USES and model.boolean(sv.V2G_CERTIFICATE_INSTALLATION, default=False):
            country = model.text(sv.V2G_COUNTRY_NAME) or None
            organization = model.text(sv.V2G_ORGANIZATION_NAME)
            return Subject(organization, model.text(sv.V2G_SECC_ID), country)
        return None

    def _security_profile(self) -> int:
        return self._f.model.integer(sv.SECURITY_PROFILE)

    def _max_entries(self) -> int:
        limit = self._f.model.definition(sv.CERTIFICATE_ENTRIES).max_limit
        return int(limit) if limit is not None else 0
