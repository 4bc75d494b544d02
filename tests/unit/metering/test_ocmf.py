"""The text of a record: every rule that a verifier in the field holds it to."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyocmf import OCMF

from agent.core.vocabulary import AuthorizedBy
from agent.metering import ocmf
from agent.metering.identification import UNASSIGNED, identify
from agent.metering.ocmf import (
    ClockStatus,
    CurrentType,
    EnergyUnit,
    MeterReading,
    MeterStatus,
    OcmfFieldError,
    ReadingReason,
    RecordTooLongError,
    Register,
    SigningDevice,
    assemble,
    build_payload,
    energy_text,
    time_text,
)
from tests.unit.metering.records import DEVICE, START, USER, reading, watt_hours


def payload(device: SigningDevice = DEVICE, of: MeterReading | None = None) -> dict[str, Any]:
    text = build_payload(device, of or reading(), 7)
    members: dict[str, Any] = json.loads(text, parse_float=str)
    return members


def only_reading(device: SigningDevice = DEVICE, of: MeterReading | None = None) -> dict[str, Any]:
    (found,) = payload(device, of)["RD"]
    assert isinstance(found, dict)
    return found


def test_a_payload_reads_as_the_format_demands() -> None:
    assert build_payload(DEVICE, reading(), 7).decode() == (
        '{"FV":"1.3","GI":"AC22","GS":"0001","GV":"0.1.0","PG":"T7","MV":"Example","MM":"EM340",'
        '"MS":"EM-4711","MF":"A.08","IS":true,"IL":"TRUSTED","IF":["RFID_PLAIN","OCPP_AUTH_TLS"],'
        '"IT":"ISO14443","ID":"04A1B2C3D4E5F6","CF":"stationd 0.1.0","CT":"EVSEID",'
        '"CI":"DE*EXA*E0001","RD":[{"TM":"2025-03-01T14:00:00,123+0100 S","TX":"B",'
        '"RV":1234.567,"RI":"1-b:1.8.0","RU":"kWh","RT":"AC","EF":"","ST":"G"}]}'
    )


def test_a_reading_outside_transactions_names_no_reason_and_no_user() -> None:
    fiscal = replace(reading(), reason=None, identification=UNASSIGNED)
    members = payload(of=fiscal)
    assert members["PG"] == "F7"
    assert (members["IS"], members["IT"]) == (False, "NONE")
    assert "TX" not in only_reading(of=fiscal)
    text = assemble(build_payload(DEVICE, fiscal, 7), b"").decode()
    assert OCMF.from_string(text, strict=True).payload.PG == "F7"


def test_the_format_version_is_the_newest_that_verifiers_accept() -> None:
    assert payload()["FV"] == "1.3"


def test_the_station_software_is_the_charge_controller_firmware() -> None:
    assert payload()["CF"] == "stationd 0.1.0"


def test_fields_that_are_not_known_are_left_out() -> None:
    bare = SigningDevice(meter_serial="1", station_software_version="0.1.0")
    assert set(payload(bare)) == {"FV", "PG", "MS", "IS", "IL", "IF", "IT", "ID", "CF", "RD"}


def test_a_transaction_of_nobody_says_so() -> None:
    members = payload(of=reading(user=UNASSIGNED))
    assert (members["IS"], members["IL"], members["IF"], members["IT"]) == (
        False,
        "NONE",
        [],
        "NONE",
    )
    assert "ID" not in members


def test_the_tariff_text_is_part_of_the_user_block() -> None:
    assert payload(of=reading(tariff_text="0.49 EUR/kWh"))["TT"] == "0.49 EUR/kWh"


@pytest.mark.parametrize("reason", ReadingReason)
def test_the_reason_of_a_reading_is_its_letter(reason: ReadingReason) -> None:
    assert only_reading(of=reading(reason=reason))["TX"] == reason.value


@pytest.mark.parametrize("status", MeterStatus)
def test_the_meter_status_is_told_as_it_was(status: MeterStatus) -> None:
    assert only_reading(of=replace(reading(), meter_status=status))["ST"] == status.value


@pytest.mark.parametrize(
    ("energy", "time", "flags"),
    [(False, False, ""), (True, False, "E"), (False, True, "t"), (True, True, "Et")],
)
def test_errors_of_energy_and_time_are_flagged(energy: bool, time: bool, flags: str) -> None:
    told = replace(reading(), has_energy_error=energy, has_time_error=time)
    assert only_reading(of=told)["EF"] == flags


def test_register_unit_and_current_are_those_of_the_meter() -> None:
    device = replace(
        DEVICE,
        register=Register.TRANSACTION_IMPORT_AT_MAINS,
        unit=EnergyUnit.WATT_HOUR,
        current_type=CurrentType.DC,
    )
    told = only_reading(device)
    assert (told["RI"], told["RU"], told["RT"]) == ("01-00:B2.08.00*FF", "Wh", "DC")


@pytest.mark.parametrize("register", Register)
def test_every_register_has_a_spelling_that_verifiers_accept_for_billing(
    register: Register,
) -> None:
    form = "([0-9a-f]{1,2})-([0-9a-f]{1,2}):([0-9a-f]{1,2})[.]([0-9a-f]{1,2})[.]([0-9a-f]{1,2})"
    match = re.fullmatch(f"{form}(?:[*](FF|255|200))?", register, re.IGNORECASE)
    assert match is not None
    assert int(match[1], 16) == 1
    assert int(match[3], 16) in {0x01, 0x98, 0x9E, *range(0xB0, 0xC8)}
    assert int(match[4], 16) == 8


# --- energy


@pytest.mark.parametrize(
    ("energy_wh", "unit", "text"),
    [
        ("0", "kWh", "0.000"),
        ("0", "Wh", "0"),
        ("1", "kWh", "0.001"),
        ("0.1", "kWh", "0.0001"),
        ("1234567", "kWh", "1234.567"),
        ("1234567.5", "kWh", "1234.5675"),
        ("1234567.50", "kWh", "1234.56750"),
        ("1000", "kWh", "1.000"),
        ("1E+3", "kWh", "1.000"),
        ("1E+3", "Wh", "1000"),
        ("1E-3", "Wh", "0.001"),
        ("0E+9", "kWh", "0.000"),
        ("-0", "kWh", "0.000"),
        ("12.30", "Wh", "12.30"),
        ("999999999999.999", "kWh", "999999999.999999"),
    ],
)
def test_energy_is_written_in_plain_digits_without_loss(
    energy_wh: str, unit: str, text: str
) -> None:
    assert energy_text(Decimal(energy_wh), EnergyUnit(unit)) == text


@given(st.integers(0, 10**15 - 1), st.sampled_from(EnergyUnit))
def test_the_written_energy_is_the_measured_energy(milliwatt_hours: int, unit: EnergyUnit) -> None:
    text = energy_text(watt_hours(milliwatt_hours), unit)
    whole, _, places = text.partition(".")
    assert whole.isdigit()
    assert whole == "0" or not whole.startswith("0")
    assert len(places) == (6 if unit is EnergyUnit.KILOWATT_HOUR else 3)
    assert int(whole + places) == milliwatt_hours


def test_a_caller_with_little_precision_loses_no_digit() -> None:
    with localcontext() as context:
        context.prec = 3
        assert energy_text(watt_hours(123_456_789_012), EnergyUnit.KILOWATT_HOUR) == "123456.789012"


@pytest.mark.parametrize(
    "energy_wh",
    ["NaN", "sNaN", "Infinity", "-0.001", "1E+15", "1E+999999", "1E-13", "1E-999999", "1" * 5000],
)
@pytest.mark.parametrize("unit", EnergyUnit)
def test_what_no_register_shows_is_refused(energy_wh: str, unit: EnergyUnit) -> None:
    with pytest.raises(OcmfFieldError, match="RV"):
        energy_text(Decimal(energy_wh), unit)


def test_the_digits_of_a_binary_number_are_refused() -> None:
    tenth = 0.1
    with pytest.raises(OcmfFieldError, match="exact Decimal"):
        energy_text(tenth, EnergyUnit.WATT_HOUR)
    with pytest.raises(OcmfFieldError, match="round the reading"):
        energy_text(Decimal(tenth), EnergyUnit.WATT_HOUR)


# --- time


@pytest.mark.parametrize(
    ("taken_at", "status", "text"),
    [
        (datetime(2025, 3, 1, 14, 0, tzinfo=UTC), "S", "2025-03-01T14:00:00,000+0000 S"),
        (START, "U", "2025-03-01T14:00:00,123+0100 U"),
        (START.astimezone(timezone(-timedelta(hours=3, minutes=30))), "I", None),
        (datetime(999, 1, 1, tzinfo=UTC), "R", "0999-01-01T00:00:00,000+0000 R"),
    ],
)
def test_time_has_a_comma_before_the_milliseconds_and_no_colon_in_the_zone(
    taken_at: datetime, status: str, text: str | None
) -> None:
    expected = text or "2025-03-01T09:30:00,123-0330 I"
    assert time_text(taken_at, ClockStatus(status)) == expected


@given(
    st.datetimes(timezones=st.timezones()),
    st.sampled_from(ClockStatus),
)
def test_the_written_time_is_the_measured_time(taken_at: datetime, status: ClockStatus) -> None:
    offset = taken_at.utcoffset()
    assert offset is not None
    if offset % timedelta(minutes=1):
        with pytest.raises(OcmfFieldError, match="TM"):
            time_text(taken_at, status)
        return
    text = time_text(taken_at, status)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}[+-]\d{4} [UISR]", text)
    read = datetime.strptime(text[:-2], "%Y-%m-%dT%H:%M:%S,%f%z")
    assert (read.replace(tzinfo=None), read.utcoffset()) == (
        taken_at.replace(tzinfo=None, microsecond=taken_at.microsecond // 1000 * 1000),
        offset,
    )


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(OcmfFieldError, match="UTC offset"):
        time_text(START.replace(tzinfo=None), ClockStatus.SYNCHRONIZED)


# --- texts


@given(st.text(max_size=60).filter(lambda text: text.isprintable() and text))
def test_any_printable_identifier_stays_the_same_and_the_record_stays_ascii(token: str) -> None:
    user = identify(token, "Central", AuthorizedBy.CSMS, over_tls=True)
    text = build_payload(DEVICE, reading(user=user), 1)
    assert text.isascii()
    assert b"|" not in text
    assert json.loads(text)["ID"] == token


@pytest.mark.parametrize(
    "text", ["0,49 €/kWh", "a|b", 'a"b\\c', "tab\tnewline\n", "\x00\x7f", "😀"]
)
def test_characters_that_verifiers_stumble_over_are_escaped_without_loss(text: str) -> None:
    encoded = build_payload(
        replace(DEVICE, meter_vendor=text), reading(tariff_text=text), 1
    ).decode("ascii")
    assert not set(encoded) & set("|€😀\t\n\x00")
    decoded = json.loads(encoded)
    assert (decoded["MV"], decoded["TT"]) == (text, text)


def test_half_a_character_is_refused_with_the_name_of_the_field() -> None:
    with pytest.raises(OcmfFieldError, match=r"^MS .* has half a surrogate"):
        replace(DEVICE, meter_serial="x\ud800")
    with pytest.raises(OcmfFieldError, match=r"^GS .* has half a surrogate"):
        replace(DEVICE, gateway_serial="x\ud800")
    with pytest.raises(OcmfFieldError, match=r"^CI .* has half a surrogate"):
        replace(DEVICE, evse_id="x\ud800")


def test_half_a_character_in_a_token_is_refused() -> None:
    user = identify("x\udfff", "Central", AuthorizedBy.CSMS, over_tls=True)
    with pytest.raises(OcmfFieldError, match="ID "):
        reading(user=user)


def test_a_meter_without_serial_number_is_refused() -> None:
    with pytest.raises(OcmfFieldError, match="MS is empty"):
        replace(DEVICE, meter_serial="")


def test_a_long_software_version_is_refused_when_the_station_starts() -> None:
    assert payload(replace(DEVICE, station_software_version="v" * 25))["CF"] == "v" * 25
    with pytest.raises(OcmfFieldError, match="CF has 26 characters, OCMF allows 25"):
        replace(DEVICE, station_software_version="v" * 26)


def test_a_long_tariff_text_is_refused_and_not_cut() -> None:
    assert payload(of=reading(tariff_text="t" * 250))["TT"] == "t" * 250
    with pytest.raises(OcmfFieldError, match="TT has 251 characters, OCMF allows 250"):
        reading(tariff_text="t" * 251)


@pytest.mark.parametrize("number", [0, -1, ocmf.MAX_PAGINATION + 1])
def test_a_pagination_number_outside_the_range_is_refused(number: int) -> None:
    with pytest.raises(OcmfFieldError, match="PG"):
        build_payload(DEVICE, reading(), number)


# --- size


def longest_token() -> str:
    size = 0
    while True:
        token = "x" * (size + 1)
        user = replace(USER, data=token)
        try:
            build_payload(DEVICE, reading(user=user), 1)
        except RecordTooLongError:
            return "x" * size
        size += 1


def test_the_longest_record_is_what_the_oldest_version_can_carry_and_no_byte_less() -> None:
    user = replace(USER, data=longest_token())
    text = build_payload(DEVICE, reading(user=user), ocmf.MAX_PAGINATION)
    assert len(ocmf.assemble(text, b"\xff" * 72)) == 1875


@pytest.mark.parametrize("number", [1, 999, ocmf.MAX_PAGINATION])
def test_whether_a_record_is_too_long_does_not_depend_on_its_number(number: int) -> None:
    token = longest_token()
    assert build_payload(DEVICE, reading(user=replace(USER, data=token)), number)
    with pytest.raises(RecordTooLongError, match="leave out the tariff text"):
        build_payload(DEVICE, reading(user=replace(USER, data=token + "x")), number)
