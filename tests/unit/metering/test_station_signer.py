"""What hinders signing costs the signature, never the transaction."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from agent.core.signed_values import PublicKeyPolicy
from agent.core.vocabulary import ReadingContext
from agent.metering.ocmf import ClockStatus, SigningDevice
from agent.metering.pagination import PaginationUnavailable
from agent.metering.station_signer import DeviceUnknown, SigningPolicy, StationSigner
from agent.ports import SigningRequest

REQUEST = SigningRequest(
    evse=1,
    transaction_id="tx",
    at=datetime(2026, 3, 2, tzinfo=UTC),
    register_wh=Decimal(1000),
    context=ReadingContext.TRANSACTION_BEGIN,
)
POLICY = SigningPolicy(
    public_key=PublicKeyPolicy.EVERY_METER_VALUE,
    clock_status=ClockStatus.SYNCHRONIZED,
    over_tls=False,
)


class Memory:
    def __init__(self) -> None:
        self.key = ""

    def known_public_key_hex(self) -> str:
        return self.key

    async def remember(self, public_key_hex: str) -> None:
        self.key = public_key_hex


class Numbers:
    def __init__(self) -> None:
        self.fails = False
        self.last = 0

    async def next(self) -> int:
        if self.fails:
            raise PaginationUnavailable("the disk is full")
        self.last += 1
        return self.last


class Meter:
    def __init__(self) -> None:
        self.fails = False

    async def device(self, evse: int) -> SigningDevice:
        if self.fails:
            raise DeviceUnknown("no answer")
        return SigningDevice(
            meter_serial="1",
            station_software_version="stationd 1",
            meter_vendor="Example",
            meter_model="M",
            meter_firmware="1",
            gateway_model="AC22",
            gateway_serial="0001",
            gateway_version="1",
        )


@pytest.mark.parametrize("hindrance", ["numbers", "meter"])
async def test_a_register_goes_out_unsigned_and_no_number_is_lost(
    hindrance: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numbers, meter = Numbers(), Meter()
    signer = StationSigner(tmp_path / "keys" / "key.pem", Memory(), numbers, meter, lambda: POLICY)
    faulty: Numbers | Meter = numbers if hindrance == "numbers" else meter
    faulty.fails = True
    assert await signer.sign(REQUEST) is None
    assert "tx has no signed value" in caplog.text
    faulty.fails = False
    signed = await signer.sign(REQUEST)
    assert signed is not None
    assert '"PG":"T1"' in signed.record


async def test_a_register_that_stands_in_for_a_lost_meter_is_never_signed_as_if_it_was_read(
    tmp_path: Path,
) -> None:
    numbers = Numbers()
    signer = StationSigner(
        tmp_path / "keys" / "key.pem", Memory(), numbers, Meter(), lambda: POLICY
    )
    assert await signer.sign(replace(REQUEST, stands_in=True)) is None
    assert signer.problem is not None
    assert "not read" in signer.problem
    assert numbers.last == 0
    assert await signer.sign(REQUEST) is not None
