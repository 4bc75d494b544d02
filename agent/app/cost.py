"""Prices and costs put together, and how they are shown."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.cost import (
    ChargingPrice,
    CostTold,
    IdlePrice,
    NextPeriod,
    PriceText,
    shown_cost,
)
from agent.core.device_model import DeviceModel
from agent.core.vocabulary import IdToken
from agent.services.cost import CostService
from agent.services.cost_triggers import CostTriggers
from agent.services.evse import EvseService
from agent.services.history import utc_text
from agent.services.meter_reader import MeterReader

USUAL_DECIMALS: Final = 2
_TEXTS: Final = MappingProxyType(
    {
        "en": sv.V16_DEFAULT_PRICE_TEXT_EN,
        "de": sv.V16_DEFAULT_PRICE_TEXT_DE,
        "fr": sv.V16_DEFAULT_PRICE_TEXT_FR,
        "nl": sv.V16_DEFAULT_PRICE_TEXT_NL,
    }
)


def cost_service(
    f: Foundations,
    evses: Mapping[int, EvseService],
    meters: Mapping[int, MeterReader],
    on_price: Callable[[IdToken], None],
) -> CostService:
    """Return the service with what it knew before the last restart."""
    triggers = CostTriggers(evses, meters, f.clock.now)
    return CostService(f.storage.documents, triggers, on_price)


def default_price(model: DeviceModel, *, online: bool) -> tuple[str | None, dict[str, str]]:
    """Return the words for who has no price of their own, and the same by language.

    A text in the language that is set goes before the one that has none.
    """
    found = {name: _words(model.text(key, default=""), online) for name, key in _TEXTS.items()}
    texts = {name: words for name, words in found.items() if words is not None}
    own = texts.get(model.text(sv.V16_LANGUAGE, default=""))
    return own or _words(model.text(sv.V16_DEFAULT_PRICE, default=""), online), texts


def _words(text: str, online: bool) -> str | None:  # noqa: FBT001 - as it is asked for above
    """Return what a default price says; other versions may have set what is none."""
    try:
        named = json.loads(text or "{}")
    except ValueError:
        return None
    if not isinstance(named, dict):
        return None
    fields = ("priceText",) if online else ("priceTextOffline", "priceText")
    return next((named[f] for f in fields if isinstance(named.get(f), str) and named[f]), None)


def cost_decimals(model: DeviceModel) -> int:
    """Return with how many decimals people are shown a cost."""
    return model.integer(sv.V16_COST_DECIMALS, default=USUAL_DECIMALS)


def cost_told(told: CostTold, decimals: int) -> dict[str, Any]:
    """Return a cost as the local API tells it; numbers are texts with all their digits.

    `cost_shown` alone is rounded to the `decimals` that people are shown.
    """
    return {
        "cost": str(told.cost),
        "cost_shown": shown_cost(told.cost, decimals),
        "is_final": told.is_final,
        "state": told.state,
        "counted_until": None if told.at is None else utc_text(told.at),
        "counted_until_wh": None if told.register_wh is None else str(told.register_wh),
        "text": told.text,
        "texts": texts_told(told.texts),
        "code_text": told.code_text,
        "charging_price": _charging(told.charging_price),
        "idle_price": _idle(told.idle_price),
        "next_period": _next(told.next_period),
    }


def texts_told(texts: tuple[PriceText, ...]) -> dict[str, str]:
    """Return words by language."""
    return {text.language: text.text for text in texts}


def _charging(price: ChargingPrice | None) -> dict[str, str | None] | None:
    if price is None:
        return None
    named = (("per_kwh", price.per_kwh), ("per_hour", price.per_hour), ("flat_fee", price.flat_fee))
    return {name: None if value is None else str(value) for name, value in named}


def _idle(price: IdlePrice | None) -> dict[str, Any] | None:
    if price is None:
        return None
    per_hour = None if price.per_hour is None else str(price.per_hour)
    return {"grace_minutes": price.grace_minutes, "per_hour": per_hour}


def _next(period: NextPeriod | None) -> dict[str, Any] | None:
    if period is None:
        return None
    return {
        "at": utc_text(period.at),
        "charging_price": _charging(period.charging),
        "idle_price": _idle(period.idle),
    }
