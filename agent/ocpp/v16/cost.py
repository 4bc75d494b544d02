"""Prices and costs in 1.6: the messages of the California pricing note inside DataTransfer."""

from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from agent.core.commands import Command
from agent.core.cost import (
    LONGEST_TEXT,
    ChargingPrice,
    CostState,
    CostTold,
    IdlePrice,
    MeterTriggers,
    NextPeriod,
    PriceText,
    PriceTold,
)
from agent.core.events import ConnectorUnplugged
from agent.core.language_tags import is_language_tag
from agent.core.vocabulary import ChargingState
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.timestamps import InvalidTimestamp, format_datetime, parse_datetime
from agent.ocpp.v16.authorization import id_token
from agent.ocpp.v16.extensions import Extension, Unreadable, object_of, text_of, wrapped
from agent.ocpp.v16.extensions import inside as carried
from agent.ocpp.v16.status import ChargePointStatus
from agent.ocpp.v16.transaction_numbers import UnknownTransaction, transaction_id_of

VENDOR: Final = "org.openchargealliance.costmsg"
UNPLUGGED: Final = "ConnectorUnplugged"
_LONGEST_TOKEN: Final = 20
_LONGEST_INSTANT: Final = 40
_STATES: Final = MappingProxyType(
    {
        ChargePointStatus.CHARGING.value: ChargingState.CHARGING,
        ChargePointStatus.SUSPENDED_EV.value: ChargingState.SUSPENDED_EV,
        ChargePointStatus.SUSPENDED_EVSE.value: ChargingState.SUSPENDED_EVSE,
    }
)
_MOST: Final = Decimal(10) ** 9
_FINEST: Final = -9
"""The last decimal place that is kept."""
_MOST_LANGUAGES: Final = 20
_LONGEST_LANGUAGE: Final = 35


def connector_unplugged(event: ConnectorUnplugged, context: CodecContext) -> tuple[Call, ...]:
    """Tell when an EV left after its transaction; one that 1.6 never knew has no idle fee."""
    number = context.directory.csms_transaction(event.transaction_id)
    if number is None:
        return ()
    inside = {"transactionId": number, "timestamp": format_datetime(event.at)}
    payload = {"vendorId": VENDOR, "messageId": UNPLUGGED, "data": wrapped(inside)}
    return (Call("DataTransfer", payload),)


def _set_user_price(inside: Payload, context: CodecContext) -> Command:
    token = id_token(text_of(inside, "idToken", _LONGEST_TOKEN), context.tag_kind)
    return PriceTold(token, text_of(inside, "priceText", LONGEST_TEXT), _texts(inside))


def _running_cost(inside: Payload, context: CodecContext) -> Command:
    """Read a cost, the prices that it comes from, and the triggers for the next one."""
    state = inside.get("state")
    if state is not None and state not in set(CostState):
        raise Unreadable("state is neither Charging nor Idle")
    return CostTold(
        transaction_id=_transaction(inside, context),
        cost=_number(inside, "cost"),
        triggers=_triggers(inside),
        state=None if state is None else CostState(state),
        at=_instant(inside, "timestamp"),
        register_wh=_optional_number(inside, "meterValue"),
        charging_price=charging_price(inside),
        idle_price=_idle_price(inside),
        next_period=_next_period(inside),
    )


def _final_cost(inside: Payload, context: CodecContext) -> Command:
    return CostTold(
        transaction_id=_transaction(inside, context),
        cost=_number(inside, "cost"),
        is_final=True,
        text=_optional(inside, "priceText"),
        texts=_texts(inside),
        code_text=_optional(inside, "qrCodeText"),
    )


def charging_price(inside: Payload) -> ChargingPrice | None:
    """Read what charging costs; None if nothing is said. Raises `Unreadable`."""
    if "chargingPrice" not in inside:
        return None
    named = object_of(inside, "chargingPrice")
    return ChargingPrice(
        per_kwh=_optional_number(named, "kWhPrice"),
        per_hour=_optional_number(named, "hourPrice"),
        flat_fee=_optional_number(named, "flatFee"),
    )


def default_price(text: str) -> str | None:
    """Return a default price as it is set, None if it is none; an empty one takes it back."""
    try:
        named = carried({"data": text})
        _optional(named, "priceText")
        _optional(named, "priceTextOffline")
        charging_price(named)
    except Unreadable:
        return None
    return text


