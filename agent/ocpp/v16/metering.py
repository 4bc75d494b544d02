"""MeterValues outside transactions, and meter values as 1.6 writes them, signed and unsigned.

A signed reading is told twice: as the number that it is, for everybody, and as a SignedData value,
for those who verify it.
"""

import json
import logging
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from agent.core.events import MeterValuesEvent
from agent.core.meter_values import UNITS, MeterValue, SampledValue
from agent.core.signed_values import SignedValue, is_text, record_octets
from agent.core.vocabulary import Measurand
from agent.ocpp.codec import Call, CodecContext, SignedValueWrapper
from agent.ocpp.numbers import json_number
from agent.ocpp.payloads import present
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v16.connectors import STATION
from agent.ocpp.v16.key_conversions import PHASES

logger = logging.getLogger(__name__)

_GRID_CONNECTION: Final = "Inlet"
_PUBLIC_KEY_PREFIX: Final = "oca:base16:asn1:"
_SMALLEST_EXPONENT: Final = -20
_UNITS: Final[Mapping[Measurand, str]] = MappingProxyType(
    {measurand: unit for measurand, unit in UNITS.items() if measurand is not Measurand.FREQUENCY}
)
"""Hertz is no unit of 1.6: Frequency is told without one (S16-MV-10)."""


def meter_values_call(event: MeterValuesEvent, context: CodecContext) -> tuple[Call, ...]:
    """Tell readings outside a transaction; connector 0 is the main meter (S16-MV-02)."""
    connector = context.directory.connector_of(event.evse, event.connector)
    location = _GRID_CONNECTION if connector == STATION else None
    values = meter_values(event.meter_values, f"connector {connector}", context, location)
    return meter_values_of(connector, values)


def meter_values_of(
    connector: int, values: list[dict[str, Any]], transaction_id: int | None = None
) -> tuple[Call, ...]:
    """Return the MeterValues that holds `values`; without any there is none."""
    if not values:
        return ()
    payload = {
        "connectorId": connector,
        "transactionId": transaction_id,
        "meterValue": values,
    }
    return (Call("MeterValues", present(payload)),)


def meter_values(
    values: Iterable[MeterValue], owner: str, context: CodecContext, location: str | None = None
) -> list[dict[str, Any]]:
    """Return MeterValue elements; what cannot be told is left out and logged under `owner`'s name.

    Context, measurand and unit are always written, though 1.6 has defaults: some peers have not.
    `location` None is the standard's default, the outlet.
    """
    told = []
    for value in values:
        samples = [
            present({**fields, "location": location})
            for sample in value.samples
            for fields in _sampled_values(sample, owner, context.signed_value_wrapper)
        ]
        if samples:
            told.append({"timestamp": format_datetime(value.at), "sampledValue": samples})
    return told


def signed_data(signed: SignedValue, wrapper: SignedValueWrapper) -> str:
    """Return the text of a SignedData value; the record is in it byte for byte.

    The OCA's note "Signed Meter Values in OCPP" wants a JSON text with all four fields, empty ones
    included. Some back ends expect the record itself (Base64 where it is no text), or another name
    for the first field.
    """
    data = b64encode(record_octets(signed.record)).decode("ascii")
    if wrapper is SignedValueWrapper.RAW:
        return signed.record if is_text(signed.record) else data
    has_to_be = wrapper is SignedValueWrapper.HAS_TO_BE
    public_key = _PUBLIC_KEY_PREFIX + signed.public_key if signed.public_key else ""
    fields = {
        "signedMeterValue" if has_to_be else "signedMeterData": data,
        "signingMethod": signed.signing_method,
        "encodingMethod": signed.encoding_method,
        "publicKey": _base64(public_key),
    }
    return json.dumps(fields, separators=(",", ":"))


def _sampled_values(
    sample: SampledValue, owner: str, wrapper: SignedValueWrapper
) -> Iterator[dict[str, str | None]]:
    """Yield the fields of the number and, if it is signed, of its SignedData value."""
    if sample.phase is not None and sample.phase not in PHASES:
        logger.warning("%s: %s has no phase %.20s: left out", owner, sample.measurand, sample.phase)
        return
    what = {
        "context": sample.context.value,
        "measurand": sample.measurand.value,
        "phase": sample.phase,
    }
    number = _number_text(sample, owner)
    if number is not None:
        yield {"value": number, **what, "unit": _UNITS.get(sample.measurand)}
    if sample.signed is not None:
        yield {"value": signed_data(sample.signed, wrapper), "format": "SignedData", **what}


def _number_text(sample: SampledValue, owner: str) -> str | None:
    """Return the digits of a value as it was measured, without exponent; None for no number."""
    try:
        json_number(sample.value)
    except ValueError as error:
        logger.warning("%s: a value of %s is left out: %s", owner, sample.measurand, error)
        return None
    exponent = sample.value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < _SMALLEST_EXPONENT:
        return format(sample.value, f".{-_SMALLEST_EXPONENT}f")
    return format(sample.value, "f")


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")
