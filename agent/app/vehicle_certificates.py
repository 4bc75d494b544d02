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
        self._switched_on = asyncio.Event()
        self._status: CertificateStatusService | None = None
        self._contracts = VehicleCertificateService(evses, csms, self._installs_contracts, spawn)

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does."""
        if self._link is None:
            return []
        if self._model.boolean(sv.PNC_ENABLED):
            self._switched_on.set()
        return [self._contracts.listen(self._link), self._keep_status(self._link)]

    def variable_changed(self, change: VariableChange) -> None:
        """Obey Plug & Charge being switched on or off."""
        if change.key != sv.PNC_ENABLED:
            return
        if self._model.boolean(sv.PNC_ENABLED):
            self._switched_on.set()
        if self._status is not None:
            self._status.look_again()

    async def _keep_status(self, link: VehicleLink) -> None:
        """Have statuses at hand from when Plug & Charge is first switched on, for ever."""
        await self._switched_on.wait()
        self._status = status = self._status_service(link)
        self._certificates.v2g_renewed = status.certificate_renewed
        self._certificates.trust.on_change = status.look_again
        self._contracts.begins = status.show_again
        await status.run()

    def _status_service(self, link: VehicleLink) -> CertificateStatusService:
        from agent.services.certificate_status import (  # noqa: PLC0415 - for Plug & Charge alone
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
