"""Certificates for vehicles put together: contracts, and the status of what they are shown."""

from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any

from agent.app.certificates import Certificates
from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.certificate_status import OcspResponse
from agent.core.certificates import CertificateHashData
from agent.core.variable_access import VariableChange
from agent.ports import Csms
from agent.services.certificate_status import CertificateStatusService, StatusPorts
from agent.services.evse import EvseService
from agent.services.tasks import Spawn
from agent.services.vehicle_certificates import VehicleCertificateService


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
        self._model = f.model
        self._link = link = f.hardware.vehicles
        if link is None:
            return
        self._status = CertificateStatusService(
            StatusPorts(
                identities=certificates.store,
                csms=csms,
                documents=f.storage.documents,
                clock=f.clock,
                vehicles=link,
                examine=_examine,
                enabled=lambda: self._model.boolean(sv.PNC_ENABLED),
            )
        )
        certificates.v2g_renewed = self._status.certificate_renewed
        certificates.trust.on_change = self._status.look_again
        self._contracts = VehicleCertificateService(evses, csms, self._installs_contracts, spawn)
        self._contracts.begins = self._status.show_again

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does."""
        if self._link is None:
            return []
        return [self._contracts.listen(self._link), self._status.run()]

    def variable_changed(self, change: VariableChange) -> None:
        """Obey Plug & Charge being switched on or off."""
        if self._link is not None and change.key == sv.PNC_ENABLED:
            self._status.look_again()

    def _installs_contracts(self) -> bool:
        variables = (sv.PNC_ENABLED, sv.CONTRACT_CERTIFICATE_INSTALLATION)
        return all(self._model.boolean(variable) for variable in variables)


def _examine(text: str, name: CertificateHashData, now: datetime) -> OcspResponse:
    from agent.pki.ocsp import read_ocsp_response  # noqa: PLC0415 - for who has V2G certificates

    return read_ocsp_response(text, name, now)
