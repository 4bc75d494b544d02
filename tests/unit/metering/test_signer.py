"""Whole records: genuine ones verify everywhere, tampered ones nowhere, and no number is lost."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyocmf import OCMF, SignatureVerificationError, validate_transaction_pair
from pyocmf.exceptions import PyOCMFError

from agent.core.vocabulary import AuthorizedBy, TokenType
from agent.metering.identification import UNASSIGNED, Identification, identify
from agent.metering.ocmf import (
    ClockStatus,
    CurrentType,
    EnergyUnit,
    MeterReading,
    OcmfFieldError,
    ReadingReason,
    RecordTooLongError,
    Register,
    SigningDevice,
)
from agent.metering.signer import SignedRecord
from agent.metering.verification import verify_pair, verify_record
from tests.patience import PATIENT_S
from tests.unit.metering.records import (
    DEVICE,
    START,
    USER,
    PromptSigner,
    RememberedNumber,
    begin_and_end,
    reading,
    signer,
    signing_key,
    watt_hours,
)

PUBLIC_KEY = signing_key().public_key_hex


def is_genuine_for_both(text: str, public_key_hex: str = PUBLIC_KEY) -> tuple[bool, bool]:
    """Ask the station's own check and an independent verifier, which is told to be strict."""
    try:
        elsewhere = OCMF.from_string(text, strict=True).verify_signature(public_key_hex)
    except (PyOCMFError, SignatureVerificationError, ValueError):
        elsewhere = False
    return verify_record(text, public_key_hex).is_valid, elsewhere


def reading_plus_one(text: str) -> str:
    return re.sub(
        '("RV":[0-9.]*)([0-9])', lambda rv: f"{rv[1]}{(int(rv[2]) + 1) % 10}", text, count=1
    )


def year_plus_one(text: str) -> str:
    return re.sub('"TM":"([0-9]{4})', lambda tm: f'"TM":"{int(tm[1]) + 1:04d}', text, count=1)


def added_whitespace(text: str) -> str:
    return text.replace('"RD":[', '"RD": [', 1)


def signature_nibble(text: str) -> str:
    last = text[-3]
    return text[:-3] + ("0" if last != "0" else "1") + text[-2:]


TAMPERINGS = [reading_plus_one, year_plus_one, added_whitespace, signature_nibble]

devices = st.builds(
    replace,
    st.just(DEVICE),
    register=st.sampled_from(Register),
    unit=st.sampled_from(EnergyUnit),
    current_type=st.sampled_from(CurrentType),
    meter_model=st.text(max_size=20).filter(str.isprintable),
)
printable = st.text(min_size=1, max_size=36).filter(str.isprintable)
users = st.one_of(
    st.just(UNASSIGNED),
    st.builds(
        lambda token, kind, by, tls: identify(token, kind, by, over_tls=tls),
        printable,
        st.sampled_from(TokenType),
        st.sampled_from(AuthorizedBy),
        st.booleans(),
    ),
)
# A zone of whole minutes and a year to which one can be added.
times = st.builds(
    lambda moment, minutes: moment.astimezone(START.tzinfo) + timedelta(minutes=minutes),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - a zone is added
    st.integers(-1000, 1000),
)
readings = st.builds(
    MeterReading,
    energy_wh=st.integers(0, 10**15 - 1).map(watt_hours),
    taken_at=times,
    clock_status=st.sampled_from(ClockStatus),
    reason=st.sampled_from(ReadingReason),
    identification=users,
)


@given(devices, readings)
def test_every_record_verifies_here_and_elsewhere(
    device: SigningDevice, taken: MeterReading
) -> None:
    record = signer(device).now(taken)
    assert is_genuine_for_both(record.text) == (True, True)


@pytest.mark.parametrize("tamper", TAMPERINGS)
@given(devices, readings)
def test_a_tampered_record_verifies_nowhere(
    tamper: Callable[[str], str], device: SigningDevice, taken: MeterReading
) -> None:
    text = signer(device).now(taken).text
    tampered = tamper(text)
    assert tampered != text
    assert is_genuine_for_both(tampered) == (False, False)


@given(readings)
def test_a_record_says_exactly_what_was_read(taken: MeterReading) -> None:
    facts = verify_record(signer().now(taken).text, PUBLIC_KEY).facts
    assert facts is not None
    assert facts.energy_wh == taken.energy_wh
    assert facts.clock_status is taken.clock_status
    assert facts.taken_at == taken.taken_at - timedelta(
        microseconds=taken.taken_at.microsecond % 1000
    )


def test_a_record_of_another_station_does_not_verify() -> None:
    text = signer().now(reading()).text
    other = signing_key("other").public_key_hex
    assert is_genuine_for_both(text, other) == (False, False)


