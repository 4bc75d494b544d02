from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.sim.csms_ledger import enter, set_begin, set_end
from agent.sim.csms_model import (
    EventType,
    MeterSample,
    Reading,
    Rule,
    TransactionEvent,
    TransactionRecord,
)
from tests.unit.sim.stations import NOW, exchange


def event(seq_no: int, last: int, register_wh: int = 0) -> TransactionEvent:
    at = NOW + timedelta(seconds=seq_no)
    sample = MeterSample(
        at=at,
        measurand="Energy.Active.Import.Register",
        value=Decimal(register_wh),
        unit="Wh",
        context="Sample.Periodic",
        phase=None,
        location="Outlet",
    )
    kind = EventType.UPDATED
    if seq_no == 0:
        kind = EventType.STARTED
    elif seq_no == last:
        kind = EventType.ENDED
    return TransactionEvent(kind, at, NOW, seq_no=seq_no, reading=Reading((sample,)))


@given(st.lists(st.integers(1, 3), min_size=2, max_size=20))
def test_however_often_each_event_is_resent_it_is_entered_once_without_fault(
    copies: list[int],
) -> None:
    hand, record = exchange(), TransactionRecord("T")
    for seq_no, count in enumerate(copies):
        for _ in range(count):
            enter(hand, record, event(seq_no, len(copies) - 1), str(seq_no))
    assert hand.station.faults == []
    assert [e.seq_no for e in record.events] == list(range(len(copies)))
    assert record.duplicates == sum(copies) - len(copies)
    assert len(record.samples) == len(copies)
    assert record.ended


@given(st.integers(3, 20), st.data())
def test_any_single_lost_event_between_start_and_end_is_seen_as_a_gap(
    count: int, data: st.DataObject
) -> None:
    lost = data.draw(st.integers(1, count - 2))
    hand, record = exchange(), TransactionRecord("T")
    for seq_no in range(count):
        if seq_no != lost:
            enter(hand, record, event(seq_no, count - 1), str(seq_no))
    assert [fault.rule for fault in hand.station.faults] == [Rule.SEQUENCE]


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=20))
def test_a_register_that_falls_is_seen_wherever_it_falls(values: list[int]) -> None:
    hand, record = exchange(), TransactionRecord("T")
    for seq_no, value in enumerate(values):
        enter(hand, record, event(seq_no, len(values) - 1, value), str(seq_no))
    falls = sum(b < a for a, b in pairwise(values))
    assert [fault.rule for fault in hand.station.faults] == [Rule.METER] * falls


def test_begin_and_end_may_not_contradict_themselves() -> None:
    hand, record = exchange(), TransactionRecord("T")
    set_begin(hand, record, Decimal(100))
    set_begin(hand, record, Decimal(100))
    set_end(hand, record, Decimal(150))
    assert hand.station.faults == []
    assert record.energy_wh == 50
    set_begin(hand, record, Decimal(101))
    set_end(hand, record, Decimal(99))
    assert [fault.rule for fault in hand.station.faults] == [Rule.METER, Rule.METER]
    assert record.begin_wh == 100


def test_two_different_events_under_one_number_are_a_fault() -> None:
    hand, record = exchange(), TransactionRecord("T")
    enter(hand, record, event(0, 5), "0")
    enter(hand, record, event(0, 5, register_wh=7), "0")
    assert [fault.rule for fault in hand.station.faults] == [Rule.SEQUENCE]
