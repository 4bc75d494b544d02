"""Sampled and signed meter values, brought into base units and byte strings."""

import base64
import binascii
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from agent.sim.csms_model import (
    REGISTER,
    MeterSample,
    Reading,
    Rule,
    SignedValue,
    parse_timestamp,
)
from agent.sim.csms_office import Exchange
from agent.sim.frames import Payload

_KILO_UNITS = {"kWh": "Wh", "kvarh": "varh", "kVAh": "VAh", "kW": "W", "kvar": "var", "kVA": "VA"}


def reading_v2(exchange: Exchange, meter_values: Iterable[Payload]) -> Reading:
    """Everything in the meterValue list of a 2.x message."""
    samples: list[MeterSample] = []
    signed: list[SignedValue] = []
    for meter_value in meter_values:
        at = _instant(exchange, meter_value)
        for sampled in meter_value["sampledValue"]:
            if (sample := _sample_v2(exchange, at, sampled)) is not None:
                samples.append(sample)
            if "signedMeterValue" in sampled:
                context = sampled.get("context", "Sample.Periodic")
                signed.extend(_signed(exchange, context, sampled["signedMeterValue"]))
    return Reading(tuple(samples), tuple(signed))


def reading_v16(exchange: Exchange, meter_values: Iterable[Payload]) -> Reading:
    """Everything in a 1.6 meterValue or transactionData list."""
    samples: list[MeterSample] = []
    signed: list[SignedValue] = []
    for meter_value in meter_values:
        at = _instant(exchange, meter_value)
        for sampled in meter_value["sampledValue"]:
            if sampled.get("format") == "SignedData":
                context = sampled.get("context", "Sample.Periodic")
                signed.extend(_signed_v16(exchange, context, sampled["value"]))
            elif (sample := _sample_v16(exchange, at, sampled)) is not None:
                samples.append(sample)
    return Reading(tuple(samples), tuple(signed))


def to_base_unit(value: Decimal, unit: str, multiplier: int = 0) -> tuple[Decimal, str]:
    """Apply the power-of-ten multiplier and the unit's own kilo."""
    if unit in _KILO_UNITS:
        return value.scaleb(multiplier + 3), _KILO_UNITS[unit]
    return value.scaleb(multiplier), unit


def decimal_of(number: object) -> Decimal | None:
    """Return the exact decimal that a JSON number or a 1.6 value string was written as."""
    try:
        value = Decimal(str(number))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _instant(exchange: Exchange, meter_value: Payload) -> datetime:
    return parse_timestamp(meter_value["timestamp"]) or exchange.received_at


def _sample_v2(exchange: Exchange, at: datetime, sampled: Payload) -> MeterSample | None:
    unit_of_measure = sampled.get("unitOfMeasure", {})
    unit = unit_of_measure.get("unit", "Wh")
    return _sample(exchange, at, sampled, (unit, unit_of_measure.get("multiplier", 0)))


def _sample_v16(exchange: Exchange, at: datetime, sampled: Payload) -> MeterSample | None:
    return _sample(exchange, at, sampled, (sampled.get("unit", "Wh"), 0))


def _sample(
    exchange: Exchange, at: datetime, sampled: Payload, scale: tuple[str, int]
) -> MeterSample | None:
    number = decimal_of(sampled["value"])
    if number is None or abs(scale[1]) > 30:
        exchange.fault(Rule.METER, f"sampled value {str(sampled['value'])[:40]!r} is no number")
        return None
    value, unit = to_base_unit(number, *scale)
    return MeterSample(
        at=at,
        measurand=sampled.get("measurand", REGISTER),
        value=value,
        unit=unit,
        context=sampled.get("context", "Sample.Periodic"),
        phase=sampled.get("phase"),
        location=sampled.get("location", "Outlet"),
    )


def _signed_v16(exchange: Exchange, context: str, text: str) -> list[SignedValue]:
    """Read the JSON text of a SignedMeterValueType, or the bare record that some stations send."""
    try:
        wrapped = json.loads(text)
    except (ValueError, RecursionError):
        return [SignedValue(text.encode(), context, public_key="", method="", encoding="")]
    keys = {"signedMeterData", "signingMethod", "encodingMethod", "publicKey"}
    if not isinstance(wrapped, dict):
        exchange.fault(Rule.SIGNED_VALUE, "a SignedData value is neither an object nor a record")
        return []
    if "signedMeterValue" in wrapped:
        wrapped = {**wrapped, "signedMeterData": wrapped["signedMeterValue"]}
    if missing := sorted(keys - wrapped.keys()):
        exchange.fault(Rule.SIGNED_VALUE, f"a SignedData value lacks {', '.join(missing)}")
    if not isinstance(wrapped.get("signedMeterData"), str):
        return []
    return _signed(exchange, context, wrapped)


def _signed(exchange: Exchange, context: str, fields: dict[str, Any]) -> list[SignedValue]:
    record = _base64(fields["signedMeterData"])
    if not record:
        exchange.fault(Rule.SIGNED_VALUE, "signedMeterData is not the Base64 text of a record")
        return []
    return [
        SignedValue(
            record=record,
            context=context,
            public_key=_key_text(str(fields.get("publicKey", ""))),
            method=str(fields.get("signingMethod", "")),
            encoding=str(fields.get("encodingMethod", "")),
        )
    ]


def _key_text(text: str) -> str:
    """Return the `oca:…` text inside the Base64, or the text as it came if there is none."""
    inner = _base64(text)
    return inner.decode("ascii") if inner is not None and inner.startswith(b"oca:") else text


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
