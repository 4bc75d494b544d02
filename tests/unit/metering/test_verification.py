"""The station's own check: what it refuses, how it says so, and that nothing makes it fall over."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from agent.core.vocabulary import AuthorizedBy
from agent.metering import ocmf
from agent.metering.identification import IdentificationLevel, identify
from agent.metering.ocmf import (
    ClockStatus,
    EnergyUnit,
    MeterReading,
    MeterStatus,
    ReadingReason,
    Register,
    build_payload,
)
from agent.metering.verification import PairVerification, verify_pair, verify_record
from tests.unit.metering.records import (
    DEVICE,
    USER,
    RememberedNumber,
    begin_and_end,
    reading,
    signer,
    signing_key,
    watt_hours,
)

KEY = signing_key()
PAYLOAD = build_payload(DEVICE, reading(), 7).decode()


def signed(payload: str) -> str:
    """A record with a genuine signature, whatever its payload says."""
    content = payload.encode()
    return ocmf.assemble(content, KEY.sign(content)).decode()


def problems(text: str, public_key_hex: str = KEY.public_key_hex) -> str:
    return "; ".join(verify_record(text, public_key_hex).problems)


def test_a_genuine_record_has_no_problems_and_its_facts_are_known() -> None:
    verdict = verify_record(signed(PAYLOAD), KEY.public_key_hex)
    assert verdict.is_valid
    assert verdict.facts is not None
    assert (verdict.facts.pagination, verdict.facts.meter_serial) == (7, "EM-4711")
    assert verdict.facts.energy_wh == Decimal(1234567)


@pytest.mark.parametrize("version", ["0.1", "1.0", "1.3"])
def test_format_versions_that_verifiers_know_are_accepted(version: str) -> None:
    assert problems(signed(PAYLOAD.replace('"1.3"', f'"{version}"'))) == ""


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ('"FV":"1.3"', '"FV":"1.4"', "newer than 1.3"),
        ('"FV":"1.3"', '"FV":"1.10"', "newer than 1.3"),
        ('"FV":"1.3"', '"FV":"2.0"', "newer than 1.3"),
        ('"FV":"1.3"', '"FV":"new"', "no format version"),
        ('"FV":"1.3"', '"FV":1.3', "FV is missing"),
        ('"PG":"T7"', '"PG":"F7"', "PG"),
        ('"PG":"T7"', '"PG":"T07"', "PG"),
        ('"PG":"T7"', '"PG":"7"', "PG"),
        ('"MS":"EM-4711",', "", "MS is missing"),
        ('"IS":true', '"IS":"yes"', "IS is missing"),
        ('"IT":"ISO14443",', "", "IT is missing"),
        ('"IL":"TRUSTED"', '"IL":"MISMATCH"', "cannot be billed"),
        ('"IL":"TRUSTED"', '"IL":"SURE"', "IL 'SURE' is unknown"),
        ('"CF":"stationd 0.1.0"', '"CF":"stationd 0.1.0 of a long name"', "CF has more than 25"),
        ('"CF":', f'"TT":"{"t" * 251}","CF":', "TT has more than 250"),
        ('"TX":"B"', '"TX":"Z"', "TX 'Z' is unknown"),
        ('"TX":"B",', "", "TX is missing"),
        ('"RV":1234.567', '"RV":"1234.567"', "RV is no number"),
        ('"RV":1234.567', '"RV":true', "RV is no number"),
        ('"RV":1234.567', '"RV":-1234.567', "RV -1234.567 is no plain reading"),
        ('"RV":1234.567', '"RV":1234.56', "less than three decimals"),
        ('"RV":1234.567', '"RV":1.2E3', "no plain reading"),
        ('"RV":1234.567', '"RV":1e99999999999999999999', "no JSON"),
        ('"RV":1234.567', '"RV":1234567890123.567', "no plain reading"),
        ('"RV":1234.567', '"RV":NaN', "no JSON"),
        ('"RI":"1-b:1.8.0"', '"RI":"1-b"', "RI '1-b' is unknown"),
        ('"RU":"kWh"', '"RU":"MWh"', "RU 'MWh' is unknown"),
        ('"ST":"G"', '"ST":"?"', "ST '?' is unknown"),
        ('"ST":"G"', '"ST":["G"]', "ST is missing"),
        ('"EF":""', '"EF":"tE"', "EF 'tE' is unknown"),
        (" S", "", "TM '2025-03-01T14:00:00,123+0100' has not the form"),
        (" S", " Q", "has not the form"),
        ("00,123", "00.123", "has not the form"),
        ("+0100", "+01:00", "has not the form"),
        ("2025-03-01", "2025-02-30", "is no time"),
        ('"RD":[', '"RD":[{},', "exactly one reading"),
        ('"RD":[', '"RD":[],"RX":[', "exactly one reading"),
        ('"GI":"AC22"', '"GI":"AC22","GI":"AC22"', "a member occurs twice"),
    ],
)
def test_a_genuinely_signed_record_of_a_wrong_form_is_refused(
    was: str, becomes: str, problem: str
) -> None:
    assert was in PAYLOAD
    assert problem in problems(signed(PAYLOAD.replace(was, becomes, 1)))


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("secp256r1", "secp256k1", "SA is"),
        ('"hex"', '"base64"', "SE is"),
        ("x-der", "x-raw", "SM is"),
        ('"SD":"30', '"SD":"3g', "SD is no hexadecimal text"),
        ('"SD":', '"XX":', "SD is no hexadecimal text"),
    ],
)
def test_a_signature_section_of_another_kind_is_refused(
    was: str, becomes: str, problem: str
) -> None:
    text = signed(PAYLOAD)
    assert was in text
    assert problem in problems(text.replace(was, becomes, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OCMF",
        "OCMF|{}",
        "OCMF|{}|{}|{}",
        "ocmf|{}|{}",
        "OCMF|[]|[]",
        "OCMF|{}|null",
        "OCMF|" + "[" * 20_000 + "|{}",
        "OCMF|{}|{" + '"SD":"' + "3" * 40_000 + '"}',
        "OCMF|{€}|{}",
        "OCMF|{}|" + "[" * 20_000,
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    verdict = verify_record(text, KEY.public_key_hex)
    assert verdict.facts is None
    assert verdict.problems


@given(st.text(max_size=300), st.text(max_size=60))
def test_no_text_makes_the_check_fall_over(payload: str, signature: str) -> None:
    assert verify_record(f"OCMF|{payload}|{signature}", KEY.public_key_hex).problems


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
    ),
    st.sampled_from(["FV", "PG", "MS", "IS", "IL", "IF", "IT", "RD", "TM", "RV", "RI", "EF", "ST"]),
)
def test_no_value_in_a_field_makes_the_check_fall_over(value: object, name: str) -> None:
    members = json.loads(PAYLOAD)
    target = members if name in members else members["RD"][0]
    target[name] = value
    verdict = verify_record(signed(json.dumps(members).replace("|", "")), KEY.public_key_hex)
    assert isinstance(verdict.is_valid, bool)


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


@pytest.mark.parametrize(
    ("public_key_hex", "problem"),
    [
        ("", "no hexadecimal SubjectPublicKeyInfo"),
        ("zz", "no hexadecimal SubjectPublicKeyInfo"),
        (KEY.public_key_hex[54:], "no hexadecimal SubjectPublicKeyInfo"),
        (spki(ec.generate_private_key(ec.SECP384R1())), "curve secp256r1"),
        (spki(rsa.generate_private_key(65537, 2048)), "curve secp256r1"),
    ],
)
def test_a_public_key_of_another_kind_is_named_as_the_problem(
    public_key_hex: str, problem: str
) -> None:
    assert problem in problems(signed(PAYLOAD), public_key_hex)


def test_a_forged_record_of_a_wrong_form_has_both_problems() -> None:
    text = signed(PAYLOAD).replace('"1.3"', '"1.4"')
    assert len(verify_record(text, KEY.public_key_hex).problems) == 2


# --- pairs


def pair(
    change_begin: Callable[[MeterReading], MeterReading] = lambda taken: taken,
    change_end: Callable[[MeterReading], MeterReading] = lambda taken: taken,
) -> PairVerification:
    meter = signer()
    begin = meter.now(change_begin(reading("1000.5")))
    end = meter.now(change_end(reading("4321", after_s=3600, reason=ReadingReason.END)))
    return verify_pair(begin.text, end.text, KEY.public_key_hex)


def test_a_pair_proves_the_energy_between_its_readings() -> None:
    assert pair() == PairVerification(Decimal("3320.5"), ())
    assert pair().is_valid


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
def test_the_proved_energy_is_exact(first: int, second: int) -> None:
    low, high = sorted((watt_hours(first), watt_hours(second)))
    verdict = pair(
        lambda taken: replace(taken, energy_wh=low), lambda taken: replace(taken, energy_wh=high)
    )
    assert verdict == PairVerification(high - low, ())


@pytest.mark.parametrize("reason", ["E", "L", "R", "A", "P"])
def test_a_transaction_may_end_for_any_reason(reason: str) -> None:
    verdict = pair(change_end=lambda taken: replace(taken, reason=ReadingReason(reason)))
    assert verdict.problems == ()


def test_an_empty_transaction_proves_nothing_and_has_no_problem() -> None:
    def same(taken: MeterReading) -> MeterReading:
        return replace(taken, energy_wh=Decimal(77))

    assert pair(same, same) == PairVerification(Decimal(0), ())


OTHER_USER = identify("CAFEBABE", "ISO14443", AuthorizedBy.CSMS, over_tls=True)


@pytest.mark.parametrize(
    ("change_begin", "change_end", "problem"),
    [
        ({"reason": ReadingReason.CHARGING}, {}, "begin record's TX"),
        ({"reason": ReadingReason.END}, {}, "begin record's TX"),
        ({}, {"reason": ReadingReason.BEGIN}, "end record's TX"),
        ({}, {"reason": ReadingReason.SUSPENDED}, "end record's TX"),
        ({"meter_status": MeterStatus.TIMEOUT}, {}, "begin record's meter"),
        ({}, {"meter_status": MeterStatus.SUBSTITUTE}, "end record's meter"),
        ({}, {"has_energy_error": True}, "end record's meter"),
        ({"has_energy_error": True, "has_time_error": True}, {}, "begin record's meter"),
        ({"energy_wh": Decimal(4322)}, {}, "RV goes backwards"),
        ({}, {"taken_at": reading(after_s=-1).taken_at}, "TM goes backwards"),
        ({"clock_status": ClockStatus.RELATIVE}, {}, "relative begin time"),
        ({}, {"identification": OTHER_USER}, "identified user differs"),
        (
            {},
            {"identification": replace(USER, level=IdentificationLevel.VERIFIED)},
            "identified user differs",
        ),
        ({"tariff_text": "0.49"}, {"tariff_text": "0.59"}, "identified user differs"),
    ],
)
def test_a_pair_that_proves_no_energy_is_refused(
    change_begin: dict[str, object], change_end: dict[str, object], problem: str
) -> None:
    verdict = pair(
        lambda taken: replace(taken, **change_begin),  # type: ignore[arg-type] # fields by name
        lambda taken: replace(taken, **change_end),  # type: ignore[arg-type] # fields by name
    )
    assert problem in "; ".join(verdict.problems)
    assert verdict.energy_wh == 0
    assert not verdict.is_valid


def test_a_time_error_does_not_spoil_the_energy() -> None:
    assert pair(change_end=lambda taken: replace(taken, has_time_error=True)).problems == ()


def test_a_relative_clock_on_both_sides_can_be_billed() -> None:
    def relative(taken: MeterReading) -> MeterReading:
        return replace(taken, clock_status=ClockStatus.RELATIVE)

    assert pair(relative, relative).problems == ()


def test_begin_and_end_in_the_wrong_order_are_refused() -> None:
    begin, end = begin_and_end()
    verdict = verify_pair(end.text, begin.text, KEY.public_key_hex)
    assert {"PG does not increase", "RV goes backwards", "TM goes backwards"} <= set(
        verdict.problems
    )


def test_the_records_of_two_meters_are_no_pair() -> None:
    storage = RememberedNumber()
    begin = signer(storage=storage).now(reading())
    end = signer(replace(DEVICE, meter_serial="EM-2"), storage=storage).now(
        reading("1300000", after_s=9, reason=ReadingReason.END)
    )
    verdict = verify_pair(begin.text, end.text, KEY.public_key_hex)
    assert verdict.problems == ("the serial numbers (MS, GS) differ",)


def test_two_registers_or_units_are_no_pair() -> None:
    storage = RememberedNumber()
    begin = signer(storage=storage).now(reading())
    other = replace(
        DEVICE, register=Register.TRANSACTION_IMPORT_AT_MAINS, unit=EnergyUnit.WATT_HOUR
    )
    end = signer(other, storage=storage).now(
        reading("1300000", after_s=9, reason=ReadingReason.END)
    )
    told = "; ".join(verify_pair(begin.text, end.text, KEY.public_key_hex).problems)
    assert "RI differs" in told
    assert "RU differs" in told


def test_a_forged_half_is_named() -> None:
    begin, end = begin_and_end()
    forged = end.text.replace("1244.6675", "1244.6676")
    verdict = verify_pair(begin.text, forged, KEY.public_key_hex)
    assert verdict == PairVerification(
        Decimal(0), ("end: the signature does not belong to this payload and this public key",)
    )


def test_an_unreadable_half_is_named() -> None:
    begin, _ = begin_and_end()
    verdict = verify_pair(begin.text, "nothing", KEY.public_key_hex)
    assert verdict.energy_wh == 0
    assert verdict.problems == ("end: the record has not the form OCMF|payload|signature",)
