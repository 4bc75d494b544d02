"""Who signs for which EVSE: its meter, where that can sign, else the station."""

from agent.core.signed_values import SignedValue
from agent.metering.meter_signer import MeterOwnSigner
from agent.metering.station_signer import StationSigner
from agent.ports import SigningRequest


class Signers:
    """Signs the registers of all EVSEs, each by whom it concerns."""

    def __init__(self, station: StationSigner, meters: MeterOwnSigner) -> None:
        self._station = station
        self._meters = meters

    async def sign(self, request: SigningRequest) -> SignedValue | None:
        """Return the signed record, None if it cannot be made (the reason is logged)."""
        if request.evse in self._meters.evses:
            return await self._meters.sign(request)
        return await self._station.sign(request)

    def public_key_hex(self, evse: int) -> str:
        """Return the key that verifies the records of an EVSE, '' while it is not known."""
        if evse in self._meters.evses:
            return self._meters.public_key_hex(evse)
        return self._station.public_key_hex

    def problem(self, evse: int) -> str | None:
        """Return why values of an EVSE are told unsigned, None if they are not."""
        if evse in self._meters.evses:
            return self._meters.problem(evse)
        return self._station.problem
