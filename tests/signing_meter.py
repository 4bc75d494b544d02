"""A meter with a signature unit of its own, at the hardware's port (hal.api.SigningMeter).

It signs with a key that nobody else has, refuses to begin while a measurement runs or its record
was not fetched, as real ones do, and goes on measuring whatever happens to the station.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.core.vocabulary import AuthorizedBy
from agent.metering import ocmf
from agent.metering.identification import UNASSIGNED, identify
from agent.metering.ocmf import ClockStatus, MeterReading, ReadingReason, SigningDevice
from agent.metering.signing_key import SigningKey, load_or_create_signing_key
from hal.api import (
    EnergyMeter,
    HardwareError,
    HardwareLost,
    MeterIdentity,
    SignedRecord,
)
from hal.api import MeterReading as Measured

DEVICE = SigningDevice(meter_serial="SM-1", station_software_version="", meter_model="SM 1")


class SimulatedSigningMeter:
    """Wraps a meter that measures; `lost` lets it say nothing, `refuses` say why not."""

    def __init__(self, meter: EnergyMeter, key: SigningKey | None = None) -> None:
        self.meter = meter
        self.key = key or new_key()
        self.identification: str | None = None
        self.pagination = 0
        self.lost = False
        self.refuses = ""
        self.makes_begin_record = True
        self.records: list[bytes] = []

    async def identity(self) -> MeterIdentity:
        return await self.meter.identity()

    async def read(self) -> Measured:
        return await self.meter.read()

    async def close(self) -> None:
        await self.meter.close()

    async def begin_signed(self, identification: str) -> SignedRecord | None:
        self._require()
        if self.identification is not None:
            raise HardwareError("the meter is measuring for somebody; end that first")
        self.identification = identification
        return await self._record(ReadingReason.BEGIN) if self.makes_begin_record else None

    async def end_signed(self) -> SignedRecord:
        self._require()
        if self.identification is None:
            raise HardwareError("the meter is measuring for nobody; begin first")
        record = await self._record(ReadingReason.END)
        self.identification = None
        return record

    def _require(self) -> None:
        if self.lost:
            raise HardwareLost("the signing meter at port 1 does not answer; check its bus")
        if self.refuses:
            raise HardwareError(self.refuses)

    async def _record(self, reason: ReadingReason) -> SignedRecord:
        measured = await self.meter.read()
        self.pagination += 1
        user = UNASSIGNED
        if self.identification:
            user = identify(self.identification, "ISO14443", AuthorizedBy.CSMS, over_tls=False)
        reading = MeterReading(
            energy_wh=measured.energy_import_wh.quantize(Decimal("0.1")),
            taken_at=datetime(2026, 3, 2, 7, self.pagination, tzinfo=UTC),
            clock_status=ClockStatus.SYNCHRONIZED,
            reason=reason,
            identification=user,
        )
        payload = ocmf.build_payload(DEVICE, reading, self.pagination)
        content = ocmf.assemble(payload, self.key.sign(payload))
        self.records.append(content)
        return SignedRecord(content, "OCMF", "OCMF", reading.energy_wh, self.key.public_key_hex)


def new_key() -> SigningKey:
    """Make a key as a meter's maker does."""
    with TemporaryDirectory() as folder:
        return load_or_create_signing_key(Path(folder) / "meter.pem")
