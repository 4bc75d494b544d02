"""Block E: TransactionEvent and GetTransactionStatus."""

import logging
from typing import Any

from agent.core.commands import Command
from agent.core.events import DomainEvent, TransactionEvent
from agent.core.facts import TransactionAcknowledged
from agent.core.transaction_status import GetTransactionStatus, TransactionStatus
from agent.core.vocabulary import StoppedReason, TransactionPhase, TriggerReason
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v201.authorization import id_token_info, told_token
from agent.ocpp.v201.limits import LIMITS, MOST_PHASES, TRANSACTION_ID_LENGTH, Limits
from agent.ocpp.v201.metering import meter_values

logger = logging.getLogger(__name__)


def transaction_event(
    event: TransactionEvent, context: CodecContext, limits: Limits = LIMITS
) -> tuple[Call, ...]:
    """Tell one step of a transaction; every field that the event does not have is left out."""
    if len(event.transaction_id) > TRANSACTION_ID_LENGTH:
        logger.error(
            "transaction %.50s cannot be told: its id has more than %d characters",
            event.transaction_id,
            TRANSACTION_ID_LENGTH,
        )
        return ()
    owner = f"transaction {event.transaction_id}"
    payload = {
        "eventType": event.phase.value,
        "timestamp": format_datetime(event.at),
        "triggerReason": event.trigger.value,
        "seqNo": event.seq_no,
        "offline": (event.offline or context.offline) or None,
        "numberOfPhasesUsed": _phases(event.phases_used),
        "cableMaxCurrent": event.cable_max_a,
        "reservationId": event.reservation_id,
        "transactionInfo": _transaction_info(event),
        "evse": {"id": event.evse, "connectorId": event.connector} if event.names_evse else None,
        "idToken": None if event.id_token is None else told_token(event.id_token, limits),
        "meterValue": meter_values(event.meter_values, owner, limits) or None,
    }
    return (Call("TransactionEvent", present(payload)),)


def transaction_acknowledged(
    event: DomainEvent, reply: Payload, _context: CodecContext, limits: Limits = LIMITS
) -> TransactionAcknowledged | None:
    """Read the answer to TransactionEvent.

    A verdict counts only if the event carried a token: some CSMSs judge tokens unasked, and an
    unasked verdict must neither authorize nor deauthorize.
    """
    if not isinstance(event, TransactionEvent):
        return None
    info = reply.get("idTokenInfo") if event.id_token is not None else None
    return TransactionAcknowledged(
        event.transaction_id,
        info=None if info is None else id_token_info(info, limits),
        token=None if info is None else event.id_token,
        priority=integer(reply, "chargingPriority"),
    )


def get_transaction_status(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetTransactionStatus (E14)."""
    return GetTransactionStatus(payload.get("transactionId"))


def get_transaction_status_reply(
    outcome: TransactionStatus, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell the status; without a transaction nothing is ongoing or not (E14.FR.06)."""
    status = {"ongoingIndicator": outcome.ongoing, "messagesInQueue": outcome.messages_in_queue}
    return present(status)


def _transaction_info(event: TransactionEvent) -> dict[str, Any]:
    state = event.charging_state
    reason = _stopped_reason(event)
    return present(
        {
            "transactionId": event.transaction_id,
            "chargingState": None if state is None else state.value,
            "timeSpentCharging": event.time_spent_charging_s,
            "stoppedReason": None if reason is None else reason.value,
            "remoteStartId": event.remote_start_id,
        }
    )


def _stopped_reason(event: TransactionEvent) -> StoppedReason | None:
    """Only an Ended event has a reason; leaving it out there states Local (E06.FR.09).

    Local is sent too (E07.FR.05). Where nobody knows the reason and no driver stopped the
    transaction, leaving it out would be a false statement, so it is Other (E06.FR.08).
    """
    if event.phase is not TransactionPhase.ENDED:
        return None
    if event.stopped_reason is None and event.trigger is not TriggerReason.STOP_AUTHORIZED:
        return StoppedReason.OTHER
    return event.stopped_reason


def _phases(phases_used: int | None) -> int | None:
    """Return a number of phases that there can be, None for any other."""
    return phases_used if phases_used in range(MOST_PHASES + 1) else None
