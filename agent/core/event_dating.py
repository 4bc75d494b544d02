"""What was dated before the time was known, dated anew (B01.FR.06)."""

from dataclasses import replace
from datetime import timedelta

from agent.core.events import MeterValuesEvent, StoredEvent, TransactionEvent
from agent.core.meter_values import MeterValue
from agent.core.progress import FirmwareProgress
from agent.core.session_state import Transaction


def moved_event(event: StoredEvent, by: timedelta) -> StoredEvent:
    """Return an event with all its instants moved; signed records keep the time they tell.

    The progress of an update tells no instant.
    """
    if isinstance(event, TransactionEvent | MeterValuesEvent):
        values = tuple(_moved_value(value, by) for value in event.meter_values)
        return replace(event, at=event.at + by, meter_values=values)
    return event if isinstance(event, FirmwareProgress) else replace(event, at=event.at + by)


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


def _moved_value(value: MeterValue, by: timedelta) -> MeterValue:
    return replace(value, at=value.at + by)
