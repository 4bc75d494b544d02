"""Turns a meter reading into a signed OCMF record."""

from __future__ import annotations

from agent.core.records import dataclass
from agent.metering import ocmf
from agent.metering.ocmf import MeterReading, SigningDevice
from agent.metering.pagination import PaginationCounter
from agent.metering.signing_key import SigningKey


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """One signed record; `content` is stored, sent and exported byte for byte."""

    content: bytes
    pagination: int
    public_key_hex: str

    @property
    def text(self) -> str:
        """The same bytes as text; they are ASCII."""
        return self.content.decode("ascii")


class MeterSigner:
    """Signs the readings of one meter.

    Signers of several meters may share the key and then share the pagination counter as well: it
    counts the records of the signing component.
    """

    def __init__(
        self, device: SigningDevice, key: SigningKey, pagination: PaginationCounter
    ) -> None:
        self._device = device
        self._key = key
        self._pagination = pagination

    @property
    def public_key_hex(self) -> str:
        """The SubjectPublicKeyInfo, DER in hexadecimal, that verifies this signer's records."""
        return self._key.public_key_hex

    async def sign(self, reading: MeterReading) -> SignedRecord:
        """Build and sign the record of `reading`.

        Raises OcmfFieldError and RecordTooLongError before a pagination number is used up, so that
        a refused reading leaves no gap. What the pagination counter raises is passed on.
        """
        ocmf.build_payload(self._device, reading, ocmf.MAX_PAGINATION)
        number = await self._pagination.next()
        payload = ocmf.build_payload(self._device, reading, number)
        content = ocmf.assemble(payload, self._key.sign(payload))
        return SignedRecord(content, number, self._key.public_key_hex)
