"""The station's own check of OCMF records that it made: signature, form, begin and end pair.

It is stricter than a verifier for the public has to be, because it knows what this station writes:
one reading in each record, secp256r1, at most format version 1.3. It never raises for what a record
contains; every fault it finds is a sentence in `problems`.
"""

# ruff: noqa: PLC0415 - cryptography is slow to import and the first OCPP frame does not need it

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from agent.core.records import dataclass
from agent.metering.identification import REFUSED_LEVELS, IdentificationLevel
from agent.metering.ocmf import (
    END_REASONS,
    FORMAT_VERSION,
    HEADER,
    MAX_ENERGY_DIGITS,
    MAX_STATION_SOFTWARE_VERSION,
    MAX_TARIFF_TEXT,
    SIGNATURE_ALGORITHM,
    SIGNATURE_ENCODING,
    SIGNATURE_MIME_TYPE,
    ClockStatus,
    EnergyUnit,
    MeterStatus,
    ReadingReason,
    Register,
)

MAX_TEXT_CHARACTERS = 24_576
"""Longest text looked at: what OCPP 2.1 can carry of a record."""


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What a record says. `identification` is IS, IL, IF, IT, ID and TT as they were written."""

    pagination: int
    meter_serial: str
    gateway_serial: str
    identification: tuple[object, ...]
    taken_at: datetime
    clock_status: ClockStatus
    reason: ReadingReason
    energy_wh: Decimal
    register: Register
    unit: EnergyUnit
    meter_status: MeterStatus
    error_flags: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on one record; `facts` are known when its form is sound."""

    facts: RecordFacts | None
    problems: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Whether the record is genuine and well formed."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class PairVerification:
    """The verdict on a begin and an end record; the energy is 0 as long as there are problems."""

    energy_wh: Decimal
    problems: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Whether the pair proves `energy_wh`."""
        return not self.problems


def verify_record(text: str, public_key_hex: str) -> Verification:
    """Check a record's form, and its signature with the SubjectPublicKeyInfo (DER in hex)."""
    try:
        payload_text, signature_text = _sections(text)
        signature_problems = _signature_problems(payload_text, signature_text, public_key_hex)
    except _Malformed as fault:
        return Verification(None, (str(fault),))
    try:
        facts = _facts(_json_object("payload", payload_text))
    except _Malformed as fault:
        return Verification(None, (*signature_problems, str(fault)))
    return Verification(facts, signature_problems)


def verify_pair(begin: str, end: str, public_key_hex: str) -> PairVerification:
    """Check that two records prove the energy of one transaction."""
    checked = [("begin", verify_record(begin, public_key_hex))]
    checked.append(("end", verify_record(end, public_key_hex)))
    problems = [f"{name}: {text}" for name, verdict in checked for text in verdict.problems]
    first, last = checked[0][1].facts, checked[1][1].facts
    if first is None or last is None:
        return PairVerification(Decimal(0), tuple(problems))
    problems += _pair_problems(first, last)
    energy_wh = Decimal(0) if problems else last.energy_wh - first.energy_wh
    return PairVerification(energy_wh, tuple(problems))


class _Malformed(Exception):
    """The record cannot be read any further."""


def _sections(text: str) -> tuple[str, str]:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise _Malformed(f"the record has {len(text)} characters, {MAX_TEXT_CHARACTERS} at most")
    if not text.isascii():
        raise _Malformed("the record contains characters that are not ASCII")
    sections = text.split("|")
    if len(sections) != 3 or sections[0] != HEADER:
        raise _Malformed("the record has not the form OCMF|payload|signature")
    return sections[1], sections[2]


