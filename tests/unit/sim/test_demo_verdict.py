"""The demo's verdict: it passes for a true session and for nothing else."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.sim import demo_verdict
from agent.sim.csms_model import TRANSACTION_BEGIN, TRANSACTION_END, Fault, Rule, TransactionRecord
from agent.sim.demo_verdict import KEY_PREFIX, Check, Evidence, judge, pyocmf_is_missing
from tests.unit.metering.records import begin_and_end, signing_key
from tests.unit.sim.demo_world import NOW, signed

BEGIN, END = begin_and_end()
PUBLIC_KEY = signing_key().public_key_hex
BEGIN_WH, END_WH = Decimal(1234567), Decimal("1244667.5")


def evidence() -> Evidence:
    transaction = TransactionRecord("T-1", 1, begin_wh=BEGIN_WH, end_wh=END_WH, ended_at=NOW)
    transaction.signed_values = [
        signed(BEGIN.text, TRANSACTION_BEGIN, KEY_PREFIX + PUBLIC_KEY),
        signed(END.text, TRANSACTION_END),
    ]
    return Evidence(
        transactions=(transaction,),
        faults=(),
        plant_begin_wh=BEGIN_WH,
        plant_end_wh=END_WH,
        own_records=(BEGIN.text, END.text),
        own_public_key=PUBLIC_KEY.upper(),
    )


def failed(found: tuple[Check, ...]) -> set[str]:
    return {check.name for check in found if not check.passed}


def test_a_true_session_passes_every_check() -> None:
    found = judge(evidence())
    assert failed(found) == set()
    assert len(found) == 8
    assert found[-1].finding == "10100.500 Wh, the largest difference is 0.000 Wh"


def test_whole_watt_hours_of_1_6_agree_with_the_meter_s_fractions() -> None:
    case = evidence()
    case.transactions[0].end_wh = Decimal(1244668)
    assert failed(judge(case)) == set()
    assert "largest difference is 0.500 Wh" in judge(case)[-1].finding


def _no_transaction(case: Evidence) -> Evidence:
    return replace(case, transactions=())


def _two_transactions(case: Evidence) -> Evidence:
    return replace(case, transactions=case.transactions * 2)


def _duplicate(case: Evidence) -> Evidence:
    case.transactions[0].duplicates = 1
    return case


def _unfinished(case: Evidence) -> Evidence:
    case.transactions[0].ended_at = None
    return case


def _fault(case: Evidence) -> Evidence:
    return replace(case, faults=(Fault("DEMO01", Rule.SCHEMA, "no seqNo", "[]", NOW),))


def _one_wh_more(case: Evidence) -> Evidence:
    case.transactions[0].end_wh = END_WH + 1
    return case


def _plant_one_wh_less(case: Evidence) -> Evidence:
    return replace(case, plant_end_wh=END_WH - 1)


def _nothing_charged(case: Evidence) -> Evidence:
    return replace(case, plant_end_wh=BEGIN_WH)


def _no_begin_register(case: Evidence) -> Evidence:
    case.transactions[0].begin_wh = None
    return case


def _tampered(case: Evidence) -> Evidence:
    forged = END.text.replace("1244.6675", "1244.6674")
    assert forged != END.text
    case.transactions[0].signed_values[1] = signed(forged, TRANSACTION_END)
    return case


def _other_own_records(case: Evidence) -> Evidence:
    return replace(case, own_records=(BEGIN.text, BEGIN.text))


def _other_own_key(case: Evidence) -> Evidence:
    return replace(case, own_public_key=signing_key("another").public_key_hex)


def _foreign_key(case: Evidence) -> Evidence:
    other = signing_key("another").public_key_hex
    case.transactions[0].signed_values[0] = signed(
        BEGIN.text, TRANSACTION_BEGIN, KEY_PREFIX + other
    )
    return replace(case, own_public_key=other)


def _no_key(case: Evidence) -> Evidence:
    case.transactions[0].signed_values[0] = signed(BEGIN.text, TRANSACTION_BEGIN)
    return case


def _no_end_record(case: Evidence) -> Evidence:
    del case.transactions[0].signed_values[1]
    return case


def _swapped(case: Evidence) -> Evidence:
    case.transactions[0].signed_values = [
        signed(END.text, TRANSACTION_BEGIN, KEY_PREFIX + PUBLIC_KEY),
        signed(BEGIN.text, TRANSACTION_END),
    ]
    return case


def _no_ocmf(case: Evidence) -> Evidence:
    case.transactions[0].signed_values[1] = signed("nonsense", TRANSACTION_END)
    return replace(case, own_records=(BEGIN.text, "nonsense"))


FAULTS = "faults that the CSMS found"
COUNT = "transactions at the CSMS"
METER = "the meter itself"
REGISTERS = "the CSMS's registers"
SAME = "records at the CSMS and in the station"
OURS, THEIRS = "signed pair, verified by stationd", "signed pair, verified by pyocmf"
AGREE = "all energies, to the watt-hour"
PAIR = "signed begin and end record"


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (_fault, {FAULTS}),
        (_no_transaction, {COUNT}),
        (_two_transactions, {COUNT}),
        (_duplicate, {COUNT}),
        (_unfinished, {COUNT}),
        (_one_wh_more, {AGREE}),
        (_plant_one_wh_less, {AGREE}),
        (_nothing_charged, {METER, AGREE}),
        (_no_begin_register, {REGISTERS, AGREE}),
        (_tampered, {SAME, OURS, THEIRS, AGREE}),
        (_other_own_records, {SAME}),
        (_other_own_key, {SAME}),
        (_foreign_key, {OURS, THEIRS, AGREE}),
        (_no_key, {PAIR}),
        (_no_end_record, {PAIR}),
        (_swapped, {OURS, THEIRS, AGREE}),
        (_no_ocmf, {OURS, THEIRS, AGREE}),
    ],
)
def test_a_session_that_is_not_true_fails_where_it_is_not(
    spoil: Callable[[Evidence], Evidence], names: set[str]
) -> None:
    assert failed(judge(spoil(evidence()))) == names


def test_the_second_verifier_is_looked_for_without_loading_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not pyocmf_is_missing()
    monkeypatch.setattr(demo_verdict, "find_spec", lambda _: None)
    assert pyocmf_is_missing()
