"""A signing component for tests: one key, one meter, readings with sensible defaults."""

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.core.vocabulary import AuthorizedBy
from agent.metering.identification import Identification, identify
from agent.metering.ocmf import ClockStatus, MeterReading, ReadingReason, SigningDevice
from agent.metering.signer import MeterSigner, SignedRecord
from agent.metering.signing_key import SigningKey, load_or_create_signing_key

CET = timezone(timedelta(hours=1))
START = datetime(2025, 3, 1, 14, 0, 0, 123_456, tzinfo=CET)
USER = identify("04A1B2C3D4E5F6", "ISO14443", AuthorizedBy.CSMS, over_tls=True)
DEVICE = SigningDevice(
    meter_serial="EM-4711",
    station_software_version="stationd 0.1.0",
    meter_vendor="Example",
    meter_model="EM340",
    meter_firmware="A.08",
    gateway_model="AC22",
    gateway_serial="0001",
    gateway_version="0.1.0",
    evse_id="DE*EXA*E0001",
)


@dataclass
class RememberedNumber:
    """A pagination counter in memory."""

    last: int = 0

    async def next(self) -> int:
        self.last += 1
        return self.last


class PromptSigner(MeterSigner):
    """A signer whose counter never waits, so that a record is there at once."""

    def now(self, taken: MeterReading) -> SignedRecord:
        return at_once(self.sign(taken))


def at_once(work: Coroutine[object, None, SignedRecord]) -> SignedRecord:
    try:
        work.send(None)
    except StopIteration as done:
        record: SignedRecord = done.value
        return record
    raise AssertionError("the counter waited")


@lru_cache(maxsize=2)
def signing_key(name: str = "ours") -> SigningKey:
    with TemporaryDirectory() as folder:
        return load_or_create_signing_key(Path(folder) / "keys" / f"{name}.pem")


def signer(
    device: SigningDevice = DEVICE, *, storage: RememberedNumber | None = None
) -> PromptSigner:
    return PromptSigner(device, signing_key(), storage or RememberedNumber())


def reading(
    energy_wh: str = "1234567",
    *,
    after_s: int = 0,
    reason: ReadingReason = ReadingReason.BEGIN,
    user: Identification = USER,
    clock_status: ClockStatus = ClockStatus.SYNCHRONIZED,
    tariff_text: str = "",
) -> MeterReading:
    return MeterReading(
        energy_wh=Decimal(energy_wh),
        taken_at=START + timedelta(seconds=after_s),
        clock_status=clock_status,
        reason=reason,
        identification=user,
        tariff_text=tariff_text,
    )


def begin_and_end(
    device: SigningDevice = DEVICE, user: Identification = USER
) -> tuple[SignedRecord, SignedRecord]:
    meter = signer(device)
    begin = meter.now(reading("1234567", user=user))
    end = meter.now(reading("1244667.5", after_s=3600, reason=ReadingReason.END, user=user))
    return begin, end


def watt_hours(milliwatt_hours: int) -> Decimal:
    return Decimal(f"{milliwatt_hours}E-3")
