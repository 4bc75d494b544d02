"""What is told of a transaction: Started, Updated and Ended events, each fact told once."""

from dataclasses import replace

from agent.core.events import TransactionEvent
from agent.core.meter_values import MeterValue
from agent.core.metering import Reading, bounded, meter_value, phases_in_use
from agent.core.session_state import (
    UNDECIDED,
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
    last reading before it closed, so that no energy escapes. Where the EVSE is not known yet there
    is no meter to read: the begin values follow when charging starts (E01.FR.17).
    """
    moment = replace(moment, reading=_first_reading(state, moment.reading))
    context = ReadingContext.TRANSACTION_BEGIN
    transaction = Transaction(
        id=moment.fresh_id,
        started_at=moment.at,
        register_at_start_wh=moment.reading.register_wh,
        begin=_value(state, policy.ended_measurands, moment, context),
    )
    begin = _value(state, policy.started_measurands, moment, context)
    decided = state.evse != UNDECIDED
    transaction = replace(transaction, awaits_begin=None if decided else True)
    event, transaction = _event(state, transaction, cause, moment, begin)
    return replace(event, phase=TransactionPhase.STARTED, names_evse=decided), transaction


def arrived(
    transaction: Transaction, state: SessionState, policy: SessionPolicy, moment: Moment
) -> Transaction:
    """Let a transaction that began without EVSE go on at one: its meter counts from here."""
    context, register_wh = ReadingContext.TRANSACTION_BEGIN, moment.reading.register_wh
    allowed_wh = transaction.energy_until_wh
    return replace(
        transaction,
        register_at_start_wh=register_wh,
        told_register_wh=None,
        energy_until_wh=None if allowed_wh is None else register_wh + allowed_wh,
        begin=_value(state, policy.ended_measurands, moment, context),
    )


def updated(
    state: SessionState,
    transaction: Transaction,
    policy: SessionPolicy,
    cause: Cause,
    moment: Moment,
) -> tuple[TransactionEvent, Transaction]:
    """Tell a change or a sample of a running transaction."""
    moment = _not_before(transaction, moment)
    if transaction.awaits_begin and charging_state(state.snapshot) is ChargingState.CHARGING:
        return _begun(state, transaction, policy, cause, moment)
    return _event(state, transaction, cause, moment, sample(state, policy, cause, moment))


def _begun(
    state: SessionState,
    transaction: Transaction,
    policy: SessionPolicy,
    cause: Cause,
    moment: Moment,
) -> tuple[TransactionEvent, Transaction]:
    """Tell the begin values late, as of before the power path closed."""
    moment = replace(moment, reading=_first_reading(state, moment.reading))
    moment, context = _not_before(transaction, moment), ReadingContext.TRANSACTION_BEGIN
    begin = _value(state, policy.ended_measurands, moment, context)
    transaction = replace(transaction, awaits_begin=None, begin=begin)
    value = _value(state, policy.started_measurands, moment, context)
    return _event(state, transaction, cause, moment, value)


def sample(
    state: SessionState, policy: SessionPolicy, cause: Cause, moment: Moment
) -> MeterValue | None:
    """Return what a cause of a sample lets tell; None for other causes and without measurands."""
    context = _CONTEXTS.get(cause.trigger)
    clock = cause.trigger is TriggerReason.METER_VALUE_CLOCK
    measurands = policy.aligned_measurands if clock else policy.updated_measurands
    return None if context is None else _value(state, measurands, moment, context)


def ended(
    state: SessionState,
    transaction: Transaction,
    policy: SessionPolicy,
    cause: Cause,
    moment: Moment,
) -> TransactionEvent:
    """Tell the end, with the begin value, the sampled series and the end value (E06.FR.11)."""
    moment = _not_before(transaction, moment)
    last = _value(state, policy.ended_measurands, moment, ReadingContext.TRANSACTION_END)
    values = tuple(v for v in (transaction.begin, *transaction.series, last) if v is not None)
    event, _ = _event(state, transaction, cause, moment, None)
    return replace(
        event,
        phase=TransactionPhase.ENDED,
        trigger=cause.trigger,
        id_token=cause.token,
        stopped_reason=cause.stopped_reason,
        meter_values=_bounded(values, policy, spare=last is None),
    )


def with_series(
    transaction: Transaction, state: SessionState, policy: SessionPolicy, moment: Moment
) -> Transaction:
    """Add a sample to the series that the Ended event will carry."""
    measurands, context = policy.ended_measurands, ReadingContext.SAMPLE_PERIODIC
    return _with_value(transaction, state, policy, moment, (measurands, context))


def with_aligned(
    transaction: Transaction, state: SessionState, policy: SessionPolicy, moment: Moment
) -> Transaction:
    """Add a clock-aligned sample to the series that the Ended event will carry (E06.FR.11)."""
    measurands, context = policy.aligned_ended_measurands, ReadingContext.SAMPLE_CLOCK
    return _with_value(transaction, state, policy, moment, (measurands, context))


def something_untold(transaction: Transaction, state: SessionState) -> bool:
    """Tell whether token, remote start, reservation or EVSE have not been told yet."""
    return (
        _untold_token(transaction, state.authorization)
        or _untold_remote_start(transaction, state.authorization)
        or _untold_reservation(transaction, state.authorization) is not None
        or (state.snapshot.plugged_in and not transaction.told_evse)
    )


def _event(
    state: SessionState,
    transaction: Transaction,
    cause: Cause,
    moment: Moment,
    value: MeterValue | None,
) -> tuple[TransactionEvent, Transaction]:
    holder, shown = state.authorization, charging_state(state.snapshot)
    token_is_news = _untold_token(transaction, holder)
    remote_is_news = _untold_remote_start(transaction, holder)
    reservation_id = _untold_reservation(transaction, holder)
    plugged_in = state.snapshot.plugged_in
    names_evse = plugged_in and not transaction.told_evse
    bills = _starts_billing(state, transaction, news=token_is_news, arrives=names_evse)
    transaction = _charged(_told(transaction, moment), shown, moment.now_s)
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
        id_token=holder.token if token_is_news and holder else cause.token,
        starts_billing=bills,
        billed_to=holder.token if bills and holder and not token_is_news else None,
        remote_start_id=holder.remote_start_id if remote_is_news and holder else None,
        reservation_id=reservation_id,
        names_evse=names_evse,
        time_spent_charging_s=int(transaction.charged_s),
        cable_max_a=state.cable_max_a,
        phases_used=phases_in_use(moment.reading, moment.phases)
        if shown is ChargingState.CHARGING
        else None,
        stands_in=not moment.reading.fresh or None,
        meter_values=() if value is None else (value,),
    )
    return event, replace(
        transaction,
        next_seq_no=transaction.next_seq_no + 1,
        holder=transaction.holder or holder,
        told_token=transaction.told_token or token_is_news,
        told_remote_start=transaction.told_remote_start or remote_is_news,
        told_reservation_id=transaction.told_reservation_id
        if reservation_id is None
        else reservation_id,
        told_evse=transaction.told_evse or plugged_in,
        told_state=shown,
    )


def _starts_billing(
    state: SessionState, transaction: Transaction, *, news: bool, arrives: bool
) -> bool:
    """Tell whether token and EVSE are both known from this event on."""
    if state.evse == UNDECIDED:
        return False
    return news or (arrives and bool(transaction.awaits_begin) and transaction.told_token)


def _untold_token(transaction: Transaction, holder: Authorization | None) -> bool:
    return holder is not None and not transaction.told_token


def _untold_remote_start(transaction: Transaction, holder: Authorization | None) -> bool:
    known = holder is not None and holder.remote_start_id is not None
    return known and not transaction.told_remote_start


def _untold_reservation(transaction: Transaction, holder: Authorization | None) -> int | None:
    """Return the reservation that was used and not told yet (E01.FR.13)."""
    used = None if holder is None else holder.reservation_id
    return None if used == transaction.told_reservation_id else used


def _charged(transaction: Transaction, shown: ChargingState, now_s: float) -> Transaction:
    """Keep the time spent charging, whatever the wall clock does meanwhile."""
    charged_s, since_s = transaction.charged_s, transaction.charging_since_s
    if since_s is not None:
        charged_s += max(0.0, now_s - since_s)
    charging = shown is ChargingState.CHARGING
    return replace(transaction, charged_s=charged_s, charging_since_s=now_s if charging else None)


def _first_reading(state: SessionState, reading: Reading) -> Reading:
    """Return the reading that a transaction begins with.

    That is the one at rest if the power path is closed already, or if a lost meter's stand-in says
    less than what was measured before. An exchanged meter may truly say less.
    """
    rest = state.rest
    if rest is None:
        return reading
    falls_short = not reading.fresh and reading.register_wh < rest.register_wh
    earlier = state.snapshot.power_path_closed or falls_short
    return rest if earlier else reading


def _not_before(transaction: Transaction, moment: Moment) -> Moment:
    """Return the moment as it may be told: neither clock nor register step back (J02.FR.16)."""
    at, register_wh = transaction.told_at, transaction.told_register_wh
    if at is not None and moment.at < at:
        moment = replace(moment, at=at)
    if register_wh is not None and moment.reading.register_wh < register_wh:
        reading = replace(moment.reading, register_wh=register_wh, fresh=False)
        moment = replace(moment, reading=reading)
    return moment


def _told(transaction: Transaction, moment: Moment) -> Transaction:
    register_wh = moment.reading.register_wh
    return replace(transaction, told_at=moment.at, told_register_wh=register_wh)


def _with_value(
    transaction: Transaction,
    state: SessionState,
    policy: SessionPolicy,
    moment: Moment,
    what: tuple[tuple[Measurand, ...], ReadingContext],
) -> Transaction:
    moment = _not_before(transaction, moment)
    value = _value(state, what[0], moment, what[1])
    if value is None:
        return transaction
    series = _bounded((*transaction.series, value), policy)
    return replace(_told(transaction, moment), series=series)


def _value(
    state: SessionState, measurands: tuple[Measurand, ...], moment: Moment, context: ReadingContext
) -> MeterValue | None:
    if state.evse == UNDECIDED:
        return None
    limit_a = state.granted_a if state.snapshot.offered else state.granted_a * 0
    return meter_value(moment.at, moment.reading, moment.offer(limit_a), measurands, context)


def _bounded(
    values: tuple[MeterValue, ...], policy: SessionPolicy, *, spare: bool = False
) -> tuple[MeterValue, ...]:
    """Bound a series; `spare` leaves room for an end value that is there only to be signed."""
    most = policy.ended_values_at_most - spare
    return bounded(values, most, policy.ended_samples_at_most)
