"""Meters that sign by themselves: records byte for byte, failures that cost the signature only."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.session_state import Authorization
from agent.core.signed_values import PublicKeyPolicy, SignedValue, record_octets
from agent.core.vocabulary import AuthorizedBy, IdToken, ReadingContext
from agent.metering import meter_signer
from agent.metering.meter_signer import Measurement, MeterOwnSigner
from agent.metering.verification import verify_pair
from agent.ports import SigningRequest
from hal.api import MeterIdentity, MeterReading, SignedRecord
from tests.signing_meter import SimulatedSigningMeter, new_key

TOKEN = IdToken("04A2B3C4")
BEGIN = SigningRequest(
    evse=1,
    transaction_id="tx 1",
    at=datetime(2026, 3, 2, tzinfo=UTC),
    register_wh=Decimal("1234.5"),
    context=ReadingContext.TRANSACTION_BEGIN,
    authorization=Authorization(TOKEN, AuthorizedBy.CSMS),
)
END = replace(BEGIN, context=ReadingContext.TRANSACTION_END)


class Memory:
    def __init__(self) -> None:
        self.measurements: dict[int, Measurement] = {}
        self.keys: dict[int, str] = {}

    def measurement(self, evse: int) -> Measurement | None:
        return self.measurements.get(evse)

    async def remember(self, evse: int, measurement: Measurement | None) -> None:
        if measurement is None:
            self.measurements.pop(evse, None)
        else:
            self.measurements[evse] = measurement

    def public_key_hex(self, evse: int) -> str:
        return self.keys.get(evse, "")

    async def remember_key(self, evse: int, public_key_hex: str) -> None:
        self.keys[evse] = public_key_hex


class Counting:
    """The measuring part: 3 Wh between any two looks."""

    def __init__(self) -> None:
        self.register_wh = Decimal("1231.5")

    async def identity(self) -> MeterIdentity:
        return MeterIdentity("Example", "SM 1", "SM-1")

    async def read(self) -> MeterReading:
        self.register_wh += 3
        return MeterReading(self.register_wh, 0.0)

    async def close(self) -> None:
        return None


class Bed:
    def __init__(self, policy: PublicKeyPolicy = PublicKeyPolicy.EVERY_METER_VALUE) -> None:
        self.memory, self.policy = Memory(), policy
        self.meter = SimulatedSigningMeter(Counting())
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is on the disk; the meter goes on."""
        self.signer = MeterOwnSigner({1: self.meter}, self.memory, lambda: self.policy)

    async def signs(self, request: SigningRequest) -> SignedValue:
        value = await self.signer.sign(request)
        assert value is not None
        return value


@pytest.mark.requirement("J02.FR.21")
async def test_begin_and_end_are_the_meters_byte_for_byte_and_prove_the_energy() -> None:
    bed = Bed()
    begin, end = await bed.signs(BEGIN), await bed.signs(END)
    assert [record_octets(value.record) for value in (begin, end)] == bed.meter.records
    assert begin.public_key == end.public_key == bed.meter.key.public_key_hex
    assert (begin.encoding_method, begin.signing_method) == ("OCMF", "")
    verdict = verify_pair(begin.record, end.record, bed.meter.key.public_key_hex)
    assert verdict.problems == ()
    assert verdict.energy_wh == 3
    assert '"ID":"04A2B3C4"' in begin.record
    assert bed.signer.public_key_hex(1) == bed.meter.key.public_key_hex


@pytest.mark.parametrize(
    ("policy", "begin_record", "keys"),
    [
        (PublicKeyPolicy.NEVER, True, (False, False)),
        (PublicKeyPolicy.ONCE_PER_TRANSACTION, True, (True, False)),
        (PublicKeyPolicy.EVERY_METER_VALUE, True, (True, True)),
        (PublicKeyPolicy.ONCE_PER_TRANSACTION, False, (None, True)),
        (PublicKeyPolicy.NEVER, False, (None, False)),
    ],
)
async def test_the_key_is_told_as_the_operator_wants_it_also_with_a_combined_record(
    policy: PublicKeyPolicy, begin_record: bool, keys: tuple[bool | None, bool]
) -> None:
    bed = Bed(policy)
    bed.meter.makes_begin_record = begin_record
    begin, end = await bed.signer.sign(BEGIN), await bed.signs(END)
    told = (None if begin is None else bool(begin.public_key), bool(end.public_key))
    assert told == keys
    assert bed.signer.problem(1) is None


