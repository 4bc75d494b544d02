"""OCMF: builds the text of one signed meter record, format version 1.3.

A record is `OCMF|<payload>|<signature>`. The signature covers the payload's bytes as they stand, so
nothing here is ever parsed and written again. The text is ASCII: other characters, and the `|` that
separates the sections, become JSON escapes, because verifiers read records in whatever character
set their machine happens to use. Version 1.3 is the newest that the transparency software accepts.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from agent.core.records import dataclass
from agent.metering.identification import Identification

FORMAT_VERSION = "1.3"
HEADER = "OCMF"
SIGNATURE_ALGORITHM = "ECDSA-secp256r1-SHA256"
SIGNATURE_ENCODING = "hex"
SIGNATURE_MIME_TYPE = "application/x-der"
MAX_RECORD_BYTES = 1875
"""Longest record that OCPP 2.0.1 can carry: its Base64 has 2500 characters."""
MAX_PAGINATION = 9_999_999_999
MAX_TARIFF_TEXT = 250
MAX_STATION_SOFTWARE_VERSION = 25
MAX_ENERGY_DIGITS = 15
"""Digits that a reading may have: a verifier that calculates with doubles keeps all of them."""
MAX_ENERGY_DECIMALS = 12


class OcmfFieldError(ValueError):
    """A field cannot be written as OCMF demands; the message names the field and the reason."""


class RecordTooLongError(ValueError):
    """The record would not fit into the message; leave optional fields out, it is never cut."""


class ReadingReason(StrEnum):
    """TX: why the reading was taken, within a transaction."""

    BEGIN = "B"
    CHARGING = "C"
    EXCEPTION = "X"
    END = "E"
    END_LOCAL = "L"
    END_REMOTE = "R"
    ABORT = "A"
    POWER_FAILURE = "P"
    SUSPENDED = "S"
    TARIFF_CHANGE = "T"


END_REASONS = frozenset(
    {
        ReadingReason.END,
        ReadingReason.END_LOCAL,
        ReadingReason.END_REMOTE,
        ReadingReason.ABORT,
        ReadingReason.POWER_FAILURE,
    }
)


class ClockStatus(StrEnum):
    """The letter behind TM: how far the time of the reading can be relied on."""

    UNKNOWN = "U"
    INFORMATIVE = "I"
    SYNCHRONIZED = "S"
    RELATIVE = "R"


class MeterStatus(StrEnum):
    """ST: the state of the meter when it was read; only GOOD can be billed."""

    NOT_PRESENT = "N"
    GOOD = "G"
    TIMEOUT = "T"
    DISCONNECTED = "D"
    NOT_FOUND = "R"
    MANIPULATED = "M"
    EXCHANGED = "X"
    INCOMPATIBLE = "I"
    OUT_OF_RANGE = "O"
    SUBSTITUTE = "S"
    OTHER_ERROR = "E"
    READ_ERROR = "F"


class Register(StrEnum):
    """RI: the OBIS code of the register, in the spellings that verifiers accept for billing."""

    TOTAL_IMPORT = "1-b:1.8.0"
    TRANSACTION_IMPORT_AT_MAINS = "01-00:B2.08.00*FF"


class EnergyUnit(StrEnum):
    """RU: the unit of the reading."""

    WATT_HOUR = "Wh"
    KILOWATT_HOUR = "kWh"


class CurrentType(StrEnum):
    """RT: what the meter measures."""

    AC = "AC"
    DC = "DC"


@dataclass(frozen=True, slots=True)
class SigningDevice:
    """What stays the same in all records of one meter.

    `gateway_*` (GI, GS, GV) name the signing component, which is the station; empty fields are
    left out. The meter's serial number (MS) is mandatory. `station_software_version` is CF, at most
    25 characters; `evse_id` is the CI of charge point type EVSEID.

    Raises OcmfFieldError.
    """

    meter_serial: str
    station_software_version: str
    meter_vendor: str = ""
    meter_model: str = ""
    meter_firmware: str = ""
    gateway_model: str = ""
    gateway_serial: str = ""
    gateway_version: str = ""
    evse_id: str = ""
    register: Register = Register.TOTAL_IMPORT
    unit: EnergyUnit = EnergyUnit.KILOWATT_HOUR
    current_type: CurrentType = CurrentType.AC

    def __post_init__(self) -> None:
        if not self.meter_serial:
            raise OcmfFieldError("MS is empty: give the meter's serial number")
        _limit("CF", self.station_software_version, MAX_STATION_SOFTWARE_VERSION)
        _device_members(self)


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One reading of the energy register; without `reason` it belongs to no transaction (fiscal).

    `energy_wh` is exact; every digit of it is kept, so round it to the meter's resolution first.
    `taken_at` is timezone-aware and shown with its own offset. A begin and an end reading of one
    transaction need the same identification.

    Raises OcmfFieldError.
    """

    energy_wh: Decimal
    taken_at: datetime
    clock_status: ClockStatus
    reason: ReadingReason | None
    identification: Identification
    tariff_text: str = ""
    meter_status: MeterStatus = MeterStatus.GOOD
    has_energy_error: bool = False
    has_time_error: bool = False

    def __post_init__(self) -> None:
        energy_text(self.energy_wh, EnergyUnit.WATT_HOUR)
        time_text(self.taken_at, self.clock_status)
        _limit("TT", self.tariff_text, MAX_TARIFF_TEXT)
        _identification_members(self)

    @property
    def error_flags(self) -> str:
        """EF: `E` for a wrong energy, `t` for a wrong time, both or neither."""
        return ("E" if self.has_energy_error else "") + ("t" if self.has_time_error else "")


