"""What is told of a transaction: Started, Updated and Ended events, each fact told once."""

from dataclasses import replace
from datetime import datetime

from agent.core.events import TransactionEvent
from agent.core.meter_values import MeterValue
from agent.core.metering import Reading, meter_value, thinned
from agent.core.session_state import (
    Authorization,
    Cause,
    Moment,
    SessionPolicy,
    SessionState,
    Transaction,
)
from agent.core.snapshot import charging_state
from agent.core.vocabulary import (
    ChargingState,
    Measurand,
    ReadingContext,
    TransactionPhase,
    TriggerReason,
)

_CONTEXTS = {
    TriggerReason.METER_VALUE_PERIODIC: ReadingContext.SAMPLE_PERIODIC,
    TriggerReason.METER_VALUE_CLOCK: ReadingContext.SAMPLE_CLOCK,
    TriggerReason.TRIGGER: ReadingContext.TRIGGER,
}


def started(
    state: SessionState, policy: SessionPolicy, cause: Cause, moment: Moment
) -> tuple[TransactionEvent, Transaction]:
    """Begin a transaction: the event and the transaction that remembers what it told.

    If the power path is closed already (start point EnergyTransfer) the register counts from the
    last reading before it closed, so that no energy escapes.
    """
    closed = state.snapshot.power_path_closed and state.rest is not None
    reading = state.rest if closed and state.rest is not None else moment.reading
    transaction = Transaction(
        id=moment.fresh_id,
        started_at=moment.at,
        register_at_start_wh=reading.register_wh,
        begin=_value(
            state, policy.ended_measurands, reading, moment, ReadingContext.TRANSACTION_BEGIN
        ),
    )
    begin = _value(
        state, policy.started_measurands, reading, moment, ReadingContext.TRANSACTION_BEGIN
    )
    event, transaction = _event(state, transaction, cause, moment, (begin,))
    event = replace(
        event, phase=TransactionPhase.STARTED, names_evse=True, register_wh=reading.register_wh
    )
    return event, transaction


def updated(
    state: SessionState,
    transaction: Transaction,
    policy: SessionPolicy,
    cause: Cause,
    moment: Moment,
) -> tuple[TransactionEvent, Transaction]:
    """Tell a change or a sample of a running transaction."""
    context = _CONTEXTS.get(cause.trigger)
    clock = cause.trigger is TriggerReason.METER_VALUE_CLOCK
    measurands = policy.aligned_measurands if clock else policy.updated_measurands
    sample = None if context is None else _value(state, measurands, moment.reading, moment, context)
    return _event(state, transaction, cause, moment, (sample,))


def ended(
    state: SessionState,
    transaction: Transaction,
    policy: SessionPolicy,
    cause: Cause,
    moment: Moment,
) -> TransactionEvent:
    """Tell the end, with the begin value, the sampled series and the end value (E06.FR.11)."""
    last = _value(
        state,
        policy.ended_measurands,
        moment.reading,
        moment,
        ReadingContext.TRANSACTION_END,
    )
    values = tuple(v for v in (transaction.begin, *transaction.series, last) if v is not None)
    event, _ = _event(state, transaction, cause, moment, ())
    return replace(
        event,
        phase=TransactionPhase.ENDED,
        trigger=cause.trigger,
        id_token=cause.token,
        stopped_reason=cause.stopped_reason,
        meter_values=thinned(values, policy.ended_values_at_most),
    )


def with_series(
    transaction: Transaction, state: SessionState, policy: SessionPolicy, moment: Moment
) -> Transaction:
    """Add a sample to the series that the Ended event will carry."""
    sample = _value(
        state,
        policy.ended_measurands,
        moment.reading,
        moment,
        ReadingContext.SAMPLE_PERIODIC,
    )
    if sample is None:
        return transaction
    series = thinned((*transaction.series, sample), policy.ended_values_at_most)
    return replace(transaction, series=series)


def something_untold(transaction: Transaction, state: SessionState) -> bool:
    """Tell whether the token, the remote start or the EVSE has not been told yet."""
    return (
        _untold_token(transaction, state.authorization)
        or _untold_remote_start(transaction, state.authorization)
        or (state.snapshot.plugged_in and not transaction.told_evse)
    )


def _event(
    state: SessionState,
    transaction: Transaction,
    cause: Cause,
    moment: Moment,
    values: tuple[MeterValue | None, ...],
) -> tuple[TransactionEvent, Transaction]:
    holder, shown = state.authorization, charging_state(state.snapshot)
    token_is_news = _untold_token(transaction, holder)
    remote_is_news = _untold_remote_start(transaction, holder)
    plugged_in = state.snapshot.plugged_in
    transaction = _charged(transaction, shown, moment.at)
    event = TransactionEvent(
        phase=TransactionPhase.UPDATED,
        at=moment.at,
        seq_no=transaction.next_seq_no,
        transaction_id=transaction.id,
        trigger=TriggerReason.REMOTE_START if remote_is_news else cause.trigger,
        evse=state.evse,
        register_wh=moment.reading.register_wh,
        offline=not moment.online,
        charging_state=shown,
        id_token=holder.token if token_is_news and holder else None,
        starts_billing=token_is_news,
        remote_start_id=holder.remote_start_id if remote_is_news and holder else None,
        names_evse=plugged_in and not transaction.told_evse,
        time_spent_charging_s=int(transaction.charged_s),
        cable_max_a=state.cable_max_a,
        phases_used=moment.phases if shown is ChargingState.CHARGING else None,
        meter_values=tuple(v for v in values if v is not None),
    )
    return event, replace(
        transaction,
        next_seq_no=transaction.next_seq_no + 1,
        holder=transaction.holder or holder,
        told_token=transaction.told_token or token_is_news,
        told_remote_start=transaction.told_remote_start or remote_is_news,
        told_evse=transaction.told_evse or plugged_in,
        told_state=shown,
    )


def _untold_token(transaction: Transaction, holder: Authorization | None) -> bool:
    return holder is not None and not transaction.told_token


def _untold_remote_start(transaction: Transaction, holder: Authorization | None) -> bool:
    known = holder is not None and holder.remote_start_id is not None
    return known and not transaction.told_remote_start


def _charged(transaction: Transaction, shown: ChargingState, at: datetime) -> Transaction:
    """Keep the time spent charging; a clock that steps back adds nothing."""
    charged_s = transaction.charged_s
    if transaction.charging_since is not None:
        charged_s += max(0.0, (at - transaction.charging_since).total_seconds())
    charging = shown is ChargingState.CHARGING
    return replace(transaction, charged_s=charged_s, charging_since=at if charging else None)


def _value(
    state: SessionState,
    measurands: tuple[Measurand, ...],
    reading: Reading,
    moment: Moment,
    context: ReadingContext,
) -> MeterValue | None:
    limit_a = state.limit_a if state.snapshot.offered else state.limit_a * 0
    return meter_value(moment.at, reading, moment.offer(limit_a), measurands, context)
