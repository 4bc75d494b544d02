import base64
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.core.events import MeterValuesEvent
from agent.core.meter_values import UNITS, MeterValue, SampledValue
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import Measurand, ReadingContext
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, UPDATED, told
from tests.wire.official_schemas import ONLINE

RECORD = 'OCMF|{"FV":"1.3","TT":"0.50 \\u20ac"}|{"SD":"30"}'
SIGNED = SignedValue(RECORD, public_key="3059AB")
LARGEST_RECORD = "r" * 1875
"""1875 bytes are 2500 characters of Base64, 2.0.1's limit."""


def event_of(*samples: SampledValue, evse: int = 1) -> MeterValuesEvent:
    return MeterValuesEvent(at=NOW, evse=evse, meter_values=(MeterValue(NOW, samples),))


def sampled(sample: SampledValue) -> dict[str, object]:
    (value,) = told(event_of(sample))["meterValue"]
    (told_sample,) = value["sampledValue"]
    result: dict[str, object] = told_sample
    return result


@pytest.mark.requirement("J01.FR.02", "J01.FR.05", "J01.FR.07", "J01.FR.08", "J01.FR.10")
def test_a_reading_tells_what_when_why_and_on_which_phase() -> None:
    sample = SampledValue(
        Decimal("15.75"), Measurand.CURRENT_IMPORT, ReadingContext.SAMPLE_CLOCK, "L2"
    )

    assert told(event_of(sample, evse=2)) == {
        "evseId": 2,
        "meterValue": [
            {
                "timestamp": SENT_NOW,
                "sampledValue": [
                    {
                        "value": 15.75,
                        "context": "Sample.Clock",
                        "measurand": "Current.Import",
                        "phase": "L2",
                        "unitOfMeasure": {"unit": "A"},
                    }
                ],
            }
        ],
    }


@pytest.mark.requirement("J01.FR.03", "J01.FR.04", "J01.FR.09")
def test_the_main_meter_is_at_the_grid_connection() -> None:
    payload = told(event_of(SampledValue(Decimal(1)), evse=0))

    assert payload["evseId"] == 0
    assert payload["meterValue"][0]["sampledValue"][0]["location"] == "Inlet"


@pytest.mark.parametrize("measurand", Measurand)
def test_every_measurand_has_its_unit(measurand: Measurand) -> None:
    told_sample = sampled(SampledValue(Decimal(1), measurand))

    assert told_sample["unitOfMeasure"] == {"unit": UNITS[measurand]}


@pytest.mark.parametrize(
    "sample",
    [
        SampledValue(Decimal("NaN")),
        SampledValue(Decimal("Infinity")),
        SampledValue(Decimal(1), phase="L4"),
    ],
)
def test_a_reading_that_cannot_be_told_is_left_out_and_reported(
    sample: SampledValue, caplog: pytest.LogCaptureFixture
) -> None:
    good = SampledValue(Decimal(7))

    payload = told(event_of(sample, good))

    assert [s["value"] for s in payload["meterValue"][0]["sampledValue"]] == [7]
    assert "EVSE 1" in caplog.text


def test_without_any_reading_there_is_no_message_and_no_empty_list() -> None:
    bad = SampledValue(Decimal("NaN"))

    assert CODEC.encode(event_of(bad), ONLINE) == ()
    assert CODEC.encode(MeterValuesEvent(at=NOW, evse=1, meter_values=()), ONLINE) == ()
    assert "meterValue" not in told(replace(UPDATED, meter_values=(MeterValue(NOW, (bad,)),)))


@pytest.mark.requirement("J02.FR.21", "E02.FR.14", "J01.FR.21")
def test_a_signed_value_carries_the_record_byte_for_byte() -> None:
    signed = sampled(SampledValue(Decimal("1.5"), signed=SIGNED))["signedMeterValue"]

    assert isinstance(signed, dict)
    assert base64.b64decode(signed["signedMeterData"]) == RECORD.encode()
    assert base64.b64decode(signed["publicKey"]) == b"oca:base16:asn1:3059AB"
    assert signed["encodingMethod"] == "OCMF"


def test_the_signing_method_and_an_absent_key_are_sent_empty() -> None:
    signed = sampled(SampledValue(Decimal(1), signed=SignedValue(RECORD)))["signedMeterValue"]

    assert isinstance(signed, dict)
    assert signed["signingMethod"] == ""
    assert signed["publicKey"] == ""


def test_a_key_that_an_earlier_message_carried_is_not_told_again() -> None:
    again = replace(SIGNED, repeats_key=True)
    signed = sampled(SampledValue(Decimal(1), signed=again))["signedMeterValue"]

    assert isinstance(signed, dict)
    assert signed["publicKey"] == ""
    assert base64.b64decode(signed["signedMeterData"]) == RECORD.encode()


def test_the_largest_record_that_fits_is_sent_whole() -> None:
    sample = SampledValue(Decimal(1), signed=SignedValue(LARGEST_RECORD))
    signed = sampled(sample)["signedMeterValue"]

    assert isinstance(signed, dict)
    assert base64.b64decode(signed["signedMeterData"]).decode() == LARGEST_RECORD


def test_a_larger_record_is_left_out_whole_while_the_reading_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sample = SampledValue(Decimal("1.5"), signed=SignedValue(LARGEST_RECORD + "r"))
    event = replace(UPDATED, meter_values=(MeterValue(NOW, (sample,)),))

    told_sample = told(event)["meterValue"][0]["sampledValue"][0]

    assert told_sample["value"] == 1.5
    assert "signedMeterValue" not in told_sample
    assert f"transaction {UPDATED.transaction_id}" in caplog.text
    assert "2504 characters" in caplog.text


@pytest.mark.parametrize(
    "signed",
    [
        SignedValue("record", signing_method="m" * 51),
        SignedValue("record", encoding_method="m" * 51),
    ],
)
def test_a_method_that_does_not_fit_is_not_cut(signed: SignedValue) -> None:
    assert "signedMeterValue" not in sampled(SampledValue(Decimal(1), signed=signed))


def test_a_key_that_does_not_fit_is_left_out_but_not_its_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sample = SampledValue(Decimal(1), signed=SignedValue(RECORD, public_key="30" * 2000))
    signed = sampled(sample)["signedMeterValue"]

    assert isinstance(signed, dict)
    assert signed["publicKey"] == ""
    assert "public key" in caplog.text


def test_methods_and_key_that_just_fit_are_told() -> None:
    fitting = SignedValue(RECORD, "m" * 50, "e" * 50, public_key="3" * 1858)
    signed = sampled(SampledValue(Decimal(1), signed=fitting))["signedMeterValue"]

    assert isinstance(signed, dict)
    assert (signed["signingMethod"], signed["encodingMethod"]) == ("m" * 50, "e" * 50)
    assert len(signed["publicKey"]) == 2500


def test_a_record_that_is_no_text_keeps_every_byte() -> None:
    octets = bytes(range(256))
    signed = SignedValue(octets.decode("utf-8", "surrogateescape"), encoding_method="SNAPSHOT")
    told_value = sampled(SampledValue(Decimal(1), signed=signed))["signedMeterValue"]
    assert isinstance(told_value, dict)
    assert base64.b64decode(told_value["signedMeterData"]) == octets