def _idle_price(inside: Payload) -> IdlePrice | None:
    if "idlePrice" not in inside:
        return None
    named = object_of(inside, "idlePrice")
    grace = named.get("graceMinutes")
    if grace is not None and not (type(grace) is int and 0 <= grace <= _MOST):
        raise Unreadable("graceMinutes is no whole number of minutes")
    return IdlePrice(grace_minutes=grace, per_hour=_optional_number(named, "hourPrice"))


def _next_period(inside: Payload) -> NextPeriod | None:
    if "nextPeriod" not in inside:
        return None
    named = object_of(inside, "nextPeriod")
    at = _instant(named, "atTime")
    if at is None:
        raise Unreadable("nextPeriod has no atTime")
    return NextPeriod(at=at, charging=charging_price(named), idle=_idle_price(named))


def _texts(inside: Payload) -> tuple[PriceText, ...]:
    """Read the words in further languages, each language once."""
    named = inside.get("priceTextExtra", [])
    if not isinstance(named, list) or len(named) > _MOST_LANGUAGES:
        raise Unreadable(f"priceTextExtra is no list of at most {_MOST_LANGUAGES} texts")
    texts: dict[str, PriceText] = {}
    for entry in named:
        if not isinstance(entry, dict):
            raise Unreadable("priceTextExtra is no list of objects")
        language = text_of(entry, "language", _LONGEST_LANGUAGE)
        if not is_language_tag(language):
            raise Unreadable("a language is no tag of RFC 5646")
        texts[language.lower()] = PriceText(language, text_of(entry, "content", LONGEST_TEXT))
    return tuple(texts.values())


def _transaction(inside: Payload, context: CodecContext) -> str:
    number = inside.get("transactionId")
    if type(number) is not int:
        raise Unreadable("transactionId is no integer")
    try:
        return transaction_id_of(number, context)
    except UnknownTransaction as unknown:
        raise Unreadable(str(unknown)) from unknown


def _triggers(inside: Payload) -> MeterTriggers | None:
    """Read when more meter values are wanted; None if nothing that can happen is named."""
    if "triggerMeterValue" not in inside:
        return None
    named = object_of(inside, "triggerMeterValue")
    triggers = MeterTriggers(
        at=_instant(named, "atTime"),
        register_wh=_thousand(named, "atEnergykWh"),
        power_w=_thousand(named, "atPowerkW"),
        states=_states(named.get("atCPStatus", [])),
    )
    return None if triggers == MeterTriggers() else triggers


def _instant(inside: Payload, field: str) -> datetime | None:
    if field not in inside:
        return None
    try:
        return parse_datetime(text_of(inside, field, _LONGEST_INSTANT))
    except InvalidTimestamp as error:
        raise Unreadable(f"{field} is no instant") from error


def _thousand(inside: Payload, field: str) -> Decimal | None:
    """Return what is written in kWh or kW in Wh or W."""
    return _number(inside, field) * 1000 if field in inside else None


def _states(named: Any) -> frozenset[ChargingState]:
    """Read statuses; those that no running transaction has tell their meter in StopTransaction."""
    names = [named] if isinstance(named, str) else named
    if not isinstance(names, list) or not set(map(str, names)) <= set(ChargePointStatus):
        raise Unreadable("atCPStatus is no list of statuses")
    return frozenset(_STATES[name] for name in names if name in _STATES)


def _number(inside: Payload, field: str) -> Decimal:
    """Return a number as it is written: through a binary fraction it would be another one."""
    value = inside.get(field)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable(f"{field} is no number")
    number = Decimal(value)
    places = number.as_tuple().exponent
    if not (isinstance(places, int) and places >= _FINEST and abs(number) <= _MOST):
        raise Unreadable(f"{field} is out of bounds")
    return Decimal(f"{number:f}")


def _optional_number(inside: Payload, field: str) -> Decimal | None:
    return _number(inside, field) if field in inside else None


def _optional(inside: Payload, field: str) -> str:
    return text_of(inside, field, LONGEST_TEXT) if field in inside else ""


MESSAGES: Final = MappingProxyType(
    {
        "FinalCost": Extension(_final_cost),
        "RunningCost": Extension(_running_cost),
        "SetUserPrice": Extension(_set_user_price),
    }
)
"""What the CSMS may send; DataTransfer itself says whether it was taken."""