@pytest.mark.parametrize(
    "context",
    [ReadingContext.SAMPLE_PERIODIC, ReadingContext.SAMPLE_CLOCK, ReadingContext.TRIGGER],
)
async def test_a_meter_signs_begin_and_end_and_nothing_else(context: ReadingContext) -> None:
    bed = Bed()
    await bed.signs(BEGIN)
    assert await bed.signer.sign(replace(BEGIN, context=context)) is None
    assert await bed.signer.sign(replace(BEGIN, context=context, transaction_id=None)) is None
    assert len(bed.meter.records) == 1


async def test_the_end_is_signed_though_the_station_restarted_meanwhile() -> None:
    bed = Bed(PublicKeyPolicy.ONCE_PER_TRANSACTION)
    await bed.signs(BEGIN)
    bed.restart()
    end = await bed.signs(END)
    assert record_octets(end.record) == bed.meter.records[-1]
    assert not end.public_key
    assert bed.memory.measurements == {}


def lose(meter: SimulatedSigningMeter) -> None:
    meter.lost = True


def refuse(meter: SimulatedSigningMeter) -> None:
    meter.refuses = "the meter's clock is not set; let it be set first"


@pytest.mark.parametrize(
    ("fails", "sentence"), [(lose, "does not answer"), (refuse, "clock is not set")]
)
async def test_a_meter_that_does_not_begin_costs_both_signatures_and_says_why(
    fails: Callable[[SimulatedSigningMeter], None],
    sentence: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bed = Bed()
    fails(bed.meter)
    assert await bed.signer.sign(BEGIN) is None
    assert sentence in (bed.signer.problem(1) or "")
    assert sentence in caplog.text
    bed.meter.lost, bed.meter.refuses = False, ""
    assert await bed.signer.sign(END) is None
    assert bed.meter.records == []
    await bed.signs(replace(BEGIN, transaction_id="tx 2"))
    assert bed.signer.problem(1) is None
    await bed.signs(replace(END, transaction_id="tx 2"))


async def test_a_measurement_that_nobody_ended_is_ended_before_the_next() -> None:
    bed = Bed()
    await bed.signs(BEGIN)
    bed.meter.lost = True
    assert await bed.signer.sign(END) is None
    assert bed.signer.problem(1) is not None
    bed.meter.lost = False
    begin = await bed.signs(replace(BEGIN, transaction_id="tx 2"))
    assert '"PG":"T3"' in begin.record
    await bed.signs(replace(END, transaction_id="tx 2"))


async def test_a_measurement_begun_right_before_a_crash_is_ended_first() -> None:
    bed = Bed()
    await bed.meter.begin_signed("somebody")
    begin = await bed.signs(BEGIN)
    assert '"ID":"04A2B3C4"' in begin.record


async def test_a_meter_that_hangs_is_left_alone_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bed = Bed()
    monkeypatch.setattr(meter_signer, "SIGNING_TIMEOUT_S", 0.01)

    async def hang(_identification: str) -> None:
        await never.wait()

    never = asyncio.Event()
    monkeypatch.setattr(bed.meter, "begin_signed", hang)
    assert await bed.signer.sign(BEGIN) is None
    assert "has not signed within" in (bed.signer.problem(1) or "")


async def test_a_bug_in_a_driver_costs_the_signature_and_is_logged_in_full(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bed = Bed()

    async def fail(_identification: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bed.meter, "begin_signed", fail)
    assert await bed.signer.sign(BEGIN) is None
    assert "ZeroDivisionError" in caplog.text


async def test_another_key_than_before_is_remembered_and_complained_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bed = Bed()
    await bed.signs(BEGIN)
    await bed.signs(END)
    assert "another key" not in caplog.text
    bed.meter.key = new_key()
    await bed.signs(replace(BEGIN, transaction_id="tx 2"))
    assert "another key" in caplog.text
    assert bed.signer.public_key_hex(1) == bed.meter.key.public_key_hex


async def test_a_record_that_is_no_text_keeps_every_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed()
    data = bytes(range(256))

    async def begin(_identification: str) -> SignedRecord:
        return SignedRecord(data, "ECDSA-secp256r1-SHA256", "SNAPSHOT", Decimal(1))

    monkeypatch.setattr(bed.meter, "begin_signed", begin)
    value = await bed.signs(BEGIN)
    assert record_octets(value.record) == data
    assert value.encoding_method == "SNAPSHOT"
    assert value.signing_method == "ECDSA-secp256r1-SHA256"
    assert value.public_key == ""


async def test_a_register_that_differs_is_told_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bed = Bed()
    await bed.signs(BEGIN)
    await bed.signs(replace(END, register_wh=Decimal(9999)))
    assert "the one that was read 9999 Wh" in caplog.text
