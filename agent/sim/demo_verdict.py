"""The demo's last step: whether the signed records hold and all energies agree.

The records are those that the CSMS received. They are verified by the station's own check and by
PyPI `pyocmf`, which shares no code with the station.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agent.metering.verification import verify_pair
from agent.sim.csms_model import (
    TRANSACTION_BEGIN,
    TRANSACTION_END,
    Fault,
    SignedValue,
    TransactionRecord,
)

if TYPE_CHECKING:
    from pyocmf import OCMF

KEY_PREFIX = "oca:base16:asn1:"
ONE_WH = Decimal(1)
REMEDY = "the demo verifies records with pyocmf: pip install 'stationd[demo]'"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the verdict."""

    name: str
    finding: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the demo has collected: the CSMS's records, the plant's meter, the station's word.

    `own_records` are the signed texts that the station itself keeps, `own_public_key` is in hex.
    """

    transactions: tuple[TransactionRecord, ...]
    faults: tuple[Fault, ...]
    plant_begin_wh: Decimal
    plant_end_wh: Decimal
    own_records: tuple[str, ...]
    own_public_key: str


@dataclass(frozen=True, slots=True)
class _SignedPair:
    begin: str
    end: str
    public_key: str


def pyocmf_is_missing() -> bool:
    """Tell whether the second verifier is not installed."""
    return find_spec("pyocmf") is None


def judge(evidence: Evidence) -> tuple[Check, ...]:
    """Return every check, passed or not."""
    return tuple(_checks(evidence))


def _checks(evidence: Evidence) -> Iterator[Check]:
    faults = evidence.faults
    finding = f"{len(faults)}, the first: {faults[0].message}" if faults else "none"
    yield Check("faults that the CSMS found", finding, not faults)
    yield _only_one(evidence)
    for transaction in evidence.transactions[:1]:
        yield from _transaction_checks(transaction, evidence)


def _only_one(evidence: Evidence) -> Check:
    transactions = evidence.transactions
    complete = [t for t in transactions if t.ended and t.duplicates == 0]
    passed = len(transactions) == len(complete) == 1
    finding = f"{len(transactions)}, {len(complete)} of them complete and without duplicates"
    return Check("transactions at the CSMS", finding, passed)


def _transaction_checks(transaction: TransactionRecord, evidence: Evidence) -> Iterator[Check]:
    plant_wh = evidence.plant_end_wh - evidence.plant_begin_wh
    yield _registers(
        "the meter itself", evidence.plant_begin_wh, evidence.plant_end_wh, charged=plant_wh > 0
    )
    csms_wh = transaction.energy_wh
    yield _registers("the CSMS's registers", transaction.begin_wh, transaction.end_wh)
    pair = _signed_pair(transaction)
    if pair is None:
        found = len(transaction.signed_values)
        finding = f"{found} signed values, no pair with a public key"
        yield Check("signed begin and end record", finding, passed=False)
        return
    yield _same_records(pair, evidence)
    own = verify_pair(pair.begin, pair.end, pair.public_key)
    yield Check(
        "signed pair, verified by stationd",
        "; ".join(own.problems) or _energy(own.energy_wh),
        own.is_valid,
    )
    foreign_wh, problems = _verified_by_pyocmf(pair)
    yield Check(
        "signed pair, verified by pyocmf", "; ".join(problems) or _energy(foreign_wh), not problems
    )
    yield _agreement((plant_wh, csms_wh, own.energy_wh, foreign_wh))


def _registers(
    name: str, begin_wh: Decimal | None, end_wh: Decimal | None, *, charged: bool = True
) -> Check:
    if begin_wh is None or end_wh is None:
        return Check(name, f"begin {begin_wh}, end {end_wh}", passed=False)
    finding = f"{_energy(end_wh - begin_wh)} from {begin_wh} to {end_wh} Wh"
    return Check(name, finding, passed=charged)


def _signed_pair(transaction: TransactionRecord) -> _SignedPair | None:
    begin = _last_record(transaction.signed_values, TRANSACTION_BEGIN)
    end = _last_record(transaction.signed_values, TRANSACTION_END)
    keys = {value.public_key for value in transaction.signed_values if value.public_key}
    if begin is None or end is None or len(keys) != 1:
        return None
    return _SignedPair(begin, end, keys.pop().removeprefix(KEY_PREFIX))


def _last_record(values: list[SignedValue], context: str) -> str | None:
    records = [value.record for value in values if value.context == context]
    return records[-1].decode("utf-8", "replace") if records else None


def _same_records(pair: _SignedPair, evidence: Evidence) -> Check:
    name = "records at the CSMS and in the station"
    if {pair.begin, pair.end} != set(evidence.own_records):
        return Check(name, "differ", passed=False)
    if pair.public_key.lower() != evidence.own_public_key.lower():
        return Check(name, "are the same, but the public keys differ", passed=False)
    return Check(name, "byte for byte the same, and so is the public key", passed=True)


def _verified_by_pyocmf(pair: _SignedPair) -> tuple[Decimal, tuple[str, ...]]:
    """Return the energy that the pair proves and what is wrong with it."""
    from pyocmf import OCMF, PyOCMFError, SignatureVerificationError  # noqa: PLC0415 - optional

    try:
        begin, end = (OCMF.from_string(text, strict=True) for text in (pair.begin, pair.end))
        genuine = [record.verify_signature(pair.public_key) for record in (begin, end)]
        problems = [] if all(genuine) else ["a signature is wrong"]
        problems += [str(issue) for issue in begin.check_eichrecht(end)]
        return _reading_wh(end) - _reading_wh(begin), tuple(problems)
    except (PyOCMFError, SignatureVerificationError, ValueError, ArithmeticError) as error:
        return Decimal(0), (f"pyocmf refuses the pair: {error}",)


def _reading_wh(record: "OCMF") -> Decimal:
    """Return the one reading of a record as pyocmf reads it."""
    (reading,) = record.payload.RD
    if reading.RV is None:
        raise ValueError("a reading without a value")
    value = Decimal(reading.RV)
    return value.scaleb(3) if str(reading.RU) == "kWh" else value


def _agreement(energies_wh: tuple[Decimal | None, ...]) -> Check:
    """Compare; OCPP 1.6 tells whole watt-hours, so that less than one is no difference."""
    name = "all energies, to the watt-hour"
    known = [energy_wh for energy_wh in energies_wh if energy_wh is not None]
    spread_wh = max(known) - min(known)
    finding = f"{_energy(min(known))}, the largest difference is {_energy(spread_wh)}"
    agree = len(known) == len(energies_wh) and spread_wh < ONE_WH
    return Check(name, finding, passed=agree and min(known) > 0)


def _energy(energy_wh: Decimal) -> str:
    return f"{energy_wh:.3f} Wh"