def test_a_record_names_its_algorithm_and_encoding() -> None:
    header, payload, signature = signer().now(reading()).text.split("|")
    assert (header, json.loads(payload)["FV"]) == ("OCMF", "1.3")
    described = json.loads(signature)
    der = bytes.fromhex(described.pop("SD"))
    assert (der[0], der[1]) == (0x30, len(der) - 2)
    assert described == {
        "SA": "ECDSA-secp256r1-SHA256",
        "SE": "hex",
        "SM": "application/x-der",
    }


def test_a_record_is_bytes_and_its_text_is_the_same_bytes() -> None:
    record = signer().now(reading())
    assert record.text.encode("ascii") == record.content
    assert record.public_key_hex == signer().public_key_hex == PUBLIC_KEY


def test_a_begin_and_end_pair_is_a_billable_transaction_elsewhere() -> None:
    begin, end = begin_and_end()
    parsed = [OCMF.from_string(record.text, strict=True) for record in (begin, end)]
    assert parsed[0].check_eichrecht(parsed[1]) == []
    assert validate_transaction_pair(*parsed)


@pytest.mark.parametrize("register", Register)
@pytest.mark.parametrize("unit", EnergyUnit)
@pytest.mark.parametrize("token_type", [*TokenType, ""])
def test_every_kind_of_pair_is_billable_here_and_elsewhere(
    register: Register, unit: EnergyUnit, token_type: str
) -> None:
    user = identify("DEADBEEF", token_type, AuthorizedBy.CACHE, over_tls=False)
    begin, end = begin_and_end(replace(DEVICE, register=register, unit=unit), user)
    parsed = [OCMF.from_string(record.text, strict=True) for record in (begin, end)]
    assert parsed[0].check_eichrecht(parsed[1]) == []
    verdict = verify_pair(begin.text, end.text, PUBLIC_KEY)
    assert (verdict.energy_wh, verdict.problems) == (Decimal("10100.5"), ())


# --- pagination


def pagination_of(record: SignedRecord) -> str:
    number: str = json.loads(record.text.split("|")[1])["PG"]
    return number


def test_records_are_numbered_without_gap_over_restarts_of_the_signer() -> None:
    storage = RememberedNumber()
    records = [signer(storage=storage).now(reading(after_s=second)) for second in range(12)]
    assert [pagination_of(record) for record in records] == [f"T{n}" for n in range(1, 13)]
    assert [record.pagination for record in records] == list(range(1, 13))


def test_meters_that_share_the_key_share_the_numbers() -> None:
    counter = RememberedNumber()
    meters = [
        PromptSigner(replace(DEVICE, meter_serial=serial), signing_key(), counter)
        for serial in ("EM-1", "EM-2")
    ]
    assert [meters[turn % 2].now(reading()).pagination for turn in range(4)] == [1, 2, 3, 4]


def test_the_number_is_durable_before_the_record_exists() -> None:
    saved: list[int] = []

    class PowerCut:
        async def next(self) -> int:
            saved.append(1)
            raise OSError("power cut right after the write")

    meter = PromptSigner(DEVICE, signing_key(), PowerCut())
    with pytest.raises(OSError, match="power cut"):
        meter.now(reading())
    assert saved == [1]
    restarted = RememberedNumber(saved[-1])
    assert pagination_of(signer(storage=restarted).now(reading())) == "T2"


def too_long() -> Identification:
    return replace(USER, data="x" * 2000)


def test_a_refused_reading_uses_no_number() -> None:
    storage = RememberedNumber()
    meter = signer(storage=storage)
    with pytest.raises(RecordTooLongError):
        meter.now(reading(user=too_long()))
    with pytest.raises(OcmfFieldError):
        meter.now(reading(energy_wh="-1"))
    assert storage.last == 0
    assert meter.now(reading()).pagination == 1


# --- size


@given(devices, readings, st.text(max_size=250))
def test_no_record_is_longer_than_the_oldest_version_can_carry(
    device: SigningDevice, taken: MeterReading, tariff_text: str
) -> None:
    meter = signer(device)
    try:
        record = meter.now(replace(taken, tariff_text=tariff_text))
    except RecordTooLongError:
        assert not tariff_text.isascii()
        return
    assert len(base64.b64encode(record.content)) <= 2500


def test_a_usual_record_is_a_quarter_of_what_fits() -> None:
    assert len(signer().now(reading()).content) < 700


# --- start-up


def test_the_signing_modules_load_without_the_cryptography_library() -> None:
    program = (
        "import sys, agent.metering.signer, agent.metering.verification\n"
        "assert not [m for m in sys.modules if m.partition('.')[0] == 'cryptography']"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENT_S)
