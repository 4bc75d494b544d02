"""StartTransaction, the MeterValues of a transaction, and StopTransaction.

1.6 knows a transaction from the event that names its token on. The CSMS numbers it in its answer to
StartTransaction; as the outbox is strictly in order, the number is known when the later messages
are encoded. A transaction without number, because no token was ever told, is none in 1.6. If energy
flowed in it all the same, its start was told in another version: its end must not be lost and is
told with the number that stands for a start that the CSMS does not know (S16-TXM-05).
"""

import logging
from collections.abc import Mapping
from decimal import ROUND_HALF_DOWN, Decimal
from types import MappingProxyType
from typing import Any, Final

from agent.core.events import DomainEvent, TransactionEvent
from agent.core.facts import TransactionAcknowledged
from agent.core.vocabulary import StoppedReason, TransactionPhase, TriggerReason
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.directory import START_WAS_DROPPED
from agent.ocpp.payloads import present
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v16.authorization import id_tag, id_tag_info
from agent.ocpp.v16.metering import meter_values, meter_values_of

logger = logging.getLogger(__name__)

_LARGEST_REGISTER_EXPONENT: Final = 18
_OTHER: Final = "Other"
_REASONS: Final[Mapping[StoppedReason, str | None]] = MappingProxyType(
    {
        StoppedReason.DE_AUTHORIZED: "DeAuthorized",
        StoppedReason.EMERGENCY_STOP: "EmergencyStop",
        StoppedReason.EV_DISCONNECTED: "EVDisconnected",
        StoppedReason.IMMEDIATE_RESET: "Reboot",
        StoppedReason.LOCAL: None,
        StoppedReason.MASTER_PASS: "Local",
        StoppedReason.POWER_LOSS: "PowerLoss",
        StoppedReason.REBOOT: "Reboot",
        StoppedReason.REMOTE: "Remote",
    }
)
"""None is told by leaving the reason out, which means Local; what is not listed is Other.

Timeout is Other: an EV that never came was not disconnected, and DeAuthorized is defined as the
CSMS's refusal in StartTransaction.conf.
"""
_RESETS: Final[Mapping[StoppedReason, str]] = MappingProxyType(
    {StoppedReason.IMMEDIATE_RESET: "HardReset", StoppedReason.REBOOT: "SoftReset"}
)
_READ_AT_ANY_TIME: Final = frozenset({TriggerReason.METER_VALUE_CLOCK, TriggerReason.TRIGGER})


def transaction_event(event: TransactionEvent, context: CodecContext) -> tuple[Call, ...]:
    """Tell one step of a transaction; a change of the charging state is no news in 1.6."""
    if event.phase is TransactionPhase.ENDED:
        return _stop_transaction(event, context)
    if event.starts_billing:
        return _start_transaction(event, context)
    return _meter_values(event, context)


def started(
    event: DomainEvent, reply: Payload, _context: CodecContext
) -> TransactionAcknowledged | None:
    """Read the answer to StartTransaction; 0 is a number like any other."""
    if not isinstance(event, TransactionEvent):
        return None
    number, info = int(reply["transactionId"]), id_tag_info(reply["idTagInfo"])
    return TransactionAcknowledged(
        event.transaction_id, csms_id=number, info=info, token=event.id_token
    )


def stopped(
    event: DomainEvent, reply: Payload, _context: CodecContext
) -> TransactionAcknowledged | None:
    """Read the answer to StopTransaction; a verdict counts only if an idTag was told."""
    if not isinstance(event, TransactionEvent):
        return None
    info = reply.get("idTagInfo") if event.id_token is not None else None
    return TransactionAcknowledged(
        event.transaction_id,
        info=None if info is None else id_tag_info(info),
        token=None if info is None else event.id_token,
    )


def stop_reason(event: TransactionEvent) -> str | None:
    """Return the reason of an Ended event in 1.6's words, None for a normal local stop.

    Where nobody knows the reason and no driver stopped the transaction, leaving it out would be a
    false statement, so it is Other (S16-TXN-04). UnlockCommand and the two resets are known by
    their command; a restart that nobody ordered is a Reboot.
    """
    reason = event.stopped_reason
    if event.trigger is TriggerReason.UNLOCK_COMMAND:
        return "UnlockCommand"
    if reason is None:
        return None if event.trigger is TriggerReason.STOP_AUTHORIZED else _OTHER
    if event.trigger is TriggerReason.RESET_COMMAND and reason in _RESETS:
        return _RESETS[reason]
    return _REASONS.get(reason, _OTHER)


def whole_wh(register_wh: Decimal) -> int:
    """Return a register as meterStart and meterStop hold it, in whole Wh.

    Both are rounded by the same monotonic rule: a later register is never told as less, and their
    difference is within 1 Wh of the energy. A tie goes down, so that it is never told as more
    energy than was measured. Raises ValueError for what is no register.
    """
    if not register_wh.is_finite() or register_wh.adjusted() > _LARGEST_REGISTER_EXPONENT:
        raise ValueError(f"{register_wh} is no energy register")
    return int(register_wh.to_integral_value(rounding=ROUND_HALF_DOWN))


def _start_transaction(event: TransactionEvent, context: CodecContext) -> tuple[Call, ...]:
    """Start in 1.6's sense; a start that was answered already is not told twice."""
    if context.directory.csms_transaction(event.transaction_id) is not None:
        return ()
    token = event.id_token or event.billed_to
    tag = None if token is None else id_tag(token)
    register = _told_register(event)
    if tag is None or register is None:
        _log_untold(event, "has no idTag or no register that 1.6 could carry")
        return ()
    payload = {
        "connectorId": context.directory.connector_of(event.evse, event.connector),
        "idTag": tag,
        "meterStart": register,
        "timestamp": format_datetime(event.at),
        "reservationId": event.reservation_id,
    }
    return (Call("StartTransaction", present(payload)),)


def _stop_transaction(event: TransactionEvent, context: CodecContext) -> tuple[Call, ...]:
    number = context.directory.csms_transaction(event.transaction_id)
    if number is None and event.time_spent_charging_s:
        number = START_WAS_DROPPED
    if number is None:
        logger.info("transaction %.50s ended without ever being one in 1.6", event.transaction_id)
        return ()
    register = _told_register(event)
    if register is None:
        _log_untold(event, "has no register that 1.6 could carry")
        return ()
    payload = {
        "transactionId": number,
        "meterStop": register,
        "timestamp": format_datetime(event.at),
        "reason": stop_reason(event),
        "idTag": None if event.id_token is None else id_tag(event.id_token),
        "transactionData": _values(event, context) or None,
    }
    return (Call("StopTransaction", present(payload)),)


def _meter_values(event: TransactionEvent, context: CodecContext) -> tuple[Call, ...]:
    """Tell the samples of a transaction with its number.

    Before it has one, only what an idle connector would tell too is told.
    """
    number = context.directory.csms_transaction(event.transaction_id)
    if number is None and event.trigger not in _READ_AT_ANY_TIME:
        return ()
    connector = context.directory.connector_of(event.evse, event.connector)
    return meter_values_of(connector, _values(event, context), number)


def _values(event: TransactionEvent, context: CodecContext) -> list[dict[str, Any]]:
    return meter_values(event.meter_values, f"transaction {event.transaction_id:.50}", context)


def _told_register(event: TransactionEvent) -> int | None:
    try:
        return whole_wh(event.register_wh)
    except ValueError:
        return None


def _log_untold(event: TransactionEvent, why: str) -> None:
    logger.error(
        "%s of transaction %.50s cannot be told: it %s",
        event.phase.value,
        event.transaction_id,
        why,
    )
