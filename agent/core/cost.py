"""What the CSMS says of prices and costs; the station shows it and computes nothing.

So that the CSMS can compute, it names when it needs to know the meter (`MeterTriggers`).

Source: OCA application note on the California pricing requirements (1.6), CostUpdated (2.x).
"""

from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum

from agent.core.records import dataclass
from agent.core.vocabulary import ChargingState, IdToken

LONGEST_TEXT = 512
HYSTERESIS = Decimal("0.05")
"""The share of a power threshold by which it must be passed, so that noise at it says nothing."""


@dataclass(frozen=True, slots=True)
class PriceText:
    """Words for the driver in another language than the CSMS's own."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class PriceTold:
    """The price of a token's driver, in words; it is shown and never used for a calculation."""

    token: IdToken
    text: str
    texts: tuple[PriceText, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPrice:
    """What charging costs, in the currency of the CSMS; None is what it does not say."""

    per_kwh: Decimal | None = None
    per_hour: Decimal | None = None
    flat_fee: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePrice:
    """What it costs to stay without charging, after some time of grace."""

    grace_minutes: int | None = None
    per_hour: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPeriod:
    """The prices from an instant on."""

    at: datetime
    charging: ChargingPrice | None = None
    idle: IdlePrice | None = None


class CostState(StrEnum):
    """What a running cost is counted for."""

    CHARGING = "Charging"
    IDLE = "Idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterTriggers:
    """When the CSMS wants meter values of a transaction besides the usual ones; None is never.

    At an instant and at a register once, at a power whenever it is passed upwards or downwards, at
    a state whenever it is entered.
    """

    at: datetime | None = None
    register_wh: Decimal | None = None
    power_w: Decimal | None = None
    states: frozenset[ChargingState] = frozenset()


@dataclass(frozen=True, slots=True)
class Measured:
    """What triggers look at; power is None where no meter tells it."""

    at: datetime
    register_wh: Decimal
    power_w: Decimal | None
    state: ChargingState


@dataclass(frozen=True, slots=True)
class TriggerWatch:
    """Triggers with what was seen last; `above` is the side of the power threshold, if known."""

    triggers: MeterTriggers
    last: Measured
    above: bool | None = None

    def seen(self, now: Measured) -> "tuple[TriggerWatch, bool]":
        """Look again; return also whether a trigger was passed since the look before.

        What had been passed when the CSMS named it is no news: it knew it when it did, and would
        name it again in its answer, for ever.
        """
        # A register never falls; right after a restart it may not be known yet.
        now = replace(now, register_wh=max(now.register_wh, self.last.register_wh))
        above = _side(self.triggers.power_w, now.power_w, was=self.above)
        crossed = self.above is not None and above is not self.above
        passed = crossed or _passed(self.triggers, self.last, now)
        return replace(self, last=now, above=above), passed

    def differs(self, before: "TriggerWatch") -> bool:
        """Tell whether something else would be told after a restart than with `before`."""
        return self.above is not before.above or self.last.state is not before.last.state


def watched(triggers: MeterTriggers, now: Measured) -> TriggerWatch:
    """Begin to watch triggers."""
    return TriggerWatch(triggers, now, _side(triggers.power_w, now.power_w, was=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTold:
    """What a transaction has cost so far, or in the end; in the currency of the CSMS.

    `text` are words for the driver, `texts` the same in other languages, `code_text` what a code to
    be scanned would hold. `at` and `register_wh` say up to when it is counted. `triggers` take the
    place of those that were told before.
    """

    transaction_id: str
    cost: Decimal
    is_final: bool = False
    text: str = ""
    code_text: str = ""
    triggers: MeterTriggers | None = None
    texts: tuple[PriceText, ...] = ()
    state: CostState | None = None
    at: datetime | None = None
    register_wh: Decimal | None = None
    charging_price: ChargingPrice | None = None
    idle_price: IdlePrice | None = None
    next_period: NextPeriod | None = None


@dataclass(frozen=True, slots=True)
class KeptCost:
    """A cost as it is kept, with the watch for its triggers; later ones have higher numbers."""

    number: int
    told: CostTold
    watch: TriggerWatch | None = None


@dataclass(frozen=True, slots=True)
class KeptPrice:
    """The words of a price as they are kept; whose they are is not."""

    number: int
    text: str
    texts: tuple[PriceText, ...] = ()


def shown_cost(cost: Decimal, decimals: int) -> str:
    """Return a cost with so many decimals, rounded half up, as people read it."""
    digits = max(cost.adjusted(), 0) + decimals + 2
    rounded = cost.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, Context(prec=digits))
    return format(rounded or abs(rounded), "f")


def _passed(triggers: MeterTriggers, before: Measured, now: Measured) -> bool:
    at, register_wh = triggers.at, triggers.register_wh
    return (
        (at is not None and before.at < at <= now.at)
        or (register_wh is not None and before.register_wh < register_wh <= now.register_wh)
        or (now.state in triggers.states and now.state is not before.state)
    )


def _side(threshold_w: Decimal | None, power_w: Decimal | None, *, was: bool | None) -> bool | None:
    """Return whether power is above a threshold; near it, it is where it was."""
    if threshold_w is None or power_w is None:
        return was
    if was is None:
        return power_w >= threshold_w
    margin_w = threshold_w * HYSTERESIS
    return power_w > threshold_w - margin_w if was else power_w >= threshold_w + margin_w
