"""Who signs for which EVSE: its meter, where that can sign, else the station."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.signed_values import SignedValue
from agent.metering.station_signer import StationSigner
from agent.ports import SigningRequest

if TYPE_CHECKING:
    from agent.metering.meter_signer import MeterOwnSigner


class Signers:
    """Signs the registers of all EVSEs, each by whom it concerns; `meters` None: none can sign."""

    def __init__(self, station: StationSigner, meters: MeterOwnSigner | None = None) -> None:
        self._station = station
        self._meters = meters

    async def sign(self, request: SigningRequest) -> SignedValue | None:
        """Return the signed record, None if it cannot be made (the reason is logged)."""
        meters = self._of(request.evse)
        return await (self._station if meters is None else meters).sign(request)

    def public_key_hex(self, evse: int) -> str:
        """Return the key that verifies the records of an EVSE, '' while it is not known."""
        meters = self._of(evse)
        return self._station.public_key_hex if meters is None else meters.public_key_hex(evse)

    def problem(self, evse: int) -> str | None:
        """Return why values of an EVSE are told unsigned, None if they are not."""
        meters = self._of(evse)
        return self._station.problem if meters is None else meters.problem(evse)

    def _of(self, evse: int) -> MeterOwnSigner | None:
        """Return the meters if that of the EVSE can sign."""
        return self._meters if self._meters is not None and evse in self._meters.evses else None
