"""Block J: meter values, signed and unsigned, inside and outside transactions."""

import logging
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

from agent.core.events import MeterValuesEvent
from agent.core.meter_values import UNITS, MeterValue, SampledValue
from agent.core.signed_values import SignedValue, record_octets
from agent.ocpp.codec import Call, CodecContext
from agent.ocpp.numbers import json_number
from agent.ocpp.payloads import present
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v201.limits import LIMITS, Limits

logger = logging.getLogger(__name__)

_PHASES: Final = frozenset(
    {None, "L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"}
)
_GRID_CONNECTION: Final = "Inlet"
_PUBLIC_KEY_PREFIX: Final = "oca:base16:asn1:"


def meter_values_call(
    event: MeterValuesEvent, _context: CodecContext, limits: Limits = LIMITS
) -> tuple[Call, ...]:
    """Tell readings outside a transaction (J01); EVSE 0 is the main meter (J01.FR.03, .04)."""
    location = None if event.evse else _GRID_CONNECTION
    values = meter_values(event.meter_values, f"EVSE {event.evse}", limits, location)
    if not values:
        return ()
    return (Call("MeterValues", {"evseId": event.evse, "meterValue": values}),)


def meter_values(
    values: Iterable[MeterValue], owner: str, limits: Limits, location: str | None = None
) -> list[dict[str, Any]]:
    """Return MeterValueTypes; what cannot be told is left out and logged under `owner`'s name.

    `location` None is the standard's default, the outlet (J01.FR.09).
    """
    told = []
    for value in values:
        samples = [
            sample
            for one in value.samples
            if (sample := _sampled_value(one, owner, limits, location)) is not None
        ]
        if samples:
            told.append({"timestamp": format_datetime(value.at), "sampledValue": samples})
    return told


def signed_meter_value(
    signed: SignedValue, owner: str, limits: Limits = LIMITS
) -> dict[str, Any] | None:
    """Return SignedMeterValueType with the record byte for byte, None if it does not fit.

    A record is never cut: the signature would no longer hold.
    """
    data = b64encode(record_octets(signed.record)).decode("ascii")
    if len(data) > limits.signed_data_length or not _methods_fit(signed, limits):
        logger.warning(
            "%s: a signed value of %d characters is left out, %d are allowed; "
            "the reading itself is told",
            owner,
            len(data),
            limits.signed_data_length,
        )
        return None
    optional = {
        "signingMethod": signed.signing_method,
        "publicKey": "" if signed.repeats_key else _public_key(signed.public_key, owner, limits),
    }
    if not limits.tells_empty_signed_fields:
        optional = {name: text for name, text in optional.items() if text}
    return {"signedMeterData": data, "encodingMethod": signed.encoding_method} | optional


def _sampled_value(
    sample: SampledValue, owner: str, limits: Limits, location: str | None
) -> dict[str, Any] | None:
    try:
        number = json_number(sample.value)
    except ValueError as error:
        logger.warning("%s: a value of %s is left out: %s", owner, sample.measurand, error)
        return None
    if sample.phase not in _PHASES:
        logger.warning("%s: %s has no phase %.20s: left out", owner, sample.measurand, sample.phase)
        return None
    signed = sample.signed
    return present(
        {
            "value": number,
            "context": sample.context.value,
            "measurand": sample.measurand.value,
            "phase": sample.phase,
            "location": location,
            "unitOfMeasure": {"unit": UNITS[sample.measurand]},
            "signedMeterValue": None
            if signed is None
            else signed_meter_value(signed, owner, limits),
        }
    )


def _methods_fit(signed: SignedValue, limits: Limits) -> bool:
    longest = max(len(signed.signing_method), len(signed.encoding_method))
    return longest <= limits.signing_method_length


def _public_key(public_key: str, owner: str, limits: Limits) -> str:
    """Return the key as the OCA's note on signed meter values writes it, "" if there is none."""
    if not public_key:
        return ""
    told = _base64(_PUBLIC_KEY_PREFIX + public_key)
    if len(told) <= limits.public_key_length:
        return told
    logger.warning(
        "%s: a public key of %d characters is left out of a signed value; "
        "FiscalMetering.PublicKey has it",
        owner,
        len(told),
    )
    return ""


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")
