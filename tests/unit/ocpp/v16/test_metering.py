import base64
import json
from decimal import Decimal
from typing import Any

import pytest

from agent.core.events import MeterValuesEvent
from agent.core.meter_values import UNITS, MeterValue, SampledValue
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import Measurand, ReadingContext
from agent.ocpp.codec import CodecContext, SignedValueWrapper
from tests.unit.ocpp.v16.instances import KNOWN, NOW, SENT_NOW, numbered, silent, told

RECORD = 'OCMF|{"FV":"1.3","TT":"0.50 \\u20ac"}|{"SD":"30"}'
SIGNED = SignedValue(RECORD, public_key="3059AB")


def event_of(*samples: SampledValue, evse: int = 2) -> MeterValuesEvent:
    return MeterValuesEvent(at=NOW, evse=evse, meter_values=(MeterValue(NOW, samples),))


def sampled(sample: SampledValue, context: CodecContext = KNOWN) -> list[dict[str, Any]]:
    action, payload = told(event_of(sample), context)
    assert action == "MeterValues"
    (value,) = payload["meterValue"]
    values: list[dict[str, Any]] = value["sampledValue"]
    return values


def signed_text(signed: SignedValue, wrapper: SignedValueWrapper) -> str:
    _, told_signed = sampled(SampledValue(Decimal(1), signed=signed), numbered(1, wrapper))
    text: str = told_signed["value"]
    return text


def test_a_reading_tells_what_when_why_and_on_which_phase() -> None:
    sample = SampledValue(
        Decimal("15.75"), Measurand.CURRENT_IMPORT, ReadingContext.SAMPLE_CLOCK, "L2"
    )

    assert told(event_of(sample)) == (
        "MeterValues",
        {
            "connectorId": 2,
            "meterValue": [
                {
                    "timestamp": SENT_NOW,
                    "sampledValue": [
                        {
                            "value": "15.75",
                            "context": "Sample.Clock",
                            "measurand": "Current.Import",
                            "phase": "L2",
                            "unit": "A",
                        }
                    ],
                }
            ],
        },
    )


@pytest.mark.requirement("S16-MV-07")
def test_the_main_meter_is_connector_0_at_the_grid_connection_without_a_transaction() -> None:
    _, payload = told(event_of(SampledValue(Decimal(1)), evse=0))

    assert payload["connectorId"] == 0
    assert "transactionId" not in payload
    assert payload["meterValue"][0]["sampledValue"][0]["location"] == "Inlet"


@pytest.mark.requirement("S16-MV-10")
@pytest.mark.parametrize("measurand", Measurand)
def test_every_measurand_has_its_unit_but_frequency_has_none(measurand: Measurand) -> None:
    (told_sample,) = sampled(SampledValue(Decimal(50), measurand))

    unit = None if measurand is Measurand.FREQUENCY else UNITS[measurand]
    assert told_sample.get("unit") == unit
    assert told_sample["measurand"] == measurand.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12340.60", "12340.60"),
        ("1E+5", "100000"),
        ("1E-7", "0.0000001"),
        ("0", "0"),
        ("-3.5", "-3.5"),
        ("123456789012345678901.5", "123456789012345678901.5"),
        ("1E-30", "0.00000000000000000000"),
    ],
)
def test_a_value_is_told_with_its_own_digits_and_no_exponent(value: str, text: str) -> None:
    (told_sample,) = sampled(SampledValue(Decimal(value)))
    assert told_sample["value"] == text


@pytest.mark.parametrize(
    "sample",
    [
        SampledValue(Decimal("NaN")),
        SampledValue(Decimal("Infinity")),
        SampledValue(Decimal("1E+999")),
        SampledValue(Decimal(1), phase="L4"),
        SampledValue(Decimal(1), phase="L4", signed=SIGNED),
    ],
)
def test_a_reading_that_cannot_be_told_is_left_out_and_reported(
    sample: SampledValue, caplog: pytest.LogCaptureFixture
) -> None:
    _, payload = told(event_of(sample, SampledValue(Decimal(7))))

    assert [s["value"] for s in payload["meterValue"][0]["sampledValue"]] == ["7"]
    assert "connector 2" in caplog.text
    assert silent(event_of(sample))


def test_without_any_reading_there_is_no_message() -> None:
    assert silent(MeterValuesEvent(at=NOW, evse=1, meter_values=()))
    assert silent(MeterValuesEvent(at=NOW, evse=1, meter_values=(MeterValue(NOW, ()),)))


def test_a_signed_reading_is_told_as_a_number_and_as_signed_data() -> None:
    sample = SampledValue(
        Decimal("1.5"), context=ReadingContext.TRANSACTION_BEGIN, phase="L1", signed=SIGNED
    )

    raw, signed = sampled(sample)

    assert raw == {
        "value": "1.5",
        "context": "Transaction.Begin",
        "measurand": "Energy.Active.Import.Register",
        "phase": "L1",
        "unit": "Wh",
    }
    assert signed == {
        "value": signed["value"],
        "format": "SignedData",
        "context": "Transaction.Begin",
        "measurand": "Energy.Active.Import.Register",
        "phase": "L1",
    }


def test_the_ocas_wrapper_has_all_four_fields_and_the_record_byte_for_byte() -> None:
    fields = json.loads(signed_text(SIGNED, SignedValueWrapper.OCA))

    assert set(fields) == {"signedMeterData", "signingMethod", "encodingMethod", "publicKey"}
    assert base64.b64decode(fields["signedMeterData"]) == RECORD.encode()
    assert base64.b64decode(fields["publicKey"]) == b"oca:base16:asn1:3059AB"
    assert (fields["signingMethod"], fields["encodingMethod"]) == ("", "OCMF")


def test_a_key_that_is_not_sent_is_empty() -> None:
    fields = json.loads(signed_text(SignedValue(RECORD), SignedValueWrapper.OCA))
    assert fields["publicKey"] == ""


def test_some_back_ends_want_another_name_for_the_record() -> None:
    fields = json.loads(signed_text(SIGNED, SignedValueWrapper.HAS_TO_BE))

    assert set(fields) == {"signedMeterValue", "signingMethod", "encodingMethod", "publicKey"}
    assert base64.b64decode(fields["signedMeterValue"]) == RECORD.encode()


def test_some_back_ends_want_the_record_itself() -> None:
    assert signed_text(SIGNED, SignedValueWrapper.RAW) == RECORD


def test_a_large_record_is_never_cut() -> None:
    signed = SignedValue("r" * 20_000)
    fields = json.loads(signed_text(signed, SignedValueWrapper.OCA))
    assert base64.b64decode(fields["signedMeterData"]).decode() == signed.record


def test_a_record_is_told_even_if_its_number_is_none() -> None:
    (told_sample,) = sampled(SampledValue(Decimal("NaN"), signed=SIGNED))
    assert told_sample["format"] == "SignedData"


@pytest.mark.parametrize("wrapper", SignedValueWrapper)
def test_a_record_that_is_no_text_keeps_every_byte(wrapper: SignedValueWrapper) -> None:
    octets = bytes(range(256))
    signed = SignedValue(octets.decode("utf-8", "surrogateescape"), encoding_method="SNAPSHOT")
    text = signed_text(signed, wrapper)
    if wrapper is not SignedValueWrapper.RAW:
        fields = json.loads(text)
        text = fields.get("signedMeterData") or fields["signedMeterValue"]
    assert base64.b64decode(text) == octets
