"""What was dated before the time was known, dated anew (B01.FR.06)."""

from dataclasses import replace
from datetime import datetime, timedelta

from agent.core.events import MeterValuesEvent, StoredEvent, TransactionEvent
from agent.core.meter_values import MeterValue
from agent.core.progress import FirmwareProgress
from agent.core.session_state import Transaction
from agent.core.vocabulary import ReadingContext, StoppedReason

WORTH_MOVING = timedelta(seconds=10)
"""Less is what an event waited before it was stored."""


def moved_event(event: StoredEvent, by: timedelta) -> StoredEvent:
    """Return an event with its instants moved; signed records keep the time they tell.

    The values of a transaction that ended with the power, but the last, were taken before the
    machine started anew. The progress of an update tells no instant.
    """
    if isinstance(event, TransactionEvent | MeterValuesEvent):
        values = tuple(
            value if _is_of_an_earlier_run(event, value) else _moved_value(value, by)
            for value in event.meter_values
        )
        return replace(event, at=event.at + by, meter_values=values)
    return event if isinstance(event, FirmwareProgress) else replace(event, at=event.at + by)


def dated(event: StoredEvent, true_at: datetime, learned: timedelta) -> StoredEvent:
    """Return an event that really happened at an instant, but before the time became known.

    `learned` is by how much the wall clock moved then.
    """
    if isinstance(event, FirmwareProgress):
        return event
    by = true_at - event.at
    if abs(by - learned) <= WORTH_MOVING:
        by = learned
    return event if abs(by) <= WORTH_MOVING else moved_event(event, by)


def moved_transaction(transaction: Transaction, by: timedelta) -> Transaction:
    """Return a running transaction with everything that its next events will tell moved."""
    begin, told_at, ready_at = transaction.begin, transaction.told_at, transaction.ready_at
    return replace(
        transaction,
        started_at=transaction.started_at + by,
        told_at=None if told_at is None else told_at + by,
        ready_at=None if ready_at is None else ready_at + by,
        begin=None if begin is None else _moved_value(begin, by),
        series=tuple(_moved_value(value, by) for value in transaction.series),
    )


def _is_of_an_earlier_run(event: TransactionEvent | MeterValuesEvent, value: MeterValue) -> bool:
    if not isinstance(event, TransactionEvent):
        return False
    ends = any(sample.context is ReadingContext.TRANSACTION_END for sample in value.samples)
    return event.stopped_reason is StoppedReason.POWER_LOSS and not ends


def _moved_value(value: MeterValue, by: timedelta) -> MeterValue:
    return replace(value, at=value.at + by)
