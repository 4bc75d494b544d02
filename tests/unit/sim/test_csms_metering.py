import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sim.csms_metering import decimal_of, reading_v2, reading_v16, to_base_unit
from agent.sim.csms_model import Rule
from tests.unit.sim.stations import exchange

AT = "2026-01-01T10:00:00.000Z"


@given(st.decimals(min_value=0, max_value=10**9, places=3))
def test_a_json_number_keeps_its_digits(number: Decimal) -> None:
    assert decimal_of(json.loads(str(number))) == number


@pytest.mark.parametrize(
    ("value", "unit", "multiplier", "expected"),
    [
        ("0.512", "kWh", 0, (Decimal(512), "Wh")),
        ("1.001", "kWh", 0, (Decimal(1001), "Wh")),
        ("25", "Wh", 2, (Decimal(2500), "Wh")),
        ("25", "kW", -3, (Decimal(25), "W")),
        ("16", "A", 0, (Decimal(16), "A")),
    ],
)
def test_units_and_multipliers_are_honoured(
    value: str, unit: str, multiplier: int, expected: tuple[Decimal, str]
) -> None:
    assert to_base_unit(Decimal(value), unit, multiplier) == expected


def test_what_a_2x_sample_leaves_out_has_the_standards_defaults() -> None:
    hand = exchange()
    reading = reading_v2(hand, [{"timestamp": AT, "sampledValue": [{"value": 7}]}])
    [sample] = reading.samples
    assert sample.is_total_register
    assert (int(sample.value), sample.unit, sample.context) == (7, "Wh", "Sample.Periodic")
    assert hand.station.faults == []


def test_a_register_of_one_phase_or_of_the_inlet_is_not_the_billing_register() -> None:
    values = [{"value": 1, "phase": "L1"}, {"value": 1, "location": "Inlet"}]
    reading = reading_v2(exchange(), [{"timestamp": AT, "sampledValue": values}])
    assert [sample.is_total_register for sample in reading.samples] == [False, False]


@pytest.mark.parametrize("value", ["", "abc", "NaN", "Infinity", "1,5"])
def test_a_16_value_that_is_no_number_is_a_fault_and_no_sample(value: str) -> None:
    hand = exchange()
    reading = reading_v16(hand, [{"timestamp": AT, "sampledValue": [{"value": value}]}])
    assert reading.samples == ()
    assert [fault.rule for fault in hand.station.faults] == [Rule.METER]


def signed_16(text: str) -> dict[str, object]:
    return {"timestamp": AT, "sampledValue": [{"value": text, "format": "SignedData"}]}


def test_a_16_wrapper_must_have_its_four_keys() -> None:
    hand = exchange()
    data = base64.b64encode(b"OCMF|{}|{}").decode()
    reading = reading_v16(hand, [signed_16(json.dumps({"signedMeterData": data}))])
    assert reading.signed_values[0].record == b"OCMF|{}|{}"
    assert "encodingMethod, publicKey, signingMethod" in hand.station.faults[0].message


@pytest.mark.parametrize("text", ['{"signedMeterData":"***"}', '{"signedMeterData":5}', "[1]"])
def test_an_unreadable_signed_value_is_a_fault_and_nothing_is_kept(text: str) -> None:
    hand = exchange()
    assert reading_v16(hand, [signed_16(text)]).signed_values == ()
    assert {fault.rule for fault in hand.station.faults} == {Rule.SIGNED_VALUE}


@given(st.binary(min_size=1, max_size=200))
def test_signed_records_are_kept_byte_for_byte(record: bytes) -> None:
    signed = {"signedMeterData": base64.b64encode(record).decode(), "encodingMethod": "EDL"}
    values = [{"value": 1, "signedMeterValue": signed}]
    [value] = reading_v2(exchange(), [{"timestamp": AT, "sampledValue": values}]).signed_values
    assert value.record == record
    assert value.public_key == ""