def build_payload(device: SigningDevice, reading: MeterReading, pagination: int) -> bytes:
    """Build the bytes to sign; whether they are too long does not depend on `pagination`.

    Raises OcmfFieldError, RecordTooLongError.
    """
    if not 1 <= pagination <= MAX_PAGINATION:
        raise OcmfFieldError(f"PG {pagination} is outside 1 to {MAX_PAGINATION}")
    gateway, meter, place = _device_members(device)
    members = [
        _member("FV", FORMAT_VERSION),
        *gateway,
        _member("PG", f"{'F' if reading.reason is None else 'T'}{pagination}"),
        *meter,
        *_identification_members(reading),
        *place,
        f'"RD":[{_reading_object(device, reading)}]',
    ]
    payload = _object(members).encode("ascii")
    _check_length(len(payload) + len(str(MAX_PAGINATION)) - len(str(pagination)))
    return payload


def assemble(payload: bytes, signature_der: bytes) -> bytes:
    """Join the record: `payload` untouched, and the DER signature that was made over it."""
    signature = _object(
        [
            _member("SA", SIGNATURE_ALGORITHM),
            _member("SE", SIGNATURE_ENCODING),
            _member("SM", SIGNATURE_MIME_TYPE),
            _member("SD", signature_der.hex()),
        ]
    )
    return b"|".join((HEADER.encode("ascii"), payload, signature.encode("ascii")))


def energy_text(energy_wh: Decimal | float, unit: EnergyUnit) -> str:
    """Write RV: the energy in plain decimal digits, exactly; kWh have 3 decimals at least.

    Raises OcmfFieldError for anything that an energy register cannot show, and for a binary
    floating-point number, whose digits are not the meter's.
    """
    if not isinstance(energy_wh, Decimal):
        raise OcmfFieldError(f"RV needs an exact Decimal in Wh, not {type(energy_wh).__name__}")
    if not energy_wh.is_finite() or energy_wh < 0:
        raise OcmfFieldError(f"RV {energy_wh} Wh is no reading of an import register")
    _, digits, exponent = energy_wh.as_tuple()
    is_plain = -MAX_ENERGY_DECIMALS <= int(exponent) <= MAX_ENERGY_DIGITS
    if not is_plain or len(digits) > MAX_ENERGY_DIGITS + MAX_ENERGY_DECIMALS:
        raise OcmfFieldError(f"RV {energy_wh} Wh is no plain number: {_ROUND}")
    shift, places = (3, 3) if unit is EnergyUnit.KILOWATT_HOUR else (0, 0)
    text = _plain_digits(digits, int(exponent) - shift, places)
    if len(text.replace(".", "").lstrip("0")) > MAX_ENERGY_DIGITS:
        raise OcmfFieldError(f"RV {text} {unit} has over {MAX_ENERGY_DIGITS} digits: {_ROUND}")
    return text


