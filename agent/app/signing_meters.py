"""Meters that sign by themselves, connected with the storage; loaded where there are some."""

from collections.abc import Mapping

from agent.app.foundations import Foundations
from agent.metering.meter_signer import Measurement, MeterOwnSigner
from agent.services import policies
from agent.store.enduring_settings import EnduringDocuments
from hal.api import SigningMeter

MEASUREMENT, METER_KEY = "signed_measurement", "signing_meter_key"
KEY_TOLD, KEY_UNTOLD = "key_told", "key_untold"


def meter_own_signer(f: Foundations, meters: Mapping[int, SigningMeter]) -> MeterOwnSigner:
    """Return who lets these meters sign; the policy is read at each value."""
    memory = RememberedMeasurements(f.storage.documents)
    return MeterOwnSigner(meters, memory, lambda: policies.public_key_policy(f.model))


class RememberedMeasurements:
    """What the signing meters measure, and the keys that they sign with."""

    def __init__(self, documents: EnduringDocuments) -> None:
        self._documents = documents

    def measurement(self, evse: int) -> Measurement | None:
        """Return what a meter measures, None for nothing."""
        text = self._documents.get(MEASUREMENT, str(evse))
        if not text:
            return None
        transaction_id, _, told_key = text.rpartition(" ")
        return Measurement(transaction_id, told_key == KEY_TOLD)

    async def remember(self, evse: int, measurement: Measurement | None) -> None:
        """Keep what a meter measures from now on."""
        if measurement is None:
            await self._documents.delete(MEASUREMENT, str(evse))
        else:
            told_key = KEY_TOLD if measurement.told_key else KEY_UNTOLD
            text = f"{measurement.transaction_id} {told_key}"
            await self._documents.put(MEASUREMENT, str(evse), text)

    def public_key_hex(self, evse: int) -> str:
        """Return the key of a meter, '' before its first record."""
        return self._documents.get(METER_KEY, str(evse)) or ""

    async def remember_key(self, evse: int, public_key_hex: str) -> None:
        """Keep the key of a meter."""
        await self._documents.put(METER_KEY, str(evse), public_key_hex)
