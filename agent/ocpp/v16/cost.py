"""Prices and costs in 1.6: the messages of the California pricing note inside DataTransfer."""

import re
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from agent.core.commands import Command
from agent.core.cost import LONGEST_TEXT, CostTold, PriceTold
from agent.ocpp.codec import CodecContext, Payload
from agent.ocpp.v16.authorization import id_token
from agent.ocpp.v16.extensions import Extension, Unreadable, text_of
from agent.ocpp.v16.transaction_numbers import UnknownTransaction, transaction_id_of

VENDOR: Final = "org.openchargealliance.costmsg"
_LONGEST_TOKEN: Final = 20
_MOST: Final = Decimal(10) ** 9
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?")


def _set_user_price(inside: Payload, context: CodecContext) -> Command:
    token = id_token(text_of(inside, "idToken", _LONGEST_TOKEN), context.tag_kind)
    return PriceTold(token, text_of(inside, "priceText", LONGEST_TEXT))


def _running_cost(inside: Payload, context: CodecContext) -> Command:
    return CostTold(transaction_id=_transaction(inside, context), cost=_cost(inside))


def _final_cost(inside: Payload, context: CodecContext) -> Command:
    return CostTold(
        transaction_id=_transaction(inside, context),
        cost=_cost(inside),
        is_final=True,
        text=_optional(inside, "priceText"),
        code_text=_optional(inside, "qrCodeText"),
    )


def _transaction(inside: Payload, context: CodecContext) -> str:
    number = inside.get("transactionId")
    if type(number) is not int:
        raise Unreadable("transactionId is no integer")
    try:
        return transaction_id_of(number, context)
    except UnknownTransaction as unknown:
        raise Unreadable(str(unknown)) from unknown


def _cost(inside: Payload) -> Decimal:
    """Return the cost as it is written: through a binary fraction it would be another one."""
    value = inside.get("cost")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable("cost is no number")
    text = str(value)
    if not _NUMBER.fullmatch(text) or abs(Decimal(text)) > _MOST:
        raise Unreadable("cost is out of bounds")
    return Decimal(text)


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
