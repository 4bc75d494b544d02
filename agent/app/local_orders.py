"""What somebody on site may order: a limit, and priority charging; and which limits there are.

The socket belongs to the station's own user; whoever may open it may stop the station as well.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agent.app.smart_charging import SmartCharging
from agent.core.commands import Verdict
from agent.core.smart_charging.outside import LimitOrigin, LimitSource, OutsideLimit
from agent.core.vocabulary import RateUnit
from agent.services.json_lines import failure
from agent.services.smart_charging.outside import LimitRefused

ORDERS = frozenset({"limit", "priority"})


class OrderUnclear(Exception):
    """An order cannot be understood; the message says what is missing."""


class LocalOrders:
    """Carries orders out; each answers what came of it."""

    def __init__(self, smart_charging: SmartCharging) -> None:
        self._smart_charging = smart_charging

    def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Carry out `limit` or `priority`, or answer `limits`; None for anything else."""
        match request["op"]:
            case "limits":
                return self._limits()
            case "limit":
                return self._limit(request)
            case "priority":
                return self._priority(request)
            case _:
                return None

    def _limits(self) -> Mapping[str, Any]:
        """Tell the limits from outside, and what the receivers on site say."""
        from agent.app.site_limits import described, held  # noqa: PLC0415 - for who asks

        outside, site = self._smart_charging.outside, self._smart_charging.site
        return {
            "ok": True,
            "obeyed": outside.is_obeyed,
            "limits": [held(profile) for profile in outside.held],
            "receivers": [] if site is None else described(site),
        }

    def _limit(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set or clear a limit: `amps`, `watts` or `clear`, for an `evse` or the station."""
        try:
            origin = LimitOrigin(
                _whole(request.get("evse", 0), "evse"),
                LimitSource(request.get("source", LimitSource.OTHER.value)),
                generation=request.get("generation") is True,
            )
            if request.get("clear") is True:
                return {"ok": True, "in_s": self._smart_charging.outside.release(origin)}
            limit = _limit(request, origin)
            return {"ok": True, "in_s": self._smart_charging.outside.set(limit)}
        except (LimitRefused, OrderUnclear, ValueError) as refusal:
            return failure(f"limit: {refusal}")

    def _priority(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Switch priority charging of whoever charges at an EVSE `on` or off (K22)."""
        try:
            evse = _whole(request.get("evse", 1), "evse")
        except OrderUnclear as error:
            return failure(f"priority: {error}")
        outcome = self._smart_charging.priority.at_evse(evse, on=request.get("on") is not False)
        if outcome.verdict is Verdict.ACCEPTED:
            return {"ok": True}
        reason = "" if outcome.refusal is None else outcome.refusal.info
        return failure(f"priority: {reason}")


def _limit(request: Mapping[str, Any], origin: LimitOrigin) -> OutsideLimit:
    given = [name for name in ("amps", "watts") if name in request]
    if len(given) != 1:
        raise OrderUnclear('give "amps", "watts" or "clear"')
    amount = request[given[0]]
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise OrderUnclear(f'"{given[0]}" is a number')
    return OutsideLimit(
        origin=origin,
        limit=Decimal(str(amount)),
        unit=RateUnit.AMPERE if given == ["amps"] else RateUnit.WATT,
        grid_critical=request.get("grid_critical") is True,
    )


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise OrderUnclear(f'"{name}" is a whole number')
    return value
