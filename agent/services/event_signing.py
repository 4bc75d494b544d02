"""Which registers of a session's events are signed, and how the begin value is kept for the end."""

from dataclasses import replace

from agent.core.events import TransactionEvent
from agent.core.meter_values import with_signed
from agent.core.session import Session
from agent.core.session_state import SessionState
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import ChargingState, ReadingContext, TransactionPhase
from agent.ports import MeterSigner, SigningRequest


async def signed(
    event: TransactionEvent, before: SessionState, session: Session, signer: MeterSigner
) -> TransactionEvent:
    """Return the event with its register signed, if the rules want it and it can be done.

    The begin value is signed at the start in any case and kept in the session: the Ended event
    repeats it, so that begin and end prove the energy (J02.FR.21).
    """
    context, rules = _context(event, before), session.policy.signing
    begins = context is ReadingContext.TRANSACTION_BEGIN
    phase = TransactionPhase.STARTED if begins else event.phase
    if context is None or not rules.signs(phase, context):
        return event
    value = await signer.sign(_request(event, before, session, context))
    if value is None:
        return event
    if begins:
        repeats_key = (rules.started and rules.key_once) or None
        _keep(session, event, replace(value, repeats_key=repeats_key))
        if not rules.started:
            return event
    values = with_signed(event.meter_values, event.at, event.register_wh, context, value)
    return replace(event, meter_values=values)


def _context(event: TransactionEvent, before: SessionState) -> ReadingContext | None:
    awaited = before.transaction is not None and before.transaction.awaits_begin
    charges = event.charging_state is ChargingState.CHARGING
    updated = event.phase is TransactionPhase.UPDATED
    if event.phase is TransactionPhase.STARTED or (awaited and updated and charges):
        return ReadingContext.TRANSACTION_BEGIN
    if event.phase is TransactionPhase.ENDED:
        return ReadingContext.TRANSACTION_END
    return event.meter_values[0].samples[0].context if event.meter_values else None


def _keep(session: Session, event: TransactionEvent, value: SignedValue) -> None:
    transaction = session.state.transaction
    if transaction is None:
        return
    begin = () if transaction.begin is None else (transaction.begin,)
    context = ReadingContext.TRANSACTION_BEGIN
    kept = with_signed(begin, event.at, event.register_wh, context, value)
    session.remember_begin(replace(transaction, begin=kept[0]))


def _request(
    event: TransactionEvent, before: SessionState, session: Session, context: ReadingContext
) -> SigningRequest:
    ended = before.transaction
    return SigningRequest(
        evse=event.evse,
        transaction_id=event.transaction_id,
        at=event.at,
        register_wh=event.register_wh,
        context=context,
        authorization=session.state.authorization or (ended.holder if ended else None),
        stands_in=bool(event.stands_in),
    )
