"""Certificates for vehicles put together: contracts, and the status of what they are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.app.certificates import Certificates
from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.certificates import CertificateHashData
from agent.core.variable_access import VariableChange
from agent.ports import Csms
from agent.services.evse import EvseService
from agent.services.tasks import Spawn
from agent.services.vehicle_certificates import VehicleCertificateService

if TYPE_CHECKING:
    from agent.core.certificate_status import OcspResponse
    from agent.services.certificate_status import CertificateStatusService
    from hal.api import VehicleLink


class VehicleCertificates:
    """What a station with a backend for ISO 15118 does about certificates; else it does nothing."""

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        csms: Csms,
        certificates: Certificates,
        spawn: Spawn,
    ) -> None:
        self._f = f
        self._csms = csms
        self._certificates = certificates
        self._model = f.model
        self._link = f.hardware.vehicles
        self._wanted = asyncio.Event()
        self._status: CertificateStatusService | None = None
        self._contracts = VehicleCertificateService(evses, csms, self._installs_contracts, spawn)
        if self._link is not None:
            certificates.v2g_renewed = self._certificate_renewed
            certificates.trust.on_change = self._look_again
            self._contracts.begins = self._show_again

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does."""
        if self._link is None:
            return []
        self._look_again()
        return [self._contracts.listen(self._link), self._keep_status(self._link)]

    def variable_changed(self, change: VariableChange) -> None:
        """Obey Plug & Charge being switched on or off."""
        if change.key == sv.PNC_ENABLED:
            self._look_again()

    async def _keep_status(self, link: VehicleLink) -> None:
        """Have statuses at hand from when there is a certificate to show to vehicles, for ever."""
        await self._wanted.wait()
        self._status = self._status_service(link)
        await self._status.run()

    def _look_again(self) -> None:
        if self._status is not None:
            self._status.look_again()
        elif self._model.boolean(sv.PNC_ENABLED) and self._certificates.store.has_v2g():
            self._wanted.set()

    def _certificate_renewed(self) -> None:
        if self._status is not None:
            self._status.certificate_renewed()
        self._look_again()

    def _show_again(self) -> None:
        if self._status is not None:
            self._status.show_again()

    def _status_service(self, link: VehicleLink) -> CertificateStatusService:
        from agent.services.certificate_status import (  # noqa: PLC0415 - for V2G certificates
            CertificateStatusService,
            StatusPorts,
        )

        return CertificateStatusService(
            StatusPorts(
                identities=self._certificates.store,
                csms=self._csms,
                documents=self._f.storage.documents,
                clock=self._f.clock,
                vehicles=link,
                examine=_examine,
                enabled=lambda: self._model.boolean(sv.PNC_ENABLED),
            )
        )

    def _installs_contracts(self) -> bool:
        variables = (sv.PNC_ENABLED, sv.CONTRACT_CERTIFICATE_INSTALLATION)
        return all(self._model.boolean(variable) for variable in variables)


def _examine(text: str, name: CertificateHashData, now: datetime) -> OcspResponse:
    from agent.pki.ocsp import read_ocsp_response  # noqa: PLC0415 - for who has V2G certificates

    return read_ocsp_response(text, name, now)
