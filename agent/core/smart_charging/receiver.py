"""What the relays of a receiver on site ask for: a ripple control receiver, a relay of the grid.

A receiver has some relays; which of them are on means one limit, or none. What means nothing, and
relays that cannot be read, mean the fail-safe limit: whoever gives the orders is not understood.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from agent.core.records import dataclass
from agent.core.smart_charging.outside import LimitOrigin, OutsideLimit
from agent.core.vocabulary import RateUnit


@dataclass(frozen=True, slots=True)
class Amount:
    """A limit in A per phase or W in total."""

    limit: Decimal
    unit: RateUnit = RateUnit.AMPERE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRule:
    """How a receiver is read.

    `meanings` gives the limit, None for none, by the relays that are on. A signal counts once it
    has lasted `debounce_s`. A limit that is `grid_critical` holds without random delay.
    """

    id: str
    origin: LimitOrigin
    meanings: Mapping[frozenset[str], Amount | None]
    fail_safe: Amount
    grid_critical: bool = True
    debounce_s: float = 0.3


@dataclass(frozen=True, slots=True)
class Signal:
    """What was read: the relays that are on, or why nobody knows."""

    on: frozenset[str] = frozenset()
    trouble: str = ""

    def means_the_same(self, other: "Signal") -> bool:
        """Tell whether two signals differ in the words of their trouble at most."""
        return bool(self.trouble) is bool(other.trouble) and (bool(self.trouble) or self == other)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a device on site asks for, `limit` None for no limit; `sentence` says why.

    `failed`: it asks for nothing that it could be held to, so that the fail-safe limit holds.
    """

    limit: OutsideLimit | None
    sentence: str
    failed: bool = False


def demand(rule: ReceiverRule, signal: Signal) -> Demand:
    """Return what a signal asks for."""
    if signal.trouble:
        return _failed(rule, f"cannot be read: {signal.trouble}")
    said = f"{_listed(signal.on)} on"
    if signal.on not in rule.meanings:
        return _failed(rule, f"{said}, which means nothing")
    amount = rule.meanings[signal.on]
    return Demand(None if amount is None else _limit(rule, amount), said)


class Settling(NamedTuple):
    """A signal on its way: what counts, and what has been seen since when."""

    counts: Signal
    seen: Signal
    since_s: float


def settle(before: Settling | None, signal: Signal, now_s: float, debounce_s: float) -> Settling:
    """Return what counts after another look; the very first signal counts at once."""
    if before is None:
        return Settling(signal, signal, now_s)
    since_s = before.since_s if signal.means_the_same(before.seen) else now_s
    if signal.means_the_same(before.counts):
        # A relay that bounces keeps what it says; the words of a trouble may change at any time.
        return Settling(signal, signal, since_s)
    counts = signal if now_s - since_s >= debounce_s else before.counts
    return Settling(counts, signal, since_s)


def _failed(rule: ReceiverRule, trouble: str) -> Demand:
    sentence = f"{trouble}; its fail-safe limit holds"
    return Demand(_limit(rule, rule.fail_safe), sentence, failed=True)


def _limit(rule: ReceiverRule, amount: Amount) -> OutsideLimit:
    return OutsideLimit(
        origin=rule.origin,
        limit=amount.limit,
        unit=amount.unit,
        grid_critical=rule.grid_critical,
    )


def _listed(relays: frozenset[str]) -> str:
    if not relays:
        return "no relay is"
    verb = "is" if len(relays) == 1 else "are"
    return f"{' and '.join(sorted(relays))} {verb}"
