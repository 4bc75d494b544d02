"""An EV that draws more than it is offered, as the meter sees it.

The fuse and the circuit breaker protect the wires; this is for the EV that ignores the pilot. The
thresholds are this product's: 10 % and half an ampere are what open charging firmware allows for
meters and rounding, and a second, faster threshold keeps a gross excess from lasting. What counts
as offered is the most of the last seconds, because an EV has 5 s to follow an offer that falls (IEC
61851-1, A.3) and a meter tells its average late.
"""

from decimal import Decimal

from agent.core.records import dataclass

FOLLOW_S = 7.0
"""5 s for the EV and two readings of the meter."""
NOISE_A = Decimal("0.5")
BANDS = ((Decimal("1.10"), 10.0), (Decimal("1.25"), 3.0))
"""Factors of the offer, and for how many seconds more than that may be drawn."""


@dataclass(frozen=True, slots=True)
class OverCurrent:
    """What was offered lately, as (instant, A), and since when each band is exceeded."""

    offers: tuple[tuple[float, Decimal], ...] = ()
    since_s: tuple[float | None, ...] = (None,) * len(BANDS)
    tripped: bool = False


NOTHING_DRAWN = OverCurrent()


def watched(
    before: OverCurrent, now_s: float, offered_a: Decimal, drawn_a: Decimal | None
) -> OverCurrent:
    """Take in the offer and the highest current of any phase while the contactor is closed.

    `drawn_a` None: nobody measures it now, and nothing is concluded.
    """
    offers = (*_of_the_window(before.offers, now_s), (now_s, offered_a))
    if drawn_a is None:
        return OverCurrent(offers)
    allowed_a = max(amperes for _, amperes in offers)
    since_s = tuple(
        _since(since, now_s, exceeded=drawn_a > allowed_a * factor + NOISE_A)
        for since, (factor, _) in zip(before.since_s, BANDS, strict=True)
    )
    tripped = any(
        since is not None and now_s - since >= longest_s
        for since, (_, longest_s) in zip(since_s, BANDS, strict=True)
    )
    return OverCurrent(offers, since_s, tripped)


def _of_the_window(
    offers: tuple[tuple[float, Decimal], ...], now_s: float
) -> tuple[tuple[float, Decimal], ...]:
    """Return the offers that held within the window; each held until the next one began."""
    ends_s = (*(at_s for at_s, _ in offers[1:]), now_s)[: len(offers)]
    held = zip(offers, ends_s, strict=True)
    return tuple(offer for offer, end_s in held if now_s - end_s < FOLLOW_S)


def _since(since_s: float | None, now_s: float, *, exceeded: bool) -> float | None:
    if not exceeded:
        return None
    return now_s if since_s is None else since_s