def time_text(taken_at: datetime, clock_status: ClockStatus) -> str:
    """Write TM: `2025-03-01T14:00:00,000+0100 S`, cut to the millisecond.

    Raises OcmfFieldError for a time without zone, or with a zone of broken minutes.
    """
    offset = taken_at.utcoffset()
    if offset is None:
        raise OcmfFieldError("TM needs a time with its UTC offset")
    if offset % timedelta(minutes=1):
        raise OcmfFieldError(f"TM cannot show the UTC offset {offset}, which has seconds")
    date_and_time = taken_at.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{date_and_time.replace('.', ',')}{taken_at:%z} {clock_status}"


def _device_members(device: SigningDevice) -> tuple[list[str], list[str], list[str]]:
    gateway = _members(GI=device.gateway_model, GS=device.gateway_serial, GV=device.gateway_version)
    meter = _members(
        MV=device.meter_vendor,
        MM=device.meter_model,
        MS=device.meter_serial,
        MF=device.meter_firmware,
    )
    place = _members(
        CF=device.station_software_version,
        CT="EVSEID" if device.evse_id else "",
        CI=device.evse_id,
    )
    return gateway, meter, place


def _identification_members(reading: MeterReading) -> list[str]:
    user = reading.identification
    flags = ",".join(_json_text("IF", flag) for flag in user.flags)
    return [
        f'"IS":{"true" if user.is_assigned else "false"}',
        _member("IL", user.level),
        f'"IF":[{flags}]',
        _member("IT", user.type),
        *_members(ID=user.data, TT=reading.tariff_text),
    ]


def _reading_object(device: SigningDevice, reading: MeterReading) -> str:
    return _object(
        [
            _member("TM", time_text(reading.taken_at, reading.clock_status)),
            *([] if reading.reason is None else [_member("TX", reading.reason)]),
            f'"RV":{energy_text(reading.energy_wh, device.unit)}',
            _member("RI", device.register),
            _member("RU", device.unit),
            _member("RT", device.current_type),
            _member("EF", reading.error_flags),
            _member("ST", reading.meter_status),
        ]
    )


def _members(**fields: str) -> list[str]:
    return [_member(name, text) for name, text in fields.items() if text]


def _member(name: str, text: str) -> str:
    return f'"{name}":{_json_text(name, text)}'


def _object(members: list[str]) -> str:
    return "{" + ",".join(members) + "}"


def _json_text(name: str, text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise OcmfFieldError(f"{name} {text!r} has half a surrogate pair, which is no character")
    return json.dumps(text, ensure_ascii=True).replace("|", "\\u007c")


def _limit(name: str, text: str, characters: int) -> None:
    if len(text) > characters:
        raise OcmfFieldError(
            f"{name} has {len(text)} characters, OCMF allows {characters}: shorten {text!r}"
        )


def _plain_digits(digits: tuple[int, ...], exponent: int, least_places: int) -> str:
    whole = int("".join(map(str, digits)))
    if exponent > -least_places:
        whole, exponent = whole * 10 ** (exponent + least_places), -least_places
    if exponent == 0:
        return str(whole)
    padded = str(whole).rjust(1 - exponent, "0")
    return f"{padded[:exponent]}.{padded[exponent:]}"


_ROUND = "round the reading to the meter's resolution"

# The longest DER encoding of a secp256r1 signature.
_LONGEST_SIGNATURE = b"\xff" * 72


def _check_length(payload_bytes: int) -> None:
    record_bytes = payload_bytes + len(assemble(b"", _LONGEST_SIGNATURE))
    if record_bytes > MAX_RECORD_BYTES:
        raise RecordTooLongError(
            f"the record would have up to {record_bytes} bytes, OCPP 2.0.1 carries "
            f"{MAX_RECORD_BYTES}: leave out the tariff text (TT) or shorten the identifiers"
        )