def _json_object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(
            text,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_members,
        )
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise _Malformed(f"the {name} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise _Malformed(f"the {name} is no JSON object")
    return value


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _unique_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member occurs twice")
    return found


def _signature_problems(
    payload_text: str, signature_text: str, public_key_hex: str
) -> tuple[str, ...]:
    signature = _json_object("signature", signature_text)
    expected = (
        ("SA", SIGNATURE_ALGORITHM),
        ("SE", SIGNATURE_ENCODING),
        ("SM", SIGNATURE_MIME_TYPE),
    )
    problems = [
        f"{name} is {signature.get(name)!r}, not {value!r}"
        for name, value in expected
        if signature.get(name, value) != value
    ]
    data = signature.get("SD")
    if not isinstance(data, str) or not re.fullmatch("(?:[0-9a-fA-F]{2})+", data):
        problems.append("SD is no hexadecimal text")
    elif not _is_signed(payload_text.encode("ascii"), bytes.fromhex(data), public_key_hex):
        problems.append("the signature does not belong to this payload and this public key")
    return tuple(problems)


def _is_signed(payload: bytes, signature_der: bytes, public_key_hex: str) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(bytes.fromhex(public_key_hex))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _Malformed("the public key is no hexadecimal SubjectPublicKeyInfo") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _Malformed("the public key is not of the curve secp256r1")
    try:
        key.verify(signature_der, payload, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _facts(payload: dict[str, Any]) -> RecordFacts:
    _check_version(payload)
    _check_length(payload, "TT", MAX_TARIFF_TEXT)
    _check_length(payload, "CF", MAX_STATION_SOFTWARE_VERSION)
    reading = _only_reading(payload)
    taken_at, clock_status = _time(_text(reading, "TM"))
    unit = _choice(EnergyUnit, reading, "RU")
    return RecordFacts(
        pagination=_pagination(payload),
        meter_serial=_text(payload, "MS"),
        gateway_serial=str(payload.get("GS", "")),
        identification=_identification(payload),
        taken_at=taken_at,
        clock_status=clock_status,
        reason=_choice(ReadingReason, reading, "TX"),
        energy_wh=_energy_wh(reading.get("RV"), unit),
        register=_choice(Register, reading, "RI"),
        unit=unit,
        meter_status=_choice(MeterStatus, reading, "ST"),
        error_flags=_error_flags(reading),
    )


def _check_version(payload: dict[str, Any]) -> None:
    version = _text(payload, "FV")
    if not re.fullmatch("[0-9]{1,3}[.][0-9]{1,3}", version):
        raise _Malformed(f"FV {version!r} is no format version")
    if _version_key(version) > _version_key(FORMAT_VERSION):
        raise _Malformed(f"FV {version!r} is newer than {FORMAT_VERSION}, which verifiers refuse")


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _check_length(payload: dict[str, Any], name: str, characters: int) -> None:
    if name in payload and len(_text(payload, name)) > characters:
        raise _Malformed(f"{name} has more than {characters} characters")


def _pagination(payload: dict[str, Any]) -> int:
    text = _text(payload, "PG")
    if not re.fullmatch("T[1-9][0-9]{0,18}", text):
        raise _Malformed(f"PG {text!r} is no number of a transaction record")
    return int(text[1:])


def _identification(payload: dict[str, Any]) -> tuple[object, ...]:
    if not isinstance(payload.get("IS"), bool):
        raise _Malformed("IS is missing")
    _text(payload, "IT")
    level = _choice(IdentificationLevel, payload, "IL")
    if level in REFUSED_LEVELS:
        raise _Malformed(f"IL {level} cannot be billed")
    return tuple(payload.get(name) for name in ("IS", "IL", "IF", "IT", "ID", "TT"))


def _only_reading(payload: dict[str, Any]) -> dict[str, Any]:
    match payload.get("RD"):
        case [dict() as reading]:
            return reading
        case _:
            raise _Malformed("RD has not exactly one reading")


def _time(text: str) -> tuple[datetime, ClockStatus]:
    form = "([0-9-]{10}T[0-9:]{8}),([0-9]{3})([+-][0-9]{4}) ([UISR])"
    match = re.fullmatch(form, text)
    if match is None:
        raise _Malformed(f"TM {text!r} has not the form of OCMF, with its clock status")
    moment, milliseconds, offset, status = match.groups()
    try:
        taken_at = datetime.strptime(f"{moment}.{milliseconds}{offset}", "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError as error:
        raise _Malformed(f"TM {text!r} is no time") from error
    return taken_at, ClockStatus(status)


def _energy_wh(value: object, unit: EnergyUnit) -> Decimal:
    if not isinstance(value, Decimal):
        raise _Malformed("RV is no number")
    _, digits, exponent = value.as_tuple()
    places = -int(exponent)
    if value < 0 or not 0 <= places <= MAX_ENERGY_DIGITS or len(digits) > MAX_ENERGY_DIGITS:
        raise _Malformed(f"RV {value} is no plain reading of an import register")
    if unit is EnergyUnit.WATT_HOUR:
        return value
    if places < 3:
        raise _Malformed(f"RV {value} kWh has less than three decimals")
    return value.scaleb(3)


def _error_flags(reading: dict[str, Any]) -> str:
    flags = reading.get("EF", "")
    if flags not in ("", "E", "t", "Et"):
        raise _Malformed(f"EF {flags!r} is unknown")
    return str(flags)


def _text(source: dict[str, Any], name: str) -> str:
    text = source.get(name)
    if not isinstance(text, str) or not text:
        raise _Malformed(f"{name} is missing")
    return text


_Word = TypeVar("_Word", bound=StrEnum)


def _choice(words: type[_Word], source: dict[str, Any], name: str) -> _Word:
    text = _text(source, name)
    try:
        return words(text)
    except ValueError as error:
        raise _Malformed(f"{name} {text!r} is unknown") from error


def _pair_problems(begin: RecordFacts, end: RecordFacts) -> list[str]:
    checks = (
        (begin.reason is ReadingReason.BEGIN, "the begin record's TX is not B"),
        (end.reason in END_REASONS, "the end record's TX ends no transaction"),
        (_is_good(begin), "the begin record's meter was not in order (ST, EF)"),
        (_is_good(end), "the end record's meter was not in order (ST, EF)"),
        (begin.register == end.register, "RI differs: two registers cannot be subtracted"),
        (begin.unit == end.unit, "RU differs"),
        (begin.energy_wh <= end.energy_wh, "RV goes backwards"),
        (begin.taken_at <= end.taken_at, "TM goes backwards"),
        (_clocks_agree(begin, end), "a relative begin time has no end time to be relative with"),
        (begin.identification == end.identification, "the identified user differs"),
        (_serials(begin) == _serials(end), "the serial numbers (MS, GS) differ"),
        (begin.pagination < end.pagination, "PG does not increase"),
    )
    return [problem for holds, problem in checks if not holds]


def _is_good(record: RecordFacts) -> bool:
    return record.meter_status is MeterStatus.GOOD and "E" not in record.error_flags


def _clocks_agree(begin: RecordFacts, end: RecordFacts) -> bool:
    return (
        begin.clock_status is not ClockStatus.RELATIVE or end.clock_status is ClockStatus.RELATIVE
    )


def _serials(record: RecordFacts) -> tuple[str, str]:
    return record.meter_serial, record.gateway_serial
