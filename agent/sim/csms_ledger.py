"""The book of transactions: each event is entered once and must fit the ones before it."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from agent.sim.csms_model import (
    TRANSACTION_BEGIN,
    TRANSACTION_END,
    EventType,
    MeterSample,
    Reading,
    Rule,
    TransactionEvent,
    TransactionRecord,
)
from agent.sim.csms_office import Exchange


def enter(
    exchange: Exchange, record: TransactionRecord, event: TransactionEvent, fingerprint: str
) -> bool:
    """Enter an event; False if it was there already, which counts as a duplicate.

    `fingerprint` is what two copies of one event have in common and no two events share.
    """
    if fingerprint in record.fingerprints:
        record.duplicates += 1
        _check_copy(exchange, record.fingerprints[fingerprint], event)
        return False
    for rule, message in _order_faults(record, event):
        exchange.fault(rule, f"transaction {record.transaction_id}: {message}")
    record.fingerprints[fingerprint] = event
    record.events.append(event)
    if event.seq_no is not None:
        record.next_seq_no = max(record.next_seq_no, event.seq_no + 1)
    _take_times(record, event)
    take_reading(exchange, record, event.reading)
    return True


def take_reading(exchange: Exchange, record: TransactionRecord, reading: Reading) -> None:
    """Add meter values to a transaction and check them against those before."""
    for sample in reading.samples:
        record.samples.append(sample)
        if sample.is_total_register:
            _check_register(exchange, record, sample)
    record.signed_values.extend(reading.signed_values)


def take_register_ends(
    exchange: Exchange, record: TransactionRecord, samples: tuple[MeterSample, ...]
) -> None:
    """Take begin and end from the register samples of those contexts (2.x)."""
    for sample in samples:
        if sample.is_total_register and sample.context == TRANSACTION_BEGIN:
            set_begin(exchange, record, sample.value)
        elif sample.is_total_register and sample.context == TRANSACTION_END:
            set_end(exchange, record, sample.value)


def set_begin(exchange: Exchange, record: TransactionRecord, begin_wh: Decimal) -> None:
    """Fix the register value at the start; a second, different one is a fault."""
    if record.begin_wh is None:
        record.begin_wh = begin_wh
    elif record.begin_wh != begin_wh:
        message = f"began at {record.begin_wh} Wh, now says {begin_wh} Wh"
        exchange.fault(Rule.METER, f"transaction {record.transaction_id} {message}")


def set_end(exchange: Exchange, record: TransactionRecord, end_wh: Decimal) -> None:
    """Fix the register value at the end; less than at the start is a fault."""
    record.end_wh = end_wh
    if record.begin_wh is not None and end_wh < record.begin_wh:
        message = f"ended at {end_wh} Wh, below its begin of {record.begin_wh} Wh"
        exchange.fault(Rule.METER, f"transaction {record.transaction_id} {message}")


def _check_copy(exchange: Exchange, first: TransactionEvent, copy: TransactionEvent) -> None:
    """Only the offline flag may differ: it turns true when the link breaks while an event waits."""
    same = replace(copy, received_at=first.received_at, offline=first.offline)
    if same != first:
        which = f"{copy.event_type} (seqNo {copy.seq_no})"
        exchange.fault(Rule.SEQUENCE, f"{which} was sent again with other content")


def _order_faults(record: TransactionRecord, event: TransactionEvent) -> Iterator[tuple[Rule, str]]:
    if event.seq_no is not None and event.seq_no != record.next_seq_no:
        yield Rule.SEQUENCE, f"seqNo {event.seq_no} came where {record.next_seq_no} was due"
    if (event.event_type is EventType.STARTED) == bool(record.events):
        which = "a second Started" if record.events else f"{event.event_type} before Started"
        yield Rule.TRANSACTION, which
    if record.ended:
        yield Rule.TRANSACTION, f"{event.event_type} after it had ended"
    elif record.events and event.at < record.events[-1].at:
        yield Rule.TRANSACTION, f"{event.event_type} is dated before the event ahead of it"


def _take_times(record: TransactionRecord, event: TransactionEvent) -> None:
    if event.event_type is EventType.STARTED and record.started_at is None:
        record.started_at = event.at
    if event.event_type is EventType.ENDED and record.ended_at is None:
        record.ended_at = event.at


def _check_register(exchange: Exchange, record: TransactionRecord, sample: MeterSample) -> None:
    last = record.last_register
    if last is not None and sample.at < last.at:
        return
    if last is not None and sample.value < last.value:
        message = f"register fell from {last.value} to {sample.value} Wh"
        exchange.fault(Rule.METER, f"transaction {record.transaction_id}: {message}")
    record.last_register = sample
